"""The graph of artefacts, from the declarations of the stages that make them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mindvideo.registry import Stage, read_stage, stage_names

if TYPE_CHECKING:
    from mindvideo.config import Config
    from mindvideo.settings.base import Section

CHAPTERS = (
    "the embedded data set",
    "stimuli",
    "fMRI",
    "training",
    "reconstruction",
    "evaluation",
    "interpretation",
)
"""In the order of the help; a stage may name another chapter, which comes after these."""


@dataclass(frozen=True)
class Artefact:
    """An artefact: the stages that make it, and the artefacts that it is made from.

    `makers` are stages, each with the section of the configuration that its values come from, if
    that is not the section of its settings. `parents` are all that it may be made from.
    """

    makers: tuple[tuple[Stage, str], ...]
    parents: frozenset[str]
    shared: bool
    sometimes: Mapping[str, str] = field(default_factory=dict)
    """By parent: the setting that it is needed with, as ``section.name: value``."""


@cache
def artefacts() -> dict[str, Artefact]:
    """All artefacts by name.

    Raises
    ------
    TypeError
        If stages contradict each other, or an artefact is made from one that no stage makes.
    """
    declarations = [
        (stage, part) for stage in map(read_stage, stage_names()) for part in stage.makes
    ]
    by_name: dict[str, Artefact] = {}
    for name in dict.fromkeys(part.artefact for _, part in declarations):
        parts = [(stage, part) for stage, part in declarations if part.artefact == name]
        if len({part.shared for _, part in parts}) > 1:
            stages = ", ".join(stage.name for stage, _ in parts)
            raise TypeError(f"{name}: one of {stages} declares it as shared, another does not")
        by_name[name] = Artefact(
            makers=tuple(dict.fromkeys((stage, part.section) for stage, part in parts)),
            parents=frozenset(p for _, part in parts for p in part.made_from) - {name},
            shared=parts[0][1].shared,
            sometimes={p: part.where for _, part in parts if part.where for p in part.made_from},
        )
    for name, artefact in by_name.items():
        if unknown := artefact.parents - set(by_name):
            raise TypeError(f"{name} is made from {', '.join(unknown)}, which no stage makes")
    return by_name


def parents_of(config: Config, name: str) -> list[str]:
    """The artefacts that an artefact is made from, with the settings of some model."""
    artefact = artefacts()[name]
    return [
        parent
        for parent in sorted(artefact.parents)
        if parent not in artefact.sometimes or _is_set(config, artefact.sometimes[parent])
    ]


def _is_set(config: Config, where: str) -> bool:
    """Whether the full model or a variant has a setting, ``section.name: value``."""
    place, _, value = where.partition(": ")
    section, _, name = place.partition(".")
    changes = (sections.get(section, {}) for sections in config.variants.values())
    return value in (getattr(getattr(config, section), name), *(c.get(name) for c in changes))


@cache
def _depth(artefact: str) -> int:
    """Length of the longest chain of artefacts that ends with this one."""
    return 1 + max(map(_depth, artefacts()[artefact].parents), default=0)


def _place(stage: Stage) -> float:
    """Position of a stage in its chapter: after the stages whose artefacts it reads."""
    if not stage.makes:
        return float("inf")
    return max((_depth(parent) for part in stage.makes for parent in part.made_from), default=0)


def stages_by_chapter() -> dict[str, list[Stage]]:
    """All stages by chapter, each after the stages that it depends on."""
    stages = [read_stage(name) for name in stage_names()]
    others = sorted({stage.chapter for stage in stages} - set(CHAPTERS))
    return {
        chapter: sorted((s for s in stages if s.chapter == chapter), key=_place)
        for chapter in (*CHAPTERS, *others)
    }


def load_sections() -> dict[str, type[Section]]:
    """The sections of the configuration that a variant may change, by name.

    Imports the modules of the stages' settings, which declare them.
    """
    stages = [stage for chapter in stages_by_chapter().values() for stage in chapter]
    modules = list(dict.fromkeys(stage.settings_module for stage in stages))
    for module in modules:
        importlib.import_module(module)
    from mindvideo.settings.base import SECTIONS

    return {
        name: section
        for module in modules
        for name, section in SECTIONS.items()
        if section.__module__ == module
    }
