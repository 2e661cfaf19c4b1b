"""Which of a film's frames the model processes together, in integer arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mindvideo.errors import InputError


def count_frames(clips: int, num_frames: int, rate: float) -> int:
    """Number of frames of a film: its duration times its frame rate, rounded.

    Parameters are those of :class:`mindvideo.models.film.Film`.
    """
    return round(clips * num_frames * rate)


@dataclass(frozen=True)
class Views:
    """Which frames the model processes together at one step.

    Attributes
    ----------
    offsets
        Frames of a view, relative to its first.
    hop
        Number of frames from a view to the next of its phase.
    phases
        Number of consecutive frames at which views start: each phase covers the frames that the
        others skip.
    length
        Number of frames of the film.
    """

    offsets: tuple[int, ...]
    hop: int
    phases: int
    length: int

    @property
    def span(self) -> int:
        """Number of frames from a view's first to its last, inclusive."""
        return self.offsets[-1] + 1

    @property
    def _last(self) -> int:
        return self.length - self.span - self.phases + 1

    def __len__(self) -> int:
        return (math.ceil(self._last / self.hop) + 1) * self.phases

    def start(self, view: int) -> int:
        """First frame of a view; the views of the last hop end with the film."""
        hops, phase = divmod(view, self.phases)
        return min(hops * self.hop, self._last) + phase

    def reached(self, view: int) -> int:
        """Count the frames that neither this view nor a later one covers."""
        return self.start(view - view % self.phases) if view < len(self) else self.length

    @property
    def weights(self) -> Tensor:
        """Weights of a view's frames where views overlap: (f,), a Hann window."""
        f = len(self.offsets)
        return torch.sin(math.pi * (torch.arange(f) + 0.5) / f) ** 2


@dataclass(frozen=True)
class Grid:
    """The frames that are denoised: those of the film, or more if its rate is below the model's.

    Attributes
    ----------
    rate
        Number of frames for one frame of a clip, at least 1.
    every
        The film consists of every `every`-th of these frames.
    film
        Number of frames of the film.
    spread, dense
        The two kinds of views, which are identical at the model's frame rate.
    """

    rate: float
    every: int
    film: int
    spread: Views
    dense: Views

    @property
    def is_models(self) -> bool:
        """Whether the frame rate is that of the model's clips."""
        return self.spread == self.dense

    def is_films(self, frame: int) -> bool:
        """Whether a frame is part of the film."""
        return frame % self.every == 0 and frame // self.every < self.film

    def time_of(self, start: int, views: Views) -> float:
        """Time of a view's condition [clips]: k for a view that is clip k."""
        f = len(views.offsets)
        middle = (start + sum(views.offsets) / f) / self.rate
        return (middle - (f - 1) / 2) / f


def plan_views(clips: int, num_frames: int, rate: float, overlap: float) -> Grid:
    """Divide a film into views; parameters are those of :class:`.Film`.

    If the rate is not a whole number, frames of a spread view are those nearest to the times of a
    clip's frames. A film with a lower rate than the model's clips is generated at a multiple of its
    rate.

    Raises
    ------
    InputError
        If there is nothing to generate, or rate or overlap are out of range.
    """
    if clips < 1:
        raise InputError("no windows: a film needs at least one")
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"a film of {rate:g} times a clip's frame rate; it must be above 0")
    if not 0 <= overlap < 1:
        raise InputError(
            f"overlap of views: {overlap:g} of their length; expected at least 0 and less than 1 "
            "(0: independent clips in sequence)"
        )
    film = count_frames(clips, num_frames, rate)
    if film < 1:
        raise InputError(
            f"{clips} clips of {num_frames} frames, at {rate:g} times their frame rate, give no "
            "frame: raise the frame rate"
        )
    every = math.ceil(1 / rate - 1e-9)
    rate *= every
    stride = max(1, round(num_frames * (1 - overlap)))
    offsets = tuple(math.floor(k * rate + 0.5) for k in range(num_frames))
    phases = math.ceil(rate - 1e-9)
    # A view's frames beyond the end of the film, if any, are discarded.
    length = max(film * every, offsets[-1] + phases)
    spread = Views(offsets, max(1, math.floor(stride * rate + 1e-9)), phases, length)
    dense = Views(tuple(range(num_frames)), stride, 1, length)
    return Grid(rate, every, film, spread, dense)
