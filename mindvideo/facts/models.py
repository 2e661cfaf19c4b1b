"""Facts of the data set, of a model, and of the tables of models."""

from __future__ import annotations

from mindvideo import alignment
from mindvideo.alignment import lag_of
from mindvideo.config import Config, Stages
from mindvideo.facts.lookup import ineffective
from mindvideo.facts.registry import fact
from mindvideo.facts.segments import n_volumes, n_volumes_of_film
from mindvideo.given import can_pretrain
from mindvideo.io.published import read_published
from mindvideo.run_files import key_of
from mindvideo.settings.evaluation import TableRow
from mindvideo.settings.methods import Recordings, SegmentRecording
from mindvideo.settings.training import Mbm


@fact("windows", by_value=True)
def lag(config: Config, stages: Stages, segment: str) -> int:
    return lag_of(config.dataset, stages)


@fact("clips", by_value=True)
def clip_seconds(config: Config, stages: Stages, segment: str) -> float:
    return alignment.clip_seconds(config.dataset, stages)


@fact("clips")
def num_frames(config: Config, stages: Stages, segment: str) -> int:
    return round(stages.clips.fps * alignment.clip_seconds(config.dataset, stages))


@fact("video_model", by_value=True)
def denoiser(config: Config, stages: Stages, segment: str) -> str:
    """Kind of the denoiser of clips; on still images, the inflated UNet is the image UNet."""
    return "inflated" if stages.video_model.still else stages.video_model.kind


@fact("video_model", by_value=True)
def motion_adapter(config: Config, stages: Stages, segment: str) -> str | None:
    """Name of the motion modules, if the denoiser has any that others trained."""
    with_motion = denoiser(config, stages, segment) == "motion-adapter"
    return config.pretrained.motion_adapter if with_motion else None


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
