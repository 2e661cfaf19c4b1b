"""Contrast by orientation and motion by direction, where in the film they are.

Rests on: the motion energy model (Adelson & Bergen 1985) as a pyramid of spatio-temporal Gabor
filters over the film (Nishimoto et al. 2011; pymoten); direction as the difference of opposite
filters (Heeger et al. 1999), so that what stands still drives none.
Leaves out: fine detail (above 8 cycles a frame) and fast motion (above 2 Hz; drawn films are slow,
whereas Nishimoto et al. have 2 and 4 Hz), and the normalisation of filters by their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from einops import rearrange

FPS = 15  # frames looked at a second
PIXELS = 32  # in this size
WIDTH = 15  # of a filter in time [frames]
SPACING = 2.0  # of filters in space [SD of their envelopes]
FINENESS = (2, 4, 8)  # spatial frequencies [cycles a frame]
RATES = (0, 1, 2)  # temporal frequencies [Hz]
ANGLES = tuple(range(0, 360, 45))  # directions [degrees], 0 to the right, 90 upwards

# Typical amplitude of a filter's answer (SD over films, places and time), so that all start equal.
TYPICAL = {
    (0, 2): 44.0, (0, 4): 14.0, (0, 8): 3.6,
    (1, 2): 5.6, (1, 4): 3.3, (1, 8): 1.3,
    (2, 2): 0.9, (2, 4): 0.5, (2, 8): 0.4,
}  # fmt: skip


class Channel(NamedTuple):
    """What a set of filters is tuned to; they tile the film."""

    rate: int
    """Temporal frequency [Hz]; at 0 it is orientation that counts."""
    fineness: int
    """Spatial frequency [cycles a frame]."""
    angle: int
    """Direction of motion, or across the stripes where nothing moves [degrees]."""


CHANNELS = tuple(
    Channel(rate, fineness, angle)
    for rate in RATES
    for fineness in FINENESS
    for angle in (ANGLES if rate else ANGLES[: len(ANGLES) // 2])
)


@dataclass(frozen=True)
class Energy:
    """Answers of the filters to a film."""

    centres: dict[int, np.ndarray]
    """For each fineness (n_filters, 2): x to the right, y upwards, in halves of the film."""
    maps: dict[Channel, np.ndarray]
    """For each channel (n_frames, n_filters) float32, 0 or more, in units of :data:`TYPICAL`."""


@cache
def _pyramid() -> Any:
    # Loaded where needed: only this stage of the workflow knows it.
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
    """Columns of the pyramid's answers that belong to a channel.

    pymoten turns a filter's time around as it convolves, so what it calls 0° answers to motion to
    the left (measured with gratings, as the tests do).
    """
    known = _pyramid().parameters
    angle = (channel.angle + 180) % 360 if channel.rate else channel.angle
    return np.flatnonzero(
        (known.temporal_freq == channel.rate)
        & (known.spatial_freq == channel.fineness)
        & (known.direction == angle)
    )


def filter_centres(fineness: int) -> np.ndarray:
    """Centres of a channel's filters, as in :class:`Energy`."""
    known = _pyramid().parameters
    columns = _filters(Channel(0, fineness, 0))
    return np.stack([2 * known.centerh[columns] - 1, 1 - 2 * known.centerv[columns]], axis=1)


def motion_energy(light: np.ndarray, cuts: Sequence[int] = ()) -> Energy:
    """Energy of successive frames.

    Parameters
    ----------
    light : (n_frames, PIXELS, PIXELS) float
        Luminance, 0…1, :data:`FPS` frames a second.
    cuts : sequence of int
        First frames of new shots. A cut is no motion: each shot is looked at as if it had stood
        still before and after.
    """
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(light)}), len(light)]
    index, kept = [], []
    for start, end in pairwise(edges):
        shot = np.arange(start - WIDTH // 2 - 1, end + WIDTH // 2 + 1)
        index.append(np.clip(shot, start, end - 1))
        kept.append((shot >= start) & (shot < end))
    stills = rearrange(light[np.concatenate(index)] - 0.5, "t h w -> t (h w)")
    answers = _pyramid().project_stimulus_batched(
        stills.astype(np.float32), output_nonlinearity=lambda x: x
    )[np.concatenate(kept)]
    maps = {}
    for channel in CHANNELS:
        size = answers[:, _filters(channel)]
        if channel.rate:
            opposite = channel._replace(angle=(channel.angle + 180) % 360)
            size = np.maximum(size - answers[:, _filters(opposite)], 0)
        maps[channel] = size / np.float32(TYPICAL[channel.rate, channel.fineness])
    return Energy({f: filter_centres(f) for f in FINENESS}, maps)
