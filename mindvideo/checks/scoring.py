"""Tables and labels that scores and interpretation need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.alignment import clip_seconds
from mindvideo.checks.files import absent
from mindvideo.checks.pretrained import Models
from mindvideo.config import Config, Stages
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, refused, warning
from mindvideo.fmri.atlas import area_names
from mindvideo.io.shots import describe_clips, load_shots, marked_clips
from mindvideo.io.truth import read_truth
from mindvideo.metrics.attributes import Attribute, naming_classes
from mindvideo.metrics.n_way import enough_classes


def scoring(config: Config, stages: Stages, pretrained: Models) -> Iterator[Finding]:
    """Check the tables of shots, and the classes of the classifiers."""
    s = stages.scoring
    labels = {kind: _labels(pretrained, kind) for kind in ("image", "video")}
    for kind, names in labels.items():
        for n in s.n_way:
            if names and not enough_classes(n, len(names), s.gt_classes):
                yield warning(
                    "scoring.n_way",
                    f"no {n}-way accuracy by the {kind} classifier: it has {len(names)} classes, "
                    f"{s.gt_classes} of which describe the ground truth",
                )
    columns = [*s.attributes, *([s.subset] if s.subset else [])]
    if not columns:
        return
    tables, clips = [], []
    for segment in config.evaluated:
        (path,) = config.dataset.shots_paths([segment]) or ("",)
        if not Path(path).is_file():
            continue
        listing = pd.DataFrame({"segment": segment, "clip": range(config.dataset.n_clips(segment))})
        try:
            table = load_shots(Path(path), columns).astype(dict.fromkeys(s.attributes, str))
            seconds = clip_seconds(config.dataset, stages)
            starts = config.dataset.film_start_of(segment)
            clips.append(describe_clips(listing, {segment: table}, seconds, {segment: starts}))
        except InputError as problem:
            yield error(path, str(problem).removeprefix(f"{path}: "))
        else:
            tables.append(table)
    if len(tables) < len(config.evaluated):
        return
    shots = pd.concat(tables)
    if s.subset:
        yield from refused("scoring.subset", marked_clips, pd.concat(clips), shots, s.subset)
    for name, kind in s.attributes.items():
        if of_kind := labels[kind]:
            attribute = Attribute(name, sorted(set(shots[name])), np.zeros(0, int))
            who = f"{kind} classifier {pretrained.names[f'{kind}_classifier']}"
            yield from refused("scoring.attributes", naming_classes, attribute, of_kind, who)


def _labels(pretrained: Models, kind: str) -> list[str]:
    """Classes of a classifier, in order; empty if its folder does not exist or lists none."""
    named = pretrained.get(f"{kind}_classifier", "id2label") or {}
    return [str(name) for _, name in sorted((int(number), name) for number, name in named.items())]


def interpretation(_: Config, stages: Stages, __: Models) -> Iterator[Finding]:
    """Check the map that the figure draws, and the table that maps are compared with."""
    s = stages.interpretation
    if "first" not in s.layers:
        yield error(
            "interpretation.layers",
            f"{', '.join(s.layers)}: the figure of the interpretation needs `first`: add it",
        )
    if s.truth is None:
        return
    yield from absent([s.truth])
    if not Path(s.truth).is_file():
        return
    try:
        areas = [str(area) for area in read_truth(Path(s.truth))["area"]]
    except InputError as problem:
        yield error(s.truth, str(problem).removeprefix(f"{s.truth}: "))
        return
    if unknown := [area for area in areas if area not in area_names()]:
        yield warning(
            s.truth,
            f"{len(unknown)} of {len(areas)} names in the column `area`, such as {unknown[0]}, are "
            "not areas of the Glasser atlas and are ignored. Expected names such as V1, MT, FFC",
        )


def methods(config: Config) -> Iterator[Finding]:
    """Check the tables of other methods' scores."""
    yield from absent(config.tables.methods.values())
