"""Artefacts that the configuration gives by path, in place of the stages that make them.

A path is the folder of an artefact, which is read where it is. For some artefacts it may also be
that of an array for each split, which a stage imports (:func:`mindvideo.registry.importer`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mindvideo.artefacts import artefacts, parents_of
from mindvideo.errors import InputError
from mindvideo.registry import importer
from mindvideo.run import NAMES, Split
from mindvideo.templates import check_template, did_you_mean

if TYPE_CHECKING:
    from mindvideo.config import Config

Given = Mapping[str, str | dict[Split, str]]
"""By artefact: the template of a folder, or that of an array for each split."""

NETWORKS = ("unet", "fmri_encoder")
"""Folders of a checkpoint with the networks that co-training has trained."""

IMAGE_PARTS = ("vae", "scheduler")
"""Further folders of a checkpoint that brings its own image model."""

END = ("scoring", "reconstruction")
"""Artefacts of which only some settings need everything that they may be made from."""

OF_SUBJECT = ("subject", "name")
"""Placeholders of a path: the subject's name in paths, and in the results."""

MODEL = "model"
"""Name of the folder or file of a network within the folder of an artefact."""


def check_names(given: Given) -> None:
    """Check the names of artefacts, and the placeholders of their paths.

    Raises
    ------
    ValueError
    """
    for artefact, where in given.items():
        place = f"given.{artefact}"
        if artefact not in artefacts():
            names = ", ".join(artefacts())
            raise ValueError(
                f"{place}: no stage makes this{did_you_mean(artefact, artefacts())} (there are "
                f"{names})"
            )
        allowed = set() if artefacts()[artefact].shared else set(OF_SUBJECT)
        if isinstance(where, str):
            check_template(place, where, allowed)
        elif importer(artefact) is None:
            imported = ", ".join(name for name in artefacts() if importer(name))
            raise ValueError(
                f"{place}: expected the path of a folder; only {imported} can be given as arrays"
            )
        else:
            for split, path in where.items():
                check_template(f"{place}.{split}", path, {*allowed, "segment"})


def check_subjects(given: Given, n_subjects: int) -> None:
    """Check that each subject has artefacts of its own.

    Raises
    ------
    ValueError
    """
    for artefact, where in given.items():
        paths = [where] if isinstance(where, str) else where.values()
        if n_subjects == 1 or artefacts()[artefact].shared:
            continue
        alike = [path for path in paths if not any(f"{{{name}}}" in path for name in OF_SUBJECT)]
        if alike:
            raise ValueError(
                f"given.{artefact}: {alike[0]} is the same for {n_subjects} subjects: write "
                "{subject} or {name} where the paths differ, or name one subject in "
                "dataset.subjects"
            )


def can_pretrain(config: Config) -> bool:
    """Whether there is a pre-training: data for it, or its result."""
    return config.pretraining_data is not None or "pretraining" in config.given


def parents(config: Config, artefact: str) -> list[str]:
    """The artefacts that an artefact is made from under a configuration.

    Without data to pre-train on, masked brain modelling starts from random weights.
    """
    every = parents_of(config, artefact)
    return [name for name in every if name != "pretraining" or can_pretrain(config)]


