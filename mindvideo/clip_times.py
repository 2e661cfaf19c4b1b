"""The volumes of each clip: which ones its window has, and which ones of a run are kept.

Time 0 is the start of the first volume kept: the onset of the film, plus the haemodynamic delay.
Clip c then starts at ``c * seconds``, and volume k at ``k * tr``.

>>> times = ClipTimes(tr=1.5, seconds=2.0, size=2, interpolation="linear")
>>> [round(first, 3) for first in times.first_volumes(3)]
[0.0, 1.333, 2.667]
>>> times.n_kept(3)  # so the last window, from 2.667 to 3.667, needs volume 4
5

If a clip is as long as a volume, its window begins with the volume of the same number. Two volumes
were recorded after a film of 60 clips; windows that would need a third are left out:

>>> times = ClipTimes(tr=2.0, seconds=2.0, size=4)
>>> times.n_clips(60, available=62), times.n_kept(59)
(59, 62)
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Literal

Interpolation = Literal["nearest", "linear", "cubic"]
"""How values between two volumes are computed, as `scipy.interpolate` names it."""
End = Literal["recorded", "repeat"]
"""What windows have beyond the last volume of the film: the volumes recorded after it, or that
volume again."""

DIGITS = 6
"""Positions that differ by less than 1e-6 volumes are the same: durations are rounded numbers."""


@dataclass(frozen=True)
class ClipTimes:
    """How clips and volumes are aligned in time.

    Attributes
    ----------
    tr, seconds : float
        Duration of a volume and of a clip [s].
    size : int
        Volumes of a window.
    interpolation : {"nearest", "linear", "cubic"}
        For clips that do not start with a volume.
    end : {"recorded", "repeat"}
        With `repeat`, windows may extend beyond the last volume of the film by all but their first
        volume, and have the last volume again.
    """

    tr: float
    seconds: float
    size: int
    interpolation: Interpolation = "nearest"
    end: End = "recorded"

    def first_volumes(self, n_clips: int) -> list[float]:
        """Position of the first volume of each window; whole numbers with `nearest`."""
        return [self._first(clip) for clip in range(n_clips)]

    def _first(self, clip: int) -> float:
        first = round(clip * (self.seconds / self.tr), DIGITS)
        return float(math.floor(first + 0.5)) if self.interpolation == "nearest" else first

    def _needed(self, clip: int) -> int:
        """Number of volumes that must have been recorded for the window of a clip."""
        return math.ceil(self._first(clip)) + (self.size if self.end == "recorded" else 1)

    def span(self, n_clips: int) -> int:
        """Number of volumes during which so many clips are shown; the last may be a part of one."""
        return math.ceil(round(n_clips * (self.seconds / self.tr), DIGITS))

    def n_clips(self, n_shown: int, available: int) -> int:
        """Number of clips, from the first on, whose windows were recorded.

        Parameters
        ----------
        n_shown : int
            Clips of the film.
        available : int
            Volumes recorded from time 0 on.
        """
        return bisect.bisect_right(range(n_shown), available, key=self._needed)

    def n_clips_in(self, available: int) -> int:
        """Number of clips for which `available` volumes are enough, however long the film is."""
        return self.n_clips(int(available * self.tr / self.seconds) + 1, available)

    def n_kept(self, n_clips: int, available: int | None = None) -> int:
        """Number of volumes to keep for so many clips.

        Parameters
        ----------
        n_clips : int
            At least 1.
        available : int, optional
            Volumes recorded from time 0 on, if that is known.
        """
        needed = self._needed(n_clips - 1)
        if self.end == "recorded":
            return needed
        kept = max(self.span(n_clips), needed)
        return kept if available is None else min(kept, available)


@dataclass(frozen=True)
class Trim:
    """Which volumes of a run are read, and where time 0 is between them."""

    start: int
    """First volume that is read, counted from 0."""
    n_read: int
    shift: float
    """Time 0 after the start of this volume [volumes], less than 1."""


def trim(start: float, n_volumes: int, interpolation: Interpolation) -> Trim:
    """The volumes to read so that `n_volumes` can be computed from position `start` on.

    Parameters
    ----------
    start : float
        Time 0 after the start of the run [volumes].
    n_volumes : int
    interpolation : {"nearest", "linear", "cubic"}
        With `nearest`, time 0 is moved to the start of the nearest volume.
    """
    start = round(start, DIGITS)
    if interpolation == "nearest":
        return Trim(math.floor(start + 0.5), n_volumes, 0.0)
    first = math.floor(start)
    return Trim(first, n_volumes + (start > first), start - first)
