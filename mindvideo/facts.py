"""The settings passed to a stage: its section, and facts from the rest of the configuration.

A class of settings declares where its values come from (:class:`mindvideo.settings.base.From`). A
value that is not a single entry of the configuration is computed by a function here of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from mindvideo.artefacts import artefacts
from mindvideo.config import Config, Stages
from mindvideo.given import can_pretrain, is_array, parents
from mindvideo.io.published import read_published
from mindvideo.registry import importer
from mindvideo.run import NAMES
from mindvideo.run_files import key_of
from mindvideo.settings.base import From, RunTiming, Section, Timing
from mindvideo.settings.evaluation import TableRow
from mindvideo.settings.methods import Recordings, SegmentRecording
from mindvideo.settings.training import Mbm

Compute = Callable[..., Any]
"""Of a configuration, the sections of the full model or of a variant, and what it is a fact of."""


@dataclass(frozen=True)
class Fact:
    """How a value follows from a configuration, and the sections that it depends on."""

    compute: Compute
    sections: tuple[str, ...]
    of: Literal["segment", "owner", "run"] = "segment"
    """What it is a fact of: a segment; an owner (a subject or a variant); or the runs of a segment,
    for which it gets the owner, too."""
    by_value: bool = False
    """Whether models differ only if its values do, and not if other settings of its sections do."""


FACTS: dict[str, Fact] = {}


def fact(*sections: str, **what: Any) -> Callable[[Compute], Compute]:
    """Declare a function of (configuration, sections of the variant, segment) as a fact.

    `what` are further fields of :class:`Fact`. With ``of="owner"`` it is a function of
    (configuration, sections of the variant, owner), and with ``of="run"`` of (…, owner, segment).
    """

    def register(compute: Compute) -> Compute:
        FACTS[compute.__name__] = Fact(compute, sections, **what)
        return compute

    return register


S = TypeVar("S", bound=Section)


def settings_of(
    model: type[S],
    config: Config,
    stages: Stages,
    segment: str = "",
    section: str = "",
    owner: str = "",
) -> S:
    """The settings of a stage, filled in from a configuration.

    Parameters
    ----------
    model
        The stage's class of settings.
    config, stages
        The configuration, and the sections of the full model or of a variant of it.
    segment
        The segment, if the stage makes a file for one segment.
    section
        The stage's own section, if it is not that of `model`.
    owner
        Whose they are: ``sub1``, or ``sub1/variants/NAME``.
    """
    of = (config, stages, segment, owner)
    section = section or model.section_name
    defaults = _look_up(section, *of)
    values = {}
    for name, place in _places(model, section).items():
        if place is not None:
            values[name] = _look_up(place, *of)
        elif hasattr(defaults, name):
            values[name] = getattr(defaults, name)
    return model.model_validate(values)


def sections_read(model: type[Section], section: str = "") -> set[str]:
    """Names of the sections that settings depend on, among those that a variant may change.

    Facts that count by their values are in it by their own names.
    """
    section = section or model.section_name
    places = _places(model, section)
    read = {section} if None in places.values() else set()
    for place in filter(None, places.values()):
        if place not in FACTS:
            read.add(place.partition(".")[0])
        elif FACTS[place].by_value:
            read.add(place)
        else:
            read |= set(FACTS[place].sections)
    return read & {*Stages.model_fields, *FACTS}


def sections_upstream(config: Config, artefact: str) -> frozenset[str]:
    """All sections that an artefact depends on, upstream included; those of given ones are not."""
    stage = importer(artefact)
    if is_array(config.given, artefact) and stage:
        return frozenset(sections_read(stage.settings_class))
    if artefact in config.given:
        return frozenset()
    upstream = (sections_upstream(config, parent) for parent in parents(config, artefact))
    return frozenset(_of_makers(artefact)).union(*upstream)


def _of_makers(artefact: str) -> set[str]:
    """The sections that the stages which make an artefact read."""
    makers = artefacts()[artefact].makers
    return set().union(*(sections_read(stage.settings_class, section) for stage, section in makers))


def ineffective(config: Config, variant: str) -> list[str]:
    """The sections that a variant changes, if no result that is computed depends on any of them.

    They are read only by stages of given artefacts, or by those of a pre-training without data.
    """
    sections = config.variants[variant].keys()
    if not sections or not (config.given or not can_pretrain(config)):
        return []
    of_artefacts = set().union(*map(_of_makers, artefacts()))
    read = set(sections_upstream(config, "scoring"))
    read |= {section for name in read & FACTS.keys() for section in FACTS[name].sections}
    return list(sections) if sections <= of_artefacts - read else []


def _places(model: type[Section], section: str) -> dict[str, str | None]:
    """For each field, the entry that its value comes from; None for the stage's own section.

    Fields that are read for another section only are left out.
    """
    marks = {
        name: next((mark for mark in field.metadata if isinstance(mark, From)), None)
        for name, field in model.model_fields.items()
    }
    return {
        name: mark.place if mark else None
        for name, mark in marks.items()
        if not (mark and mark.only) or mark.only == section
    }


def _look_up(place: str, config: Config, stages: Stages, segment: str, owner: str) -> Any:
    if place in FACTS:
        found = FACTS[place]
        of = {"segment": (segment,), "owner": (owner,), "run": (owner, segment)}[found.of]
        return found.compute(config, stages, *of)
    if not place:
        return None
    first, *names = place.split(".")
    value = getattr(stages if first in Stages.model_fields else config, first)
    for name in names:
        value = None if value is None else getattr(value, name)  # of what is not configured
    return value


# --- of a segment ---------------------------------------------------------------------------------


@fact()
def n_clips(config: Config, stages: Stages, segment: str) -> int:
    return config.dataset.n_clips(segment)


@fact()
def n_clips_of_segments(config: Config, stages: Stages, segment: str) -> dict[str, int]:
    return {name: config.dataset.n_clips(name) for name in config.segments}


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
    dataset = config.dataset
    available = config.available(stages, segment)
    return config.clip_times(stages).n_kept(dataset.n_clips(segment), available)


@fact("clips", by_value=True)
def n_volumes_of_film(config: Config, stages: Stages, segment: str) -> int:
    """Volumes that are recorded during the film of a segment."""
    return config.clip_times(stages).span(config.dataset.n_shown(segment))


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
    return config.dataset.n_shown(segment) * config.clip_seconds(stages)


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
    times = config.clip_times(stages)
    return {"tr": times.tr, "seconds": times.seconds, "interpolation": times.interpolation}


@fact("selection", "clips", by_value=True)
def encoding_fps(config: Config, stages: Stages, segment: str) -> float:
    return stages.clips.fps if stages.selection.by == "encoding" else 0


# --- of the data set and of a variant -------------------------------------------------------------


@fact("windows", by_value=True)
def lag(config: Config, stages: Stages, segment: str) -> int:
    return config.lag(stages)


@fact("clips", by_value=True)
def clip_seconds(config: Config, stages: Stages, segment: str) -> float:
    return config.clip_seconds(stages)


@fact("clips")
def num_frames(config: Config, stages: Stages, segment: str) -> int:
    return round(stages.clips.fps * config.clip_seconds(stages))


@fact("films", "clips")
def film_fps(config: Config, stages: Stages, segment: str) -> float:
    return stages.films.fps or stages.clips.fps


@fact()
def page_title(config: Config, stages: Stages, segment: str) -> str:
    """Title of the gallery."""
    of = " (validation segments)" if config.evaluate == "validation" else ""
    return f"Films reconstructed from fMRI{of}"


@fact()
def scored_data(config: Config, stages: Stages, segment: str) -> str:
    """The data set as tables name it, with the split of the scores if that is not the test set."""
    of = " (validation segments)" if config.evaluate == "validation" else ""
    return f"{config.dataset.name}{of}"


@fact()
def models(config: Config, stages: Stages, segment: str) -> list[str]:
    """All models that can have results: the subjects, then each subject's variants."""
    subjects = list(config.dataset.subjects)
    return subjects + [f"{s}/variants/{v}" for s in subjects for v in config.models]


