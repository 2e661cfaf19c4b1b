"""Facts of a segment, of its runs, and of how voxels are selected in them."""

from __future__ import annotations

from typing import Any

from mindvideo.alignment import clip_seconds, clip_times, n_kept
from mindvideo.config import Config, Stages
from mindvideo.facts.registry import fact
from mindvideo.run import NAMES
from mindvideo.settings.base import RunTiming, Timing


@fact()
def n_clips(config: Config, stages: Stages, segment: str) -> int:
    return config.dataset.n_clips(segment)


@fact("windows", "clips", by_value=True)
def n_clips_of_segments(config: Config, stages: Stages, segment: str) -> dict[str, int]:
    """Clips of the segments for which their number does not follow from the volumes kept.

    So a further segment usually changes no settings, and cuts no other windows again.
    """
    times, dataset = clip_times(config.dataset, stages), config.dataset
    clips = {name: dataset.n_clips(name) for name in config.segments}
    return {
        name: n for name, n in clips.items() if times.n_clips_in(n_kept(dataset, stages, name)) != n
    }


@fact(of="run")
def run_timing(config: Config, stages: Stages, owner: str, segment: str) -> list[RunTiming]:
    """Of each repetition of a segment."""
    return [run.timing for run in config.dataset.runs_of(owner.partition("/")[0], segment)]


@fact()
def event(config: Config, stages: Stages, segment: str) -> dict[str, str]:
    return config.dataset.event_of(segment)


@fact("windows", "clips", by_value=True)
def n_volumes(config: Config, stages: Stages, segment: str) -> int:
    """Volumes to keep of a run."""
    return n_kept(config.dataset, stages, segment)


@fact("clips", by_value=True)
def n_volumes_of_film(config: Config, stages: Stages, segment: str) -> int:
    """Volumes that are recorded during the film of a segment."""
    return clip_times(config.dataset, stages).span(config.dataset.n_shown(segment))


@fact()
def timing(config: Config, stages: Stages, segment: str) -> Any:
    """What the demo records before and after the film of a segment."""
    run = next(run for run in config.dataset.all_rows if run.segment == segment)
    return Timing(drop_start=run.drop_start or 0, drop_end=run.drop_end or 0)


@fact()
def film_start(config: Config, stages: Stages, segment: str) -> float:
    return config.dataset.film_start_of(segment)


@fact()
def film_starts(config: Config, stages: Stages, segment: str) -> dict[str, float]:
    starts = {name: config.dataset.film_start_of(name) for name in config.evaluated}
    return {name: start for name, start in starts.items() if start}


@fact("clean")
def only_mean(config: Config, stages: Stages, segment: str) -> bool:
    """Whether later stages read only the mean of a segment's cleaned repetitions."""
    return segment not in config.dataset.train and not stages.clean.keep_test_repetitions


@fact()
def first_clip(config: Config, stages: Stages, segment: str) -> int:
    """Number of an evaluated segment's first clip among all evaluated clips."""
    evaluated = config.evaluated
    before = evaluated[: evaluated.index(segment)] if segment in evaluated else []
    return sum(map(config.dataset.n_clips, before))


@fact()
def split(config: Config, stages: Stages, segment: str) -> str:
    """The films that the demo generates for a segment: validation films are training films."""
    return "test" if segment in config.dataset.test else "train"


@fact("clips")
def film_seconds(config: Config, stages: Stages, segment: str) -> float:
    return config.dataset.n_shown(segment) * clip_seconds(config.dataset, stages)


@fact()
def clips_of_splits(config: Config, stages: Stages, segment: str) -> dict[str, dict[str, int]]:
    """Number of clips of each segment, by split."""
    dataset = config.dataset
    return {
        split: {name: dataset.n_clips(name) for name in getattr(dataset, split)} for split in NAMES
    }


# --- of the selection of voxels -------------------------------------------------------------------


@fact("selection", of="owner")
def other_subjects(config: Config, stages: Stages, owner: str) -> dict[str, list[str]]:
    """Other subjects, with those of a subject's training segments that they saw, too.

    Only if voxels are selected by the correlation between subjects.
    """
    if stages.selection.by != "subjects":
        return {}
    dataset, subject = config.dataset, owner.partition("/")[0]
    own = set(dataset.segments_of(subject, "train"))
    common = {
        other: [segment for segment in dataset.segments_of(other, "train") if segment in own]
        for other in dataset.subjects
        if other != subject
    }
    return {other: segments for other, segments in common.items() if segments}


@fact("selection", "clips", "windows", by_value=True)
def encoding_times(config: Config, stages: Stages, segment: str) -> dict[str, Any]:
    """How clips and volumes are aligned; only if voxels are selected by prediction of the film."""
    if stages.selection.by != "encoding":
        return {}
    times = clip_times(config.dataset, stages)
    return {"tr": times.tr, "seconds": times.seconds, "interpolation": times.interpolation}


@fact("selection", "clips", by_value=True)
def encoding_fps(config: Config, stages: Stages, segment: str) -> float:
    return stages.clips.fps if stages.selection.by == "encoding" else 0
