"""What a methods section says of recordings and films."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mindvideo.figures.references import citation
from mindvideo.figures.wording import (
    at_probability,
    count,
    interpolated,
    listed,
    number,
    sentences,
    span,
)
from mindvideo.run import NAMES
from mindvideo.settings.base import RunTiming
from mindvideo.settings.methods import MethodsSettings, SegmentRecording

FEW_GROUPS = 3
"""Ways of trimming that the text lists one by one."""


def data_set(s: MethodsSettings) -> str:
    """Who watched what, how often, and which volumes were kept."""
    by_split = {split: segments_of(s, split) for split in NAMES}
    watched = [
        _with_runs(of_split, f"{NAMES[split]} segment")
        for split, of_split in by_split.items()
        if of_split or split in ("train", s.evaluate)
    ]
    excluded = s.recordings.excluded
    reference = f" ({citation(s.reference)})" if s.reference else ""
    return sentences(
        f"The recordings are those of subject {s.recordings.subject} of the data set "
        f"{s.dataset}{reference}.",
        f"The subject watched {listed(watched)}; a segment is one film.",
        _validation(s),
        f"{count(len(excluded), 'further run').capitalize()} "
        f"{'was' if len(excluded) == 1 else 'were'} excluded from all analyses "
        f"({listed(excluded)})."
        if excluded
        else "",
        f"The repetition time (TR) was {s.tr:g} s.",
        _trimming(s),
        _delay(s),
    )


def segments_of(s: MethodsSettings, split: str) -> list[SegmentRecording]:
    return [segment for segment in s.recordings.segments if segment.split == split]


def _validation(s: MethodsSettings) -> str:
    """What validation segments were used for."""
    if s.evaluate == "validation":
        return (
            "All reconstructions and scores are of the validation segments, which were held out of "
            "all training and of voxel selection, and on which settings may have been chosen; the "
            "test segments were not read."
        )
    if not segments_of(s, "validation"):
        return ""
    return (
        "The validation segments were held out of all training and of voxel selection; losses on "
        "them were recorded during training. All reconstructions and scores are of the test "
        "segments."
    )


def _with_runs(segments: Sequence[SegmentRecording], noun: str) -> str:
    """Segments and their runs: "five test segments with 10 runs each (test2: nine)"."""
    if not segments:
        return f"no {noun}s"
    usual = Counter(segment.runs for segment in segments).most_common(1)[0][0]
    others = [f"{x.name}: {number(x.runs)}" for x in segments if x.runs != usual]
    each = " each" if len(segments) > 1 else ""
    return (
        f"{count(len(segments), noun)} with {count(usual, 'run')}{each}"
        f"{f' ({listed(others)})' if others else ''}"
    )


def _trimming(s: MethodsSettings) -> str:
    """Which volumes of the runs were analysed, and which clips were left out."""
    segments = s.recordings.segments
    analysed = f"The remaining {_volumes(segments)} were analysed, {_kept(s)}."
    groups: dict[tuple[tuple[int, int], ...], list[SegmentRecording]] = defaultdict(list)
    for segment in segments:
        groups[tuple(_ends(s, segment))].append(segment)
    if () in groups:  # the onset of a film, or the length of its runs, is known of each run only
        text = _from_starts_on(s)
    elif list(groups) == [((0, 0),)]:
        clips = [segment.volumes for segment in segments]
        text = f"All volumes of each run ({span(clips)}) were analysed, {_kept(s)}."
    elif len(groups) == 1 and len(next(iter(groups))) == 1:
        ((ends,),) = groups
        text = f"Of each run, {_dropped(*ends)} discarded. {analysed}"
    elif len(groups) > FEW_GROUPS or any(len(group) > 1 for group in groups):
        starts, stops = zip(*(ends for group in groups for ends in group))
        of = "run" if any(len(group) > 1 for group in groups) else "segment"
        text = (
            f"Depending on the {of}, {span(starts)} volumes at the start and {span(stops)} "
            f"volumes at the end of a run were discarded. {analysed}"
        )
    else:
        *few, most = sorted(groups, key=lambda ends: len(groups[ends]))
        parts = [
            f"of the runs of {listed([x.name for x in groups[e]])}, {_dropped(*e[0])}" for e in few
        ]
        rest = f"of the runs of all other segments, {_dropped(*most[0])} discarded"
        text = "; ".join([*(f"{part} discarded" for part in parts), rest])
        text = f"{text[0].upper()}{text[1:]}. {analysed}"
    return sentences(text, _left_out(segments))


def _from_starts_on(s: MethodsSettings) -> str:
    """The volumes analysed of runs of which both ends are not known."""
    timings = [timing for segment in s.recordings.segments for timing in segment.timing]
    starts = {t.drop_start + s.lag for t in timings if t.drop_start is not None}
    volumes, kept = _volumes(s.recordings.segments), _kept(s)
    if any(timing.drop_start is None for timing in timings):
        start = f"{count(s.lag, 'volume')} after the onset" if s.lag else "the onset"
        how = interpolated(s.clean.interpolation, " (the nearest volume)")
        return f"Of each run, {volumes} were analysed, from {start} of its film on{how}: {kept}."
    if starts == {0}:
        return f"Of each run, the first {volumes} were analysed, {kept}."
    first, last = min(starts), max(starts)
    dropped = _dropped(first, 0) if first == last else f"the first {span(starts)} volumes were"
    return f"Of each run, {dropped} discarded. The following {volumes} were analysed, {kept}."


def _ends(s: MethodsSettings, segment: SegmentRecording) -> list[tuple[int, int]]:
    """Volumes discarded at both ends, each different pair once; none if they are not known."""
    ends = []
    for timing in segment.timing:
        if timing.drop_start is None or timing.drop_end is None:
            return []
        start = timing.drop_start + s.lag
        recorded = timing.drop_start + segment.during + timing.drop_end
        ends.append((start, recorded - start - segment.volumes))
    return list(dict.fromkeys(ends))


def _kept(s: MethodsSettings) -> str:
    if s.clip_seconds != s.tr:
        return "those of the windows of its clips"
    if any(segment.volumes > segment.clips for segment in s.recordings.segments):
        return "one for each clip of its film, and those that the last windows extend to"
    return "one for each clip of its film"


def _volumes(segments: Sequence[SegmentRecording]) -> str:
    """The number of volumes kept of a run."""
    numbers = [segment.volumes for segment in segments]
    volumes = f"{span(numbers)} volumes"
    by_split = {split: {x.volumes for x in segments if x.split == split} for split in NAMES}
    if len(set(numbers)) > 1 and all(len(values) <= 1 for values in by_split.values()):
        each = [f"{span(n)} of each {NAMES[split]} run" for split, n in by_split.items() if n]
        volumes = f"volumes ({listed(each)})"
    return volumes


def _left_out(segments: Sequence[SegmentRecording]) -> str:
    """How many clips have no volumes."""
    if not (n := sum(segment.left_out for segment in segments)):
        return ""
    few = [segment for segment in segments if segment.left_out]
    where = f"of {listed([x.name for x in few])}" if len(few) <= FEW_GROUPS else "of the segments"
    return (
        f"The last clips {where} ({count(n, 'clip')} in all) were left out, since too few volumes "
        "were recorded after their films."
    )


def _dropped(start: int, end: int) -> str:
    """What is discarded of a run, with a verb."""

    if not start + end:
        return "no volumes were"
    first = "" if not start else "the first" if start == 1 else f"the first {number(start)}"
    last = "" if not end else "the last" if end == 1 else f"the last {number(end)}"
    if 1 in (start, end) and start and end:  # "the first volume and the last four"
        first += " volume" if start == 1 else " volumes"
    else:
        last, first = (last + " volumes", first) if end else ("", first + " volumes")
    text = listed([part for part in (first, last) if part])
    if start + end == 1:
        return f"{text.removesuffix('s')} was"
    return f"{text} were"


def _delay(s: MethodsSettings) -> str:
    """How the haemodynamic delay is allowed for: by trimming, by the lag, or by both."""
    timings = [(x, timing) for x in s.recordings.segments for timing in x.timing]
    lag = f"{count(s.lag, 'volume')} ({s.lag * s.tr:g} s)"
    if any(x.film_onset is None and timing.drop_start is not None for x, timing in timings):
        if s.lag:
            return (
                "To allow for the haemodynamic delay, the volumes of a clip were taken "
                f"{lag} after it."
            )
        return "No lag was introduced beyond that by which trimming shifts the volumes."
    shifts = [s.lag * s.tr + _after_onset(s, x, timing) for x, timing in timings]
    first = "The acquisition of the first volume analysed began"
    if set(shifts) == {0}:
        return f"{first} with the film; no lag was introduced."
    elif max(shifts) < 0:
        begins = f"{first} {span([-x for x in shifts], ' s')} before the onset of the film"
    else:
        volumes = ""
        if len(set(shifts)) == 1 and (shifts[0] / s.tr).is_integer():
            volumes = f" ({count(round(shifts[0] / s.tr), 'volume')})"
        begins = f"{first} {span(shifts, ' s')}{volumes} after the onset of the film"
    if not s.lag:
        return f"{begins}, which allows for the haemodynamic delay; no further lag was introduced."
    return f"{begins}, which includes a lag of {lag} for the haemodynamic delay."


def _after_onset(s: MethodsSettings, segment: SegmentRecording, timing: RunTiming) -> float:
    """Start of the first volume after the onset of the film, without the lag [s]."""
    if timing.drop_start is None:  # runs are cut at the onset
        return 0.0
    return timing.drop_start * s.tr - (segment.film_onset or 0)


# --- films ----------------------------------------------------------------------------------------


def films(s: MethodsSettings, captioner: str) -> str:
    """Clips, captions and scenes."""
    size = f"{s.clips.size} × {s.clips.size} px"
    fit = {
        "crop": f"the central square of each frame was resized to {size}",
        "pad": f"each frame was padded with black to a square and resized to {size}",
        "stretch": f"each frame was resized to {size} regardless of its aspect ratio",
    }[s.clips.fit]
    signs = {
        "pictures": "the picture changed abruptly (score of ffmpeg's scdet filter, threshold "
        f"{s.scenes.threshold:g})",
        "captions": "the captions of frames changed (fewer than "
        f"{at_probability(s.scenes.same_scene)} of their words in common)",
    }
    corrected = " Captions were corrected by hand." if s.scenes.corrections else ""
    motion = (
        " A phrase that tells the motion in the clip, as found by its optical flow (Farnebäck "
        "2003), was appended to each caption."
        if s.scenes.motion
        else ""
    )
    each = ", one for each volume" if s.clip_seconds == s.tr else ""
    return (
        f"The films were cut into clips of {s.clip_seconds:g} s{each}. A clip has "
        f"{count(s.num_frames, 'frame')} ({s.clips.fps:.4g} frames/s); {fit}. Each frame was "
        f"captioned by BLIP (Li et al. 2022; {captioner}).{corrected} A cut between scenes was "
        f"assumed where {' or where '.join(signs[sign] for sign in s.scenes.cuts)}. The caption of "
        "a clip is the most frequent caption of its scene; where the clip has a cut, the captions "
        f"of its scenes are joined by “Then”.{motion}"
    )
