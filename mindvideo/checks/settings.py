"""Settings compared with the data set: errors that stages of a model or variant would raise.

The checks call the same functions as the stages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from math import comb
from pathlib import Path

from mindvideo.checks import confounds
from mindvideo.checks.brains import Brain, brain, first_grid
from mindvideo.checks.files import present
from mindvideo.checks.pretrained import Models, fit, models
from mindvideo.checks.scoring import interpretation, methods, scoring
from mindvideo.clip_times import Trim, trim
from mindvideo.config import Config, Stages
from mindvideo.descriptions import pretraining_runs, pretraining_subjects
from mindvideo.errors import InputError
from mindvideo.facts import settings_of
from mindvideo.findings import Finding, error, refused, warning
from mindvideo.fmri.atlas import grayordinates, labels_of
from mindvideo.fmri.labels import labels_named
from mindvideo.fmri.networks import network_number
from mindvideo.fmri.power import REACHABLE_R, demand, segments_needed
from mindvideo.fmri.reproducibility import smallest_p
from mindvideo.fmri.selection import check_count, check_floor
from mindvideo.given import computed
from mindvideo.io.maps import read_mask
from mindvideo.io.runs import series_length
from mindvideo.regressors import drifts, projection
from mindvideo.run import NAMES
from mindvideo.selecting import check_selection
from mindvideo.settings.fmri import CleanSettings
from mindvideo.sizes import check_batch_size, check_mask, check_windows

LEAST_LEFT = 0.25
"""If drift and confounds leave a smaller fraction of the volumes, correlations are noise."""
MOST_SMOOTH = 20.0
"""A wider kernel [mm] was probably given in another unit."""


def check_settings(config: Config) -> list[Finding]:
    """Problems that settings, headers and tables show in advance.

    Findings of a variant name it; they leave out those of the full model.
    """
    pretrained, findings = models(config)
    findings += methods(config)
    full, here = config.stages(), computed(config)
    checks = {
        check: sections for check, (artefact, *sections) in SECTIONS.items() if artefact in here
    }
    of_full = {check: list(check(config, full, pretrained)) for check in checks}
    findings += chain.from_iterable(of_full.values())
    for variant in config.variants:
        changed = config.stages(variant)
        for check, sections in checks.items():
            if all(getattr(changed, name) == getattr(full, name) for name in sections):
                continue
            findings += [
                Finding(finding.level, f"variants.{variant}: {finding.place}", finding.message)
                for finding in check(config, changed, pretrained)
                if finding not in of_full[check]
            ]
    return findings


# --- voxels ---------------------------------------------------------------------------------------


def areas(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check the names of areas of the atlas and of networks, and the masks.

    `voxels` checks names of areas that runs have of their own.
    """
    own = config.dataset.space in ("parcels", "array") or stages.regions.labels
    for section in ("samples",) if own else ("selection", "samples"):
        for area in getattr(stages, section).areas:
            yield from refused(f"{section}.areas", labels_of, area)
    for network in stages.selection.networks:
        yield from refused("selection.networks", network_number, network)
    for name, what in (("areas", "an area"), ("networks", "a network")):
        if getattr(stages.selection, name) and not stages.regions.atlas:
            yield error(
                f"selection.{name}",
                f"with regions.atlas: false, no voxel has {what}: remove one of the two settings",
            )
    for subject, folder in config.dataset.subjects.items() if stages.selection.mask else ():
        path = Path(stages.selection.mask.format(subject=folder))
        first = first_grid(config.dataset, subject)
        if not path.is_file():
            yield error(f"selection.mask ({subject})", f"no such file: {path}")
        elif first is not None:
            yield from refused(
                f"selection.mask ({subject})", read_mask, path, first[1], "selection.mask"
            )