def check_given(config: Config) -> None:
    """Check that given artefacts fit the data set, and that what is not given can be made.

    Raises
    ------
    ValueError
    """
    given, dataset = config.given, config.dataset
    check_names(given)
    check_subjects(given, len(dataset.subjects))
    if "samples" in given and config.pretraining_data is None:
        raise ValueError(
            "given.samples: its files are named after the subjects of pretraining_data, which is "
            "not set: set it, or give the pre-trained model (given.pretraining)"
        )
    if "pretraining" in given and not config.pretraining.trains:
        raise ValueError(
            "given.pretraining names a pre-trained model, but pretraining.duration: 0 says that "
            "there is no pre-training: remove one of the two"
        )
    if "windows" not in given and not (dataset.run or dataset.runs):
        raise ValueError(
            "dataset: set `run`, a path template, or `runs`, a table of runs; or give the windows "
            "(given.windows)"
        )
    without = [segment for segment in dataset.segments if not dataset.film_path(segment)]
    if "clips" not in given and without:
        raise ValueError(
            f"dataset: set `film`, a path template, or `films` for {', '.join(without)}; or give "
            "the clips (given.clips)"
        )
    n_train = len(dataset.train)
    if n_train < 2 and "cotraining" not in given:
        splitting = "" if n_train else "training"
        for variant in (None, *config.variants):
            name = f"variants.{variant}: " if variant else ""
            of_model = _splits_films(config.stages(variant))
            splitting = splitting or next((name + setting for setting in of_model), "")
        if splitting:
            raise ValueError(
                f"dataset.train: {n_train} training segments; at least 2 are needed for "
                f"{splitting}, unless the trained model is given (given.cotraining)"
            )
    needed = (
        {config.evaluate} if "cotraining" in given else {config.evaluate, "train", "validation"}
    )
    for artefact, where in given.items():
        for split in (split for split in NAMES if split in needed and getattr(dataset, split)):
            if isinstance(where, dict) and split not in where:
                raise ValueError(
                    f"given.{artefact}: nothing for {split}, but dataset.{split} names segments: "
                    f"add `{split}: PATH`"
                )
    for variant in (None, *config.variants):
        for problem in _problems(config, config.stages(variant)):
            raise ValueError(f"variants.{variant}: {problem}" if variant else problem)


def _splits_films(stages: Any) -> Iterator[str]:
    """Settings of a model that leave training segments out in turn, or test over them."""
    if stages.selection.by != "areas":
        yield f"selection.by: {stages.selection.by} (not for areas)"
    if stages.reconstruction.moving_noise:
        yield "reconstruction.moving_noise"
    if stages.reconstruction.method == "nearest":
        yield "reconstruction.method: nearest"
    if stages.cotraining.encoder == "ridge":
        yield "cotraining.encoder: ridge"


def _problems(config: Config, stages: Any) -> Iterator[str]:
    """What the settings of a model need that is not given."""
    reconstruction, train = stages.reconstruction, config.dataset.train
    if is_array(config.given, "clips") and "pictures" in stages.scenes.cuts:
        yield (
            "scenes.cuts: pictures needs films, but clips are given as an array: set "
            "scenes: { cuts: [captions] }"
        )
    if train:
        return
    needs = {
        "windows.null_window: train-mean": stages.windows.null_window == "train-mean"
        and reconstruction.negative == "null-window"
        and is_array(config.given, "windows"),
        "reconstruction.moving_noise": reconstruction.moving_noise and "motion" not in config.given,
        "mean-tokens": "mean-tokens" in (reconstruction.negative, reconstruction.condition),
        "empty-caption": reconstruction.negative == "empty-caption"
        and "latents" not in config.given,
        "reconstruction.method: nearest": reconstruction.method == "nearest",
    }
    instead = {"windows.null_window: train-mean": ": set windows: { null_window: test-mean }"}
    for setting, needed in needs.items():
        if needed:
            yield (
                f"{setting} needs training segments, but dataset.train names none"
                f"{instead.get(setting, ': set it otherwise')}"
            )


def is_array(given: Given, artefact: str) -> bool:
    return not isinstance(given.get(artefact, ""), str)


def lacking(config: Config, *names: str) -> str:
    """What the data set lacks to make artefacts; empty if all are given or can be made."""
    dataset = config.dataset
    sources = {
        "samples": ("pre-training runs", config.pretraining_data is not None),
        "regions": ("runs", bool(dataset.run or dataset.runs)),
        "clips": ("films", all(map(dataset.film_path, config.segments))),
        "latents": ("training segments", bool(dataset.train)),
        "clip_motion": ("training segments", bool(dataset.train)),
        "selection": ("training segments", bool(dataset.train)),
    }
    for name in names:
        what, there = sources.get(name, ("", True))
        if name in config.given:
            continue
        if not there:
            return what
        if lacks := lacking(config, *parents(config, name)):
            return lacks
    return ""