@fact()
def control(config: Config, stages: Stages, segment: str) -> str:
    """The first variant whose windows are shuffled; none: an empty string."""
    shuffled = (name for name in config.variants if config.stages(name).windows.shuffle)
    return next(shuffled, "")


@fact(of="run")
def keys(config: Config, stages: Stages, owner: str, segment: str) -> list[str]:
    """Names of the arrays of a segment's runs; none if they are not in archives."""
    paths = config.dataset.run_paths(owner.partition("/")[0], segment)
    return [key_of(path) for path in paths] if any(map(key_of, paths)) else []


@fact(of="owner")
def first_key(config: Config, stages: Stages, owner: str) -> str:
    subject = owner.partition("/")[0]
    return next((key_of(run.path) for run in config.dataset.rows if run.subject == subject), "")


@fact("pretraining")
def own_pretraining(config: Config, stages: Stages, segment: str) -> Mbm:
    """The settings of the pre-training; of no duration if it is not computed here."""
    here = config.pretraining_data is not None and "pretraining" not in config.given
    changes = {} if here else {"duration": 0, "warmup": 0}
    return stages.pretraining.model_copy(update=changes)


@fact("pretraining")
def given_pretraining(config: Config, stages: Stages, segment: str) -> bool:
    """Whether masked brain modelling starts from a model that others pre-trained."""
    return "pretraining" in config.given and stages.pretraining.trains