def voxels(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check whether there are enough voxels and training segments to select voxels."""
    dataset, s = config.dataset, stages.selection
    for subject in dataset.subjects:
        train = dataset.segments_of(subject, "train")
        place = f"selection ({subject})"
        yield from refused(place, check_selection, dataset, subject, s)
        try:
            subject_brain = brain(dataset, subject, stages.regions)
        except InputError as problem:
            yield error(f"regions ({subject})", str(problem))
            continue
        n = subject_brain.count(s.areas) if subject_brain else 0
        if subject_brain:
            yield from _areas_of(subject, subject_brain, s.areas, n)
        if not train or not n:
            continue
        size, most = stages.encoder.patch_size, min(n, s.n_voxels or n)
        tuning, padded = stages.mbm_tuning, most + -most % size
        if tuning.trains:
            place_of_mask = f"mbm_tuning ({subject})"
            yield from refused(place_of_mask, check_mask, tuning.mask_ratio, padded, size)
        if n < size:
            yield warning(
                place,
                f"{n} voxels to select from, fewer than a patch of {size} "
                "(encoder.patch_size): the rest of each window is filled with zeros",
            )
        if s.by == "areas" or len(train) < 2:
            continue
        if s.criterion == "best" and s.n_voxels:
            yield from refused(place, check_count, s.n_voxels, n)
        elif s.criterion == "significance" and s.statistic == "wilcoxon":
            least = smallest_p(len(train), s.tail, s.statistic)
            yield from refused(place, check_floor, least, n, s.alpha, s.correction)
        elif s.criterion == "significance" and s.by != "encoding":
            repetitions = min(len(dataset.runs_of(subject, segment)) for segment in train)
            volumes = min(
                settings_of(CleanSettings, config, stages, name, owner=subject).n_volumes
                for name in train
            )
            pairs = comb(repetitions, 2) if s.by == "repeats" else 1
            yield from _power(place, stages, len(train), volumes, pairs, n)


def _areas_of(subject: str, of_subject: Brain, names: list[str], n: int) -> Iterator[Finding]:
    """Check that a subject's voxels have areas, and are in those that are named."""
    place = f"selection ({subject})"
    if of_subject.unknown:
        level = error if names else warning
        yield level(f"regions ({subject})", of_subject.unknown)
        return
    if of_subject.own:
        for name in names:
            yield from refused(place, labels_named, name, of_subject.own)
    if not n and all(map(of_subject.labels_of, names)):
        yield error(place, f"no voxel of the runs is in {', '.join(names)}")


def _power(
    place: str, stages: Stages, n_train: int, n_volumes: int, n_pairs: int, n_tested: int
) -> Iterator[Finding]:
    """Check the power of the t-test over training segments to select voxels."""
    s = stages.selection
    how = s.model_dump(include={"alpha", "correction", "tail"})
    demanded = demand(n_train, n_volumes, n_pairs, n_tested, **how)
    if demanded.r <= REACHABLE_R:
        return
    needed = segments_needed(n_volumes, n_pairs, n_tested, **how)
    more = f"about {needed} segments of this length" if needed else "longer segments"
    yield warning(
        place,
        f"few voxels will be found significant: the t-test over {n_train} training segments "
        f"({n_train - 1} degrees of freedom) at P < {s.alpha:g} ({s.correction}, {n_tested} "
        f"voxels) requires a {demanded}. For r = {REACHABLE_R:g} it needs {more}. With few, select "
        "without a test: selection.criterion: threshold or best (docs/explanation/fmri.md)",
    )


# --- runs -----------------------------------------------------------------------------------------


def cleaning(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check what drift, confounds and smoothing leave of each run."""
    dataset, s = config.dataset, stages.clean
    checked: set[tuple[Path | None, Trim | int]] = set()
    for run in dataset.rows:
        settings = settings_of(CleanSettings, config, stages, run.segment, owner=run.subject)
        table = Path(run.confounds) if s.reads_confounds and run.confounds else None
        if table is not None and not table.is_file():
            continue
        start = run.timing.start(dataset.tr) or 0.0  # an event's is not known yet
        kept = trim(start + settings.lag, settings.n_volumes, settings.interpolation)
        if (table, kept) not in checked and (table, kept.n_read) not in checked:
            checked |= {(table, kept)} if table else {(table, kept.n_read)}
            yield from _left_of(str(table or f"clean ({run.segment})"), table, settings, kept)
    for subject in dataset.subjects:
        tables = [run.confounds for run in dataset.rows if run.subject == subject and run.confounds]
        yield from confounds.unused(subject, present(tables), s.confounds)
    if s.smooth is None:
        return
    brains: list[Brain] = []
    with suppress(InputError):
        of_subjects = [brain(dataset, subject, stages.regions) for subject in dataset.subjects]
        brains = [of_subject for of_subject in of_subjects if of_subject]
    if any(not of_subject.can_be_smoothed for of_subject in brains):
        yield error(
            "clean.smooth",
            "smooths volumes and the 91k layout only, and these runs have other meshes: set it to "
            "null, or smooth the runs first (wb_command -cifti-smoothing)",
        )
    sizes = [of_subject.size for of_subject in brains]
    if sizes and s.smooth < min(sizes):
        yield warning(
            "clean.smooth",
            f"a FWHM of {s.smooth:g} mm has almost no effect: voxels measure {min(sizes):.3g} mm",
        )
    elif s.smooth > MOST_SMOOTH:
        yield warning("clean.smooth", f"a FWHM of {s.smooth:g} mm blurs all areas: is it in mm?")


def _left_of(place: str, table: Path | None, s: CleanSettings, kept: Trim) -> Iterator[Finding]:
    """Check what drift and confounds leave of a run."""
    if s.high_pass is not None and drifts(s, kept.n_read).shape[1] == 1:
        yield warning(
            "clean.high_pass",
            f"a period of {s.high_pass:g} s is longer than twice the {s.n_volumes * s.tr:g} s of a "
            "segment: no drift is removed. Lower it, or use clean.detrend_order",
        )
    try:
        removed = projection(table, s, kept, None)
    except InputError as problem:
        yield error(place, str(problem).removeprefix(f"{place}: "))
        return
    if removed.n_left < LEAST_LEFT * s.n_volumes:
        censored, fewer = "", ""
        if n_censored := int((~removed.kept).sum()):
            censored, fewer = f" and {n_censored} censored volumes", ", or censor fewer volumes"
        yield warning(
            place,
            f"drift and confounds{censored} use {s.n_volumes - removed.n_left} of {s.n_volumes} "
            "degrees of freedom: too few are left to distinguish voxels. Lower "
            "clean.detrend_order, raise clean.high_pass, or name fewer clean.confounds" + fewer,
        )


def windows(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check the number of windows."""
    dataset = config.dataset
    for subject in dataset.subjects:
        for split in NAMES:
            n = sum(map(dataset.n_clips, dataset.segments_of(subject, split)))
            what = "shuffle (windows.shuffle)" if stages.windows.shuffle else "compare"
            if n and (split == config.evaluate or stages.windows.shuffle):
                yield from refused("windows", check_windows, n, f"{subject}, {split}", what)


# --- training runs --------------------------------------------------------------------------------


def training_runs(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check batch sizes against the number of examples."""
    dataset, here = config.dataset, computed(config)
    every = sum(map(dataset.n_clips, dataset.train))
    if stages.video_tuning.trains and "video_tuning" in here:
        batch = stages.video_tuning.batch_size
        yield from refused("video_tuning", check_batch_size, batch, every)
    for subject in dataset.subjects:
        clips = sum(map(dataset.n_clips, dataset.segments_of(subject, "train")))
        for name in ("mbm_tuning", "contrastive", "cotraining"):
            training = getattr(stages, name)
            if training.trains and name in here:
                place, batch = f"{name} ({subject})", training.batch_size
                yield from refused(place, check_batch_size, batch, clips)


def pretraining(config: Config, stages: Stages, _: Models) -> Iterator[Finding]:
    """Check patches and samples of the pre-training."""
    data, s = config.pretraining_data, stages.pretraining
    if data is None or not s.trains:
        return
    n_volumes = max(1, round(stages.samples.seconds / data.tr))
    with suppress(InputError):  # unknown areas, which are reported above
        size = stages.encoder.patch_size
        n = len(grayordinates(stages.samples.areas))
        yield from refused("pretraining", check_mask, s.mask_ratio, n + -n % size, size)
    samples, most = 0, stages.samples.most
    if most and most < s.batch_size:
        yield error(
            "samples.most", f"{most} samples, fewer than pretraining.batch_size: {s.batch_size}"
        )
        return
    try:
        for subject in pretraining_subjects(data):
            for path in pretraining_runs(data, subject):
                samples += series_length(Path(path)) // n_volumes
                if samples >= s.batch_size:
                    return
    except (InputError, OSError):  # reported by the check of these runs
        return
    yield from refused("pretraining", check_batch_size, s.batch_size, samples)


SECTIONS: dict[Callable[[Config, Stages, Models], Iterator[Finding]], tuple[str, ...]] = {
    areas: ("selection", "selection", "samples", "regions"),
    voxels: ("selection", "selection", "regions", "encoder", "mbm_tuning"),
    cleaning: ("clean", "clean", "regions"),
    windows: ("windows", "windows"),
    training_runs: (
        *("cotraining", "windows"),
        *("mbm_tuning", "contrastive", "video_tuning", "cotraining"),
    ),
    pretraining: ("pretraining", "samples", "encoder", "pretraining"),
    fit: ("scoring", "clips", "contrastive", "video_model", "video_tuning", "reconstruction"),
    scoring: ("scoring", "scoring"),
    interpretation: ("selection", "interpretation"),
}
"""Checks, each with an artefact and the sections that it reads. It is left out if the artefact is
given and not computed, and for a variant that changes none of the sections."""
