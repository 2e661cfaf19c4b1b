"""The volumes of each clip, in words that the user can compare with the scanner's protocol."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, warning
from mindvideo.fmri.windows import volumes_of_clips

PLAUSIBLE = (2.0, 10.0)
"""Range for the middle of a window after its clip's onset [s]: the BOLD response to a brief event
peaks 4 to 6 s after it (Glover 1999)."""
NAMED = 4
"""Maximum number of segments to name; of more, only the first and the last are named."""


@dataclass(frozen=True)
class ClipTiming:
    """The volumes of a segment's clips in its runs."""

    tr: float
    """[s]"""
    size: int
    """Number of volumes of a window."""
    clips: int
    recorded: int
    """Number of volumes of a run, including those that are dropped."""
    first: int
    """First and last volume of the first clip's window, counted from 0 in the run as recorded."""
    last: int
    without: int
    """Number of clips at the end whose windows are entirely after the last volume kept."""
    cut_short: int
    """Number of clips before these whose windows are partly after it."""
    onset: float | None
    """Time of the film's first frame after the start of the run [s]."""

    @property
    def delay(self) -> tuple[float, float] | None:
        """Start and end of the window after the onset of its clip [s]."""
        if self.onset is None:
            return None
        return self.first * self.tr - self.onset, (self.last + 1) * self.tr - self.onset

    @property
    def last_ones(self) -> str:
        """The clips without volumes, and a verb."""
        if self.without == 1:
            return f"the last of {self.clips} clips has"
        return f"the last {self.without} of {self.clips} clips have"

    def __str__(self) -> str:
        tr, after = self.tr, "add dataset.film_onset to see how long after the clip's onset"
        if self.delay:
            after = f"{_span(*self.delay)} after the clip's onset"
        volumes = f"volume {self.first}"
        if self.last > self.first:
            volumes = f"volumes {self.first}–{self.last}"
        text = (
            f"clip 0 (film {_span(0, tr)}) ← {volumes} of {self.recorded} (recorded "
            f"{_span(self.first * tr, (self.last + 1) * tr)} after the run's start, {after})"
        )
        if self.without:
            whose, get = ("their own", "get") if self.without > 1 else ("its own", "gets")
            text += f"; {self.last_ones} no volumes of {whose}, and {get} the last volume kept"
        if self.cut_short:
            end = "before them" if self.without else "of the segment"
            verb = "has" if self.cut_short == 1 else "have"
            which = "clip" if self.cut_short == 1 else f"{self.cut_short} clips"
            text += f"; the last {which} {end} {verb} fewer than {self.size} volumes"
        return text


def clip_timing(dataset: Dataset, segment: str, size: int, lag: int) -> ClipTiming:
    """Timing of a segment's clips, for windows of `size` volumes, `lag` volumes after the clip.

    Raises
    ------
    InputError
        If the lag is longer than the segment.
    """
    timing, n = dataset.timing_of(segment), dataset.n_clips(segment)
    volumes = volumes_of_clips(n, size, lag)
    beyond = volumes >= n
    without = int(beyond.all(axis=1).sum())
    return ClipTiming(
        tr=dataset.tr,
        size=size,
        clips=n,
        recorded=timing.drop_start + n + timing.drop_end,
        first=timing.drop_start + int(volumes[0, 0]),
        last=timing.drop_start + int(min(volumes[0, -1], n - 1)),
        without=without,
        cut_short=int(beyond.any(axis=1).sum()) - without,
        onset=dataset.film_onset_of(segment),
    )


def describe_timing(dataset: Dataset, size: int, lag: int, *, everything: bool = False) -> str:
    """The volumes of the first clip of each segment, and the clips at the end without volumes.

    Segments with the same timing share a line. `everything` names all of them.
    """
    alike: dict[ClipTiming, list[str]] = defaultdict(list)
    for segment in dataset.segments:
        try:
            alike[clip_timing(dataset, segment, size, lag)].append(segment)
        except InputError:  # a lag that the check of settings reports
            continue
    lines = []
    for timing, names in alike.items():
        few = everything or len(names) <= NAMED
        named = ", ".join(names) if few else f"{names[0]}, …, {names[-1]} ({len(names)} segments)"
        lines.append(f"  {named}: {timing}")
    return "\n".join(["Volumes of the clips, counted from 0:", *(lines or ["  none: see the lag"])])


def check_timing(dataset: Dataset, size: int, lag: int) -> Iterator[Finding]:
    """Windows that miss the response to their clips, and clips without volumes."""
    for segment in dataset.segments:
        try:
            timing = clip_timing(dataset, segment, size, lag)
        except InputError:  # as above
            continue
        start, end = timing.delay or PLAUSIBLE
        if not PLAUSIBLE[0] <= (start + end) / 2 <= PLAUSIBLE[1]:
            yield warning(
                f"dataset.timing: {segment}",
                f"a clip is paired with the volumes from {start:g} to {end:g} s after its onset, "
                "but the BOLD response peaks 4 to 6 s after it. Check film_onset, "
                "timing.drop_start and lag",
            )
        if timing.without and (after := dataset.timing_of(segment).drop_end):
            more = min(lag, after)
            yield warning(
                f"dataset.timing: {segment}",
                f"{timing.last_ones} no volumes of {'their' if timing.without > 1 else 'its'} own, "
                f"though volumes after the film were recorded. Use them: add {more} to drop_start, "
                f"subtract {more} from drop_end, and set lag: {lag - more}",
            )


def _span(start: float, end: float) -> str:
    return f"{start:g}–{end:g} s" if start >= 0 else f"{start:g} to {end:g} s"
