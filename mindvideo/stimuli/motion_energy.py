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

IN_SPACE = ("centerh", "centerv", "direction", "spatial_freq", "spatial_env")
"""Parameters of pymoten's filters that say what they are in space."""
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

    def _gabors(self, filters: np.ndarray) -> tuple[np.ndarray, ...]:
        """pymoten's Gabor functions: sine and cosine in space (n, pixels²), and in time (n, width).

        `filters` are places in the pyramid.
        """
        from moten.core import mk_3d_gabor_batched

        some = [self._pyramid.filters[n] for n in filters]
        functions: tuple[np.ndarray, ...] = mk_3d_gabor_batched((self.pixels, self.pixels), some)
        return functions

    @cached_property
    def _in_space(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sine and cosine in space (n, pixels²), each once, and which of the n each filter has."""
        values = np.stack([self._pyramid.parameters[name] for name in IN_SPACE], axis=1)
        _, first, which = np.unique(values, axis=0, return_index=True, return_inverse=True)
        sine, cosine, *_ = self._gabors(first)
        seen = np.abs(sine) + np.abs(cosine) > self._pyramid.mask_threshold
        return sine * seen, cosine * seen, which.ravel()

    def _amplitudes(self, stills: np.ndarray, edges: Sequence[int]) -> np.ndarray:
        """Amplitude of each filter at each frame, as by pymoten's ``project_stimulus_batched``.

        The same values in half the time: filters that differ in time only share their products
        with the frames, and a shot stays in the processor's cache.

        Parameters
        ----------
        stills : (n_frames, pixels²) float64
        edges : sequence of int
            First frames of the shots, and the number of frames. Before its first frame and after
            its last one a shot stands still.

        Returns
        -------
        (n_frames, n_filters) float32
        """
        sine, cosine, which = self._in_space
        products = stills @ sine.T, stills @ cosine.T
        out = np.empty((len(stills), len(which)), np.float32)
        after = (self.width + 1) // 2 - 1
        before = self.width - 1 - after
        for rate in self.rates:
            of_rate = np.flatnonzero(self._pyramid.parameters.temporal_freq == rate)
            *_, (sine_in_time,), (cosine_in_time,) = self._gabors(of_rate[:1])
            for start, end in pairwise(edges):
                frames = np.clip(np.arange(start - before, end + after), start, end - 1)
                s, c = (product[np.ix_(frames, which[of_rate])] for product in products)
                odd, even = np.zeros((2, end - start, len(of_rate)), np.float32)
                for n in range(self.width):  # the first value meets the latest frame
                    rows = slice(self.width - 1 - n, len(frames) - n)
                    odd += s[rows] * cosine_in_time[n] + c[rows] * sine_in_time[n]
                    even += c[rows] * cosine_in_time[n] - s[rows] * sine_in_time[n]
                out[start:end, of_rate] = (odd**2 + even**2) ** 0.5
        return out

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
        stills = rearrange(light - 0.5, "t h w -> t (h w)").astype(np.float32)
        responses = self._amplitudes(stills.astype(np.float64), edges)
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
