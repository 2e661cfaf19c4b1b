"""Contrast by orientation and motion by direction, as maps of the film.

Rests on: the motion energy model (Adelson & Bergen 1985) as a pyramid of spatio-temporal Gabor
filters over the film (Nishimoto et al. 2011; pymoten); direction as the difference of opposite
filters (Heeger et al. 1999), so that a still picture drives none.
Leaves out: fine detail (above 8 cycles a frame) and fast motion (above 2 Hz; the films are slow,
whereas Nishimoto et al. use 2 and 4 Hz), and the normalisation of filters by their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from einops import rearrange

FPS = 15  # frame rate of the input [1/s]
PIXELS = 32  # height and width of a frame [px]
WIDTH = 15  # duration of a filter [frames]
SPACING = 2.0  # of filters in space [SD of their envelopes]
FINENESS = (2, 4, 8)  # spatial frequencies [cycles a frame]
RATES = (0, 1, 2)  # temporal frequencies [Hz]
ANGLES = tuple(range(0, 360, 45))  # directions [degrees], 0 to the right, 90 upwards

# Typical amplitude of a filter's response (SD over films, places and time), by rate and fineness:
# the unit of the responses, so that all filters count equally.
TYPICAL = {
    0: {2: 44.0, 4: 14.0, 8: 3.6},
    1: {2: 5.6, 4: 3.3, 8: 1.3},
    2: {2: 0.9, 4: 0.5, 8: 0.4},
}


class Channel(NamedTuple):
    """Tuning of a set of filters that tile the film."""

    rate: int
    """Temporal frequency [Hz]; the channels at 0 are tuned to orientation."""
    fineness: int
    """Spatial frequency [cycles a frame]."""
    angle: int
    """Direction of motion, or perpendicular to the stripes at a rate of 0 [degrees]."""


CHANNELS = tuple(
    Channel(rate, fineness, angle)
    for rate in RATES
    for fineness in FINENESS
    for angle in (ANGLES if rate else ANGLES[: len(ANGLES) // 2])
)


@dataclass(frozen=True)
class Energy:
    """Responses of the filters to a film."""

    centres: dict[int, np.ndarray]
    """For each fineness (n_filters, 2): x to the right, y upwards, in half-widths of the film."""
    maps: dict[Channel, np.ndarray]
    """For each channel (n_frames, n_filters) float32, 0 or more, in units of :data:`TYPICAL`."""


@cache
def _pyramid() -> Any:
    # Imported here: only one stage of the workflow needs it.
    import moten

    return moten.get_default_pyramid(
        vhsize=(PIXELS, PIXELS),
        fps=FPS,
        temporal_frequencies=list(RATES),
        spatial_frequencies=list(FINENESS),
        spatial_directions=list(ANGLES),
        filter_spacing=SPACING,
        include_edges=True,
        filter_temporal_width=WIDTH,
    )


@cache
def _filters(channel: Channel) -> np.ndarray:
    """Columns of the pyramid's responses that belong to a channel.

    pymoten reverses a filter's time as it convolves, so its 0° responds to motion to the left
    (measured with gratings, as in the tests).
    """
    parameters = _pyramid().parameters
    angle = (channel.angle + 180) % 360 if channel.rate else channel.angle
    return np.flatnonzero(
        (parameters.temporal_freq == channel.rate)
        & (parameters.spatial_freq == channel.fineness)
        & (parameters.direction == angle)
    )


def filter_centres(fineness: int) -> np.ndarray:
    """Centres of a channel's filters, as in :class:`Energy`."""
    parameters = _pyramid().parameters
    columns = _filters(Channel(0, fineness, 0))
    x, y = 2 * parameters.centerh[columns] - 1, 1 - 2 * parameters.centerv[columns]
    return np.stack([x, y], axis=1)


def motion_energy(light: np.ndarray, cuts: Sequence[int] = ()) -> Energy:
    """Motion energy of successive frames.

    Parameters
    ----------
    light : (n_frames, PIXELS, PIXELS) float
        Luminance, 0…1, :data:`FPS` frames per second.
    cuts : sequence of int
        First frames of new shots. A cut is no motion: each shot is filtered as if its first and
        last frames stood still before and after it.
    """
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(light)}), len(light)]
    index, kept = [], []
    for start, end in pairwise(edges):
        shot = np.arange(start - WIDTH // 2 - 1, end + WIDTH // 2 + 1)
        index.append(np.clip(shot, start, end - 1))
        kept.append((shot >= start) & (shot < end))
    stills = rearrange(light[np.concatenate(index)] - 0.5, "t h w -> t (h w)")
    responses = _pyramid().project_stimulus_batched(
        stills.astype(np.float32), output_nonlinearity=lambda x: x
    )[np.concatenate(kept)]
    maps = {}
    for channel in CHANNELS:
        amplitude = responses[:, _filters(channel)]
        if channel.rate:
            opposite = channel._replace(angle=(channel.angle + 180) % 360)
            amplitude = np.maximum(amplitude - responses[:, _filters(opposite)], 0)
        maps[channel] = amplitude / np.float32(TYPICAL[channel.rate][channel.fineness])
    return Energy({f: filter_centres(f) for f in FINENESS}, maps)