def computed(config: Config) -> set[str]:
    """The artefacts that scores of clips may need and that are computed here, or imported."""
    reached: set[str] = set()
    left = ["scoring"]
    while left:
        name = left.pop()
        if name in reached or isinstance(config.given.get(name), str):
            continue
        reached.add(name)
        if name not in config.given:
            left += parents(config, name)
    return {name for name in reached if name in END or not lacking(config, name)}


def folder_of(config: Config, artefact: str, subject: str) -> str | None:
    """The given folder of an artefact; None if a stage makes or imports it.

    `subject` is the subject's name in the results; it has no effect if all share the artefact.
    """
    where = config.given.get(artefact)
    return where.format(**_names(config, subject)) if isinstance(where, str) else None


def _names(config: Config, subject: str) -> dict[str, str]:
    """What the placeholders of a path stand for."""
    return {"subject": config.dataset.subjects.get(subject, ""), "name": subject}


def file_in(folder: str, *parts: str) -> str:
    """A file of a given artefact.

    The folder of a network may be given itself, instead of that of the artefact with the network in
    ``model``.
    """
    if parts[:1] == (MODEL,) and not Path(folder, MODEL).exists():
        return "/".join([folder, *parts[1:]])
    return "/".join([folder, *parts])


def arrays_of(config: Config, artefact: str, split: Split, subject: str) -> list[str]:
    """Files of the arrays of a split: one, or one for each segment, in order; empty if none."""
    where = config.given.get(artefact)
    template = where.get(split) if isinstance(where, dict) else None
    if template is None:
        return []
    names, segments = _names(config, subject), getattr(config.dataset, split)
    return list(dict.fromkeys(template.format(**names, segment=name) for name in segments))


def missing_files(config: Config) -> Iterator[str]:
    """Messages about given paths that do not exist, or are of the wrong kind."""
    for artefact, where in config.given.items():
        subjects = [""] if artefacts()[artefact].shared else list(config.dataset.subjects)
        for subject in subjects:
            if folder := folder_of(config, artefact, subject):
                yield from _missing_folder(artefact, Path(folder))
            for split in where if isinstance(where, dict) else ():
                for path in arrays_of(config, artefact, split, subject):
                    if not Path(path).is_file():
                        yield f"given.{artefact}.{split}: no such file: {path}"


def _missing_folder(artefact: str, path: Path) -> Iterator[str]:
    if path.exists():
        if artefact == "cotraining":
            yield from _incomplete(Path(file_in(str(path), MODEL)))
        return
    above = path.parent
    names = sorted(p.name for p in above.iterdir())[:5] if above.is_dir() else []
    found = f"; {above} contains {', '.join(names)}" if names else ""
    yield f"given.{artefact}: no such folder: {path}{found}"


def _incomplete(model: Path) -> Iterator[str]:
    """What a checkpoint lacks: its networks, or one of the two parts of its image model."""
    found = sorted(entry.name for entry in model.iterdir()) if model.is_dir() else []
    needed = [part for part in NETWORKS if part not in found]
    if any(part in found for part in IMAGE_PARTS):
        needed += [part for part in IMAGE_PARTS if part not in found]
    if needed:
        yield (
            f"given.cotraining: {model} lacks {', '.join(f'{part}/' for part in needed)} (found: "
            f"{', '.join(found) or 'nothing'}): is the download complete?"
        )


def check_files(config: Config) -> None:
    """Check that all given files and folders exist.

    Raises
    ------
    InputError
        Listing all that do not.
    """
    if problems := list(dict.fromkeys(missing_files(config))):
        raise InputError("\n".join([*problems, f"(relative to {Path.cwd()})"]))
