"""Motion energy: contrast by orientation and motion by direction, as maps of a film.

Rests on: the motion energy model (Adelson & Bergen 1985) as a pyramid of spatio-temporal Gabor
filters over the film (Nishimoto et al. 2011; pymoten); direction as the difference of opposite
filters (Heeger et al. 1999), so that a still picture drives none.
Leaves out: the normalisation of filters by their neighbours.

A bright bar that moves to the right:

>>> filters = Filters(fps=4, pixels=16, width=5, rates=(0, 1), fineness=(2,), angles=(0, 180))
>>> film = np.zeros((12, 16, 16))
>>> for frame in range(12):
...     film[frame, :, frame : frame + 4] = 1
>>> maps = filters.respond(film)
>>> bool(maps[Channel(1, 2, 0)].mean() > 10 * maps[Channel(1, 2, 180)].mean())
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from einops import rearrange

SPACING = 2.0  # of filters in space [SD of their envelopes]
PIXELS = 32
"""Height and width to which the frames of clips are reduced [px]."""
FINENESS = (2, 4, 8)
"""Spatial frequencies [cycles a frame]."""
SHORTEST = 5
"""Shortest filter in time [frames]: a shorter one has no direction."""


class Channel(NamedTuple):
    """Tuning of a set of filters that tile the film."""

    rate: float
    """Temporal frequency [Hz]; the channels at 0 are tuned to orientation."""
    fineness: int
    """Spatial frequency [cycles a frame]."""
    angle: int
    """Direction of motion, or perpendicular to the stripes at a rate of 0 [degrees]."""


@dataclass(frozen=True)
class Filters:
    """A pyramid of spatio-temporal Gabor filters."""

    fps: int
    """Frame rate of the input [1/s]."""
    pixels: int
    """Height and width of a frame [px]."""
    width: int
    """Duration of a filter [frames]."""
    rates: tuple[float, ...]
    """Temporal frequencies [Hz]; the first is 0."""
    fineness: tuple[int, ...] = FINENESS
    """Spatial frequencies [cycles a frame]."""
    angles: tuple[int, ...] = tuple(range(0, 360, 45))
    """Directions [degrees], 0 to the right, 90 upwards; opposite ones are half of them apart."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """By rate, then fineness, then angle; at a rate of 0, an angle and its opposite are one."""
        return tuple(
            Channel(rate, fineness, angle)
            for rate in self.rates
            for fineness in self.fineness
            for angle in (self.angles if rate else self.angles[: len(self.angles) // 2])
        )

    @cached_property
    def _pyramid(self) -> Any:
        # Imported here: most stages of the workflow do not need it.
        import moten

        return moten.get_default_pyramid(
            vhsize=(self.pixels, self.pixels),
            fps=self.fps,
            temporal_frequencies=list(self.rates),
            spatial_frequencies=list(self.fineness),
            spatial_directions=list(self.angles),
            filter_spacing=SPACING,
            include_edges=True,
            filter_temporal_width=self.width,
        )

    @cached_property
    def _columns(self) -> dict[Channel, np.ndarray]:
        """Columns of the pyramid's responses that belong to each channel.

        pymoten reverses a filter's time as it convolves, so its 0° responds to motion to the left
        (measured with gratings, as in the tests).
        """
        parameters = self._pyramid.parameters
        columns = {}
        for channel in self.channels:
            angle = (channel.angle + 180) % 360 if channel.rate else channel.angle
            columns[channel] = np.flatnonzero(
                (parameters.temporal_freq == channel.rate)
                & (parameters.spatial_freq == channel.fineness)
                & (parameters.direction == angle)
            )
        return columns

    def centres(self, fineness: int) -> np.ndarray:
        """Centres of a channel's filters.

        Returns
        -------
        (n_filters, 2)
            x to the right, y upwards, in half-widths of the film.
        """
        parameters = self._pyramid.parameters
        columns = self._columns[Channel(0, fineness, self.angles[0])]
        x, y = 2 * parameters.centerh[columns] - 1, 1 - 2 * parameters.centerv[columns]
        return np.stack([x, y], axis=1)

    def respond(self, light: np.ndarray, cuts: Sequence[int] = ()) -> dict[Channel, np.ndarray]:
        """Motion energy of successive frames.

        Parameters
        ----------
        light : (n_frames, pixels, pixels) float
            Luminance, 0…1, `fps` frames per second.
        cuts : sequence of int
            First frames of new shots. A cut is no motion: each shot is filtered as if its first and
            last frames stood still before and after it.

        Returns
        -------
        dict of Channel to (n_frames, n_filters) float32
            Amplitudes, 0 or more; of directions, what they exceed that of the opposite one by.
        """
        edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(light)}), len(light)]
        index, kept = [], []
        for start, end in pairwise(edges):
            shot = np.arange(start - self.width // 2 - 1, end + self.width // 2 + 1)
            index.append(np.clip(shot, start, end - 1))
            kept.append((shot >= start) & (shot < end))
        stills = rearrange(light[np.concatenate(index)] - 0.5, "t h w -> t (h w)")
        # In the precision of pymoten's filters: it would convert the film for each batch of them.
        stills = stills.astype(np.float32).astype(np.float64)
        responses = self._pyramid.project_stimulus_batched(stills, output_nonlinearity=lambda x: x)[
            np.concatenate(kept)
        ]
        maps = {}
        for channel in self.channels:
            amplitude = responses[:, self._columns[channel]]
            if channel.rate:
                opposite = channel._replace(angle=(channel.angle + 180) % 360)
                amplitude = np.maximum(amplitude - responses[:, self._columns[opposite]], 0)
            maps[channel] = amplitude
        return maps


def of_clips(clips: np.ndarray, fps: float) -> np.ndarray:
    """Motion energy of a segment's clips, as features of a linear model.

    The filters last a second, or five frames if a second has fewer, and are tuned to stills and to
    a quarter of the frame rate. A feature is log(1 + amplitude), averaged over a clip's frames
    (Nishimoto et al. 2011).

    Parameters
    ----------
    clips : (n_clips, n_frames, h, w, 3) uint8
        Successive clips of one film.
    fps : float
        Frames per second.

    Returns
    -------
    (n_clips, n_filters) float32
    """
    n_clips, n_frames = clips.shape[:2]
    pixels = min(PIXELS, *clips.shape[2:4])
    light = np.concatenate([_reduced(clip, pixels) for clip in clips])
    # pymoten takes whole frame rates. Only cycles a frame count, so the nearest one serves.
    nominal = max(1, round(fps))
    filters = Filters(nominal, pixels, max(SHORTEST, nominal), rates=(0, nominal / 4))
    energy = np.concatenate(list(filters.respond(light).values()), axis=1)
    return np.log1p(energy).reshape(n_clips, n_frames, -1).mean(axis=1, dtype=np.float32)


def _reduced(frames: np.ndarray, pixels: int) -> np.ndarray:
    """Luminance of frames (n, h, w, 3) uint8, averaged over (pixels, pixels) tiles, 0…1."""
    light = frames.mean(axis=-1, dtype=np.float32) / 255
    for axis in (1, 2):
        edges = np.linspace(0, light.shape[axis], pixels + 1).astype(int)
        sums = np.add.reduceat(light, edges[:-1], axis=axis)
        light = sums / np.diff(edges).reshape([-1 if n == axis else 1 for n in range(3)])
    return light
