"""The volumes of each clip, in words that the user can compare with the scanner's protocol."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from mindvideo.clip_times import ClipTimes
from mindvideo.dataset import Dataset
from mindvideo.findings import Finding, warning

PLAUSIBLE = (2.0, 10.0)
"""Range for the middle of a window after its clip's onset [s]: the BOLD response to a brief event
peaks 4 to 6 s after it (Glover 1999)."""
NAMED = 4
"""Maximum number of segments to name; of more, only the first and the last are named."""


@dataclass(frozen=True)
class ClipTiming:
    """The volumes of a segment's clips in a run."""

    times: ClipTimes
    clips: int
    """Number of clips that are used."""
    left_out: int
    """Number of clips after these for which too few volumes were recorded."""
    recorded: int | None
    """Number of volumes of a run, if the description says it."""
    start: float | None
    """First volume of the first clip's window, counted from 0 in the run as recorded; None: the
    table of events has it."""
    lag: int
    repeated: int
    """Number of clips at the end whose windows have the last volume more than once."""
    onset: float | None
    """Time of the film's first frame after the start of the run [s]."""
    film_start: float
    """Where the segment starts in its film [s]."""

    @property
    def delay(self) -> tuple[float, float] | None:
        """Start and end of the window after the onset of its clip [s]."""
        tr = self.times.tr
        if self.start is None:
            first = self.lag * tr
        elif self.onset is None:
            return None
        else:
            first = self.start * tr - self.onset
        return round(first, 6), round(first + self.times.size * tr, 6)

    def __str__(self) -> str:
        tr, size = self.times.tr, self.times.size
        after = "add dataset.film_onset to see how long after the clip's onset"
        if self.delay:
            after = f"{_span(*self.delay)} after the clip's onset"
        if self.start is None:
            place = f"{size} volume{'s'[: size > 1]} from the onset of its event on"
            if self.lag:
                place += f", {self.lag} volume{'s'[: self.lag > 1]} later"
            text = f"{place} ({after})"
        else:
            last = self.start + size - 1
            volumes = f"volume {self.start:g}"
            if last > self.start:
                volumes = f"volumes {self.start:g}–{last:g}"
            of = f" of {self.recorded}" if self.recorded else ""
            recorded = _span(self.start * tr, (last + 1) * tr)
            text = f"{volumes}{of} (recorded {recorded} after the run's start, {after})"
        film = _span(self.film_start, round(self.film_start + self.times.seconds, 6))
        text = f"clip 0 (film {film}) ← {text}"
        if self.left_out:
            clips = "clip is" if self.left_out == 1 else f"{self.left_out} clips are"
            text += (
                f"; the last {clips} left out, since too few volumes were recorded after the film"
            )
        if self.repeated:
            clips = "clip has" if self.repeated == 1 else f"{self.repeated} clips have"
            text += f"; the last {clips} the last volume more than once (windows.end: repeat)"
        return text


def clip_timings(dataset: Dataset, segment: str, times: ClipTimes, lag: int) -> list[ClipTiming]:
    """Timing of a segment's clips, in each run whose timing differs from that of the others.

    Parameters
    ----------
    dataset : Dataset
        That of a checked configuration, from which clips without volumes are left out.
    segment : str
    times : ClipTimes
    lag : int
        Haemodynamic delay [volumes].
    """
    clips = dataset.n_clips(segment)
    n_film = times.span(dataset.n_shown(segment))
    repeated = 0
    if times.end == "repeat":
        last = times.n_kept(clips)
        firsts = times.first_volumes(clips)
        repeated = sum(math.ceil(first) + times.size > last for first in firsts)
    runs = [run for run in dataset.rows if run.segment == segment]
    different = dict.fromkeys((run.timing, run.film_onset) for run in runs)
    timings = []
    for timing, onset in different:
        start, ends = timing.start(times.tr), (timing.drop_start, timing.drop_end)
        timings.append(
            ClipTiming(
                times=times,
                clips=clips,
                left_out=dataset.left_out(segment),
                recorded=None if None in ends else n_film + sum(filter(None, ends)),
                start=None if start is None else start + lag,
                lag=lag,
                repeated=repeated,
                onset=dataset.film_onset_of(segment) if onset is None else onset,
                film_start=dataset.film_start_of(segment),
            )
        )
    return timings


def describe_timing(
    dataset: Dataset, times: ClipTimes, lag: int, *, everything: bool = False
) -> str:
    """The volumes of the first clip of each segment, and the clips at the end without volumes.

    Segments with the same timing share a line. `everything` names all of them.
    """
    alike: dict[ClipTiming, list[str]] = defaultdict(list)
    for segment in dataset.segments:
        for timing in clip_timings(dataset, segment, times, lag):
            alike[timing].append(segment)
    lines = []
    for timing, names in alike.items():
        few = everything or len(names) <= NAMED
        named = ", ".join(names) if few else f"{names[0]}, …, {names[-1]} ({len(names)} segments)"
        lines.append(f"  {named}: {timing}")
    return "\n".join(["Volumes of the clips, counted from 0:", *lines])


def check_timing(dataset: Dataset, times: ClipTimes, lag: int) -> Iterator[Finding]:
    """Windows that miss the response to their clips, and clips that are left out."""
    for segment in dataset.segments:
        place = f"dataset.timing: {segment}"
        timings = clip_timings(dataset, segment, times, lag)
        for start, end in dict.fromkeys(timing.delay or PLAUSIBLE for timing in timings):
            if not PLAUSIBLE[0] <= (start + end) / 2 <= PLAUSIBLE[1]:
                yield warning(
                    place,
                    f"a clip is paired with the volumes from {start:g} to {end:g} s after its "
                    "onset, but the BOLD response peaks 4 to 6 s after it. Check film_onset, "
                    "timing.drop_start and lag",
                )
        if n := dataset.left_out(segment):
            yield warning(
                place,
                f"the last {f'{n} ' if n > 1 else ''}of {dataset.n_shown(segment)} clips "
                f"{'are' if n > 1 else 'is'} left "
                "out, since too few volumes were recorded after the film for their windows "
                f"({times.size} volumes, {lag} after the clip)",
            )


def _span(start: float, end: float) -> str:
    return f"{start:g}–{end:g} s" if start >= 0 else f"{start:g} to {end:g} s"