@fact(of="owner")
def recordings(config: Config, stages: Stages, owner: str) -> Recordings:
    """What a methods section says of a subject's runs."""
    dataset, (subject, _, variant) = config.dataset, owner.partition("/variants/")
    segments, of_model = [], config.stages(variant or None)
    for segment in config.segments:
        if not (runs := dataset.runs_of(subject, segment)):
            continue
        timings = [run.timing for run in runs]
        segments.append(
            SegmentRecording(
                name=segment,
                split=dataset.split_of(segment),
                runs=len(runs),
                clips=dataset.n_clips(segment),
                left_out=dataset.left_out(segment),
                volumes=n_volumes(config, of_model, segment),
                during=n_volumes_of_film(config, of_model, segment),
                timing=[t for i, t in enumerate(timings) if t not in timings[:i]],
                film_onset=dataset.film_onset_of(segment),
            )
        )
    of_subject = [
        run for run in dataset.all_rows if run.subject == subject and run.segment in config.segments
    ]
    excluded = [run for run in of_subject if dataset.keys(run) & set(dataset.exclude)]
    others = config.pretraining_data.subjects if config.pretraining_data else "*"
    return Recordings(
        subject=subject,
        variant=variant,
        segments=segments,
        excluded=[f"{run.segment}_{run.repetition}" for run in excluded],
        masked=bool(dataset.mask_paths(subject)),
        pretraining_subjects=None if others == "*" else len(others),
    )


@fact()
def table_rows(config: Config, stages: Stages | None = None, segment: str = "") -> list[TableRow]:
    """The rows of Table 1: those of the paper in its order, then those of this configuration.

    A row of the paper without a variant or subject in the configuration says why it is empty.
    Baselines and other variants are those of the first subject.
    """
    subjects, rows, of_paper = list(config.dataset.subjects), [], set()
    for row in read_published("table1"):
        label, variant, n = str(row["row"]), row["variant"], int(row["subject"] or 1)
        of_paper.add(variant)
        if n > len(subjects):
            have = "1 subject" if len(subjects) == 1 else f"{len(subjects)} subjects"
            why = f"{config.dataset.name} has {have}"
            rows.append(TableRow(label=label, why=why))
        elif variant and variant not in config.variants:
            rows.append(TableRow(label=label, why=f"no variant {variant} is configured"))
        else:
            rows.append(_row(config, label, subjects[n - 1], variant or None))
    for n, subject in enumerate(subjects[3:], start=4):
        rows.append(_row(config, f"Subject {n}", subject))
    for name in dict.fromkeys([*config.tables.baselines, *config.tables.variants]):
        if name not in of_paper:
            rows.append(_row(config, name, subjects[0], name))
    return rows


def _row(config: Config, label: str, subject: str, variant: str | None = None) -> TableRow:
    if variant and (changed := ineffective(config, variant)):
        given = [f"given: {', '.join(config.given)}"] if config.given else []
        without = [] if can_pretrain(config) else ["there is no pretraining_data"]
        why = "; ".join([f"changes only {', '.join(changed)}", *given, *without])
        return TableRow(label=label, why=why)
    owners = [
        f"{subject}/variants/{name}" if name else subject
        for name in (variant, *config.replicates_of(variant))
    ]
    return TableRow(
        label=label,
        owner=owners[0],
        replicates=owners[1:],
        full=not variant,
        baseline=variant in config.tables.baselines,
    )
