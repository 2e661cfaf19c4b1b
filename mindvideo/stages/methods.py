"""Write a page that reads as the methods section of a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mindvideo.figures.methods import Known, methods_page
from mindvideo.figures.nuisance import Censored
from mindvideo.figures.training_table import TRAININGS
from mindvideo.figures.wording import listed
from mindvideo.io.tables import load_table
from mindvideo.libraries import versions
from mindvideo.models.folders import pretrained_folder
from mindvideo.models.hub import parse
from mindvideo.settings.methods import MethodsSettings
from mindvideo.sidecars import precisions, pretrained_commits
from mindvideo.stages import Input, Inputs, Output, chapter

SHORT = 12
"""Digits of a commit that the text gives: enough to find it."""


@chapter("evaluation")
def main(
    *,
    voxels: Input,
    metrics: Input,
    runs: Inputs | None = None,
    methods: Output,
    settings: MethodsSettings,
) -> None:
    """Write the page; `voxels` is the table of those selected, `metrics` that of the scores.

    `runs` are the tables of cleaned runs, if volumes of them may be censored.

    The commits of pretrained models, and the number formats of `precision: auto`, are those that
    the sidecars of `metrics`, and of all that it was made from, have on record.
    """
    commits = pretrained_commits(metrics)
    known = Known(
        n_voxels=len(load_table(voxels, ["column"])),
        models={
            setting: describe_model(name, commits.get(name, ()))
            for setting, name in settings.pretrained.model_dump().items()
            if name
        },
        metrics=load_table(metrics, ["metric"])["metric"].tolist(),
        versions=versions(),
        censored=_censored(runs) if runs else None,
    )
    page = methods_page(as_computed(settings, precisions(metrics)), known)
    methods.write_text(page, encoding="utf-8")


def as_computed(settings: MethodsSettings, formats: Mapping[str, Sequence[str]]) -> MethodsSettings:
    """The settings with the number formats of what was computed in place of `auto`.

    Parameters
    ----------
    settings
    formats : mapping of str to sequence of str
        By section; from :func:`mindvideo.sidecars.precisions`.
    """
    changed = {}
    for name in (*TRAININGS, "reconstruction"):
        section = getattr(settings, name)
        if section.precision == "auto":
            computed = " and ".join(formats.get(name, ())) or "bf16 or fp32"
            changed[name] = section.model_copy(update={"precision": computed})
    return settings.model_copy(update=changed)


def _censored(tables: Sequence[Path]) -> Censored:
    """Sums over the tables of runs."""
    runs = pd.concat([load_table(path, ["volumes", "censored"]) for path in tables])
    return Censored(int(runs["censored"].sum()), int(runs["volumes"].sum()), len(runs))


def describe_model(name: str, commits: Sequence[str]) -> str:
    """Name and version of a pretrained model, as a text gives them.

    Parameters
    ----------
    name : str
        As the configuration has it.
    commits : sequence of str
        Those that were loaded of a model of the hub.

    Examples
    --------
    >>> describe_model("org/model@v1", ["0123456789abcdef"])
    'org/model, revision v1, commit 0123456789ab'
    >>> describe_model("zoo:clip", [])
    'zoo:clip, a small model that is part of mindvideo'
    """
    if name.startswith("zoo:"):
        return f"{name}, a small model that is part of mindvideo"
    if pretrained_folder(name).is_dir():
        return f"weights in a local folder, {Path(name).name}"
    model, short = parse(name), [commit[:SHORT] for commit in commits]
    revision = model.revision or ""
    if short and revision in commits:
        revision = ""  # is the commit
    parts = [model.repo, f"revision {revision}" if revision else ""]
    if short:
        parts.append(f"{'commit' if len(short) == 1 else 'commits'} {listed(short)}")
    return ", ".join(filter(None, parts))
