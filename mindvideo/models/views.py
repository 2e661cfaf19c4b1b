"""Which of a film's frames the model sees together: whole numbers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mindvideo.errors import InputError


def count_frames(clips: int, num_frames: int, rate: float) -> int:
    """Frames of a film: its duration times its frame rate, rounded.

    Parameters are those of :class:`mindvideo.models.film.Film`.
    """
    return round(clips * num_frames * rate)


@dataclass(frozen=True)
class Views:
    """Which frames the model sees together at one step.

    Attributes
    ----------
    offsets
        Frames of a view, counted from its first.
    hop
        Frames from a view to the next of its phase.
    phases
        Views begin at this many frames in a row: each sees what the others leave out.
    length
        Frames of the film.
    """

    offsets: tuple[int, ...]
    hop: int
    phases: int
    length: int

    @property
    def span(self) -> int:
        """Frames from a view's first to its last, both counted."""
        return self.offsets[-1] + 1

    @property
    def _last(self) -> int:
        return self.length - self.span - self.phases + 1

    def __len__(self) -> int:
        return (math.ceil(self._last / self.hop) + 1) * self.phases

    def start(self, view: int) -> int:
        """First frame of a view; the views of the last hop end the film."""
        hops, phase = divmod(view, self.phases)
        return min(hops * self.hop, self._last) + phase

    def reached(self, view: int) -> int:
        """Count the frames that no view from this one on sees."""
        return self.start(view - view % self.phases) if view < len(self) else self.length

    @property
    def weights(self) -> Tensor:
        """What a view's frames count where views overlap: (f,), a Hann window."""
        f = len(self.offsets)
        return torch.sin(math.pi * (torch.arange(f) + 0.5) / f) ** 2


@dataclass(frozen=True)
class Grid:
    """The frames that are denoised: the film's, or more where it has fewer than a clip.

    Attributes
    ----------
    rate
        Frames for one frame of a clip, at least 1.
    every
        The film is every how many-th of them.
    film
        Frames of the film.
    spread, dense
        The two kinds of views; one and the same at the model's frame rate.
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
        """Whether a frame is one of the film's."""
        return frame % self.every == 0 and frame // self.every < self.film

    def time_of(self, start: int, views: Views) -> float:
        """When a view's condition is taken [clips]: k for a view that is clip k."""
        f = len(views.offsets)
        middle = (start + sum(views.offsets) / f) / self.rate
        return (middle - (f - 1) / 2) / f


def plan_views(clips: int, num_frames: int, rate: float, overlap: float) -> Grid:
    """Lay views over a film; parameters are those of :class:`.Film`.

    Where the rate is no whole number, frames of a spread view are those nearest to the times of a
    clip's. A film slower than the model's clips is made at a multiple of its rate.

    Raises
    ------
    InputError
        If there is nothing to make, or rate or overlap are out of range.
    """
    if clips < 1:
        raise InputError("no windows: a film is made of at least one")
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"a film of {rate:g} times a clip's frame rate; it must be above 0")
    if not 0 <= overlap < 1:
        raise InputError(
            f"views that overlap by {overlap:g} of their length: at least 0 and less than 1 was "
            "needed (0: clips side by side, as the model makes them alone)"
        )
    film = count_frames(clips, num_frames, rate)
    if film < 1:
        raise InputError(
            f"{clips} clips of {num_frames} frames, at {rate:g} times their frame rate, are no "
            "frame at all: ask for more frames per second"
        )
    every = math.ceil(1 / rate - 1e-9)
    rate *= every
    stride = max(1, round(num_frames * (1 - overlap)))
    offsets = tuple(math.floor(k * rate + 0.5) for k in range(num_frames))
    phases = math.ceil(rate - 1e-9)
    # A view's frames beyond the end of the film, if any, are thrown away.
    length = max(film * every, offsets[-1] + phases)
    spread = Views(offsets, max(1, math.floor(stride * rate + 1e-9)), phases, length)
    dense = Views(tuple(range(num_frames)), stride, 1, length)
    return Grid(rate, every, film, spread, dense)
