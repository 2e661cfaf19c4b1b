"""Flicker: how much more frames change at the borders between clips than inside clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mindvideo.errors import InputError


@dataclass(frozen=True)
class Flicker:
    """Mean absolute differences of neighbouring frames, in units of their values.

    Attributes
    ----------
    borders
        Number of pairs of frames with a border between them.
    at_borders, inside
        Mean over these pairs, and over all others; NaN without any.
    """

    borders: int
    at_borders: float
    inside: float

    @property
    def ratio(self) -> float:
        """Change at borders divided by that inside: 1 if borders are indistinguishable."""
        return self.at_borders / self.inside if self.inside else float("nan")


def frame_change(before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference of two frames, uint8 (h, w, 3)."""
    return float(np.abs(after.astype(np.int16) - before.astype(np.int16)).mean())


def flicker(changes: np.ndarray, frames_per_clip: float) -> Flicker:
    """Compare the change between frames at borders with that inside clips.

    Parameters
    ----------
    changes : ndarray, (n_frames - 1,)
        :func:`frame_change` from each frame to the next.
    frames_per_clip : float
        Border k is at k times this; if that is not a whole number, before the next frame.

    Raises
    ------
    InputError
        If clips have no duration.

    Examples
    --------
    Six frames, in clips of three: the third change crosses the border.

    >>> flicker(np.array([1, 1, 4, 1, 1]), frames_per_clip=3)
    Flicker(borders=1, at_borders=4.0, inside=1.0)
    """
    if not frames_per_clip > 0:
        raise InputError(f"clips of {frames_per_clip:g} frames: expected more than 0")
    changes = np.asarray(changes, float)
    clip = np.floor(np.arange(len(changes) + 1) / frames_per_clip + 1e-9)
    border = np.diff(clip) > 0
    means = [
        float(x.mean()) if len(x) else float("nan") for x in (changes[border], changes[~border])
    ]
    return Flicker(int(border.sum()), *means)
