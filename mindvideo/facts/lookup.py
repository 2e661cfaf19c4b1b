"""The settings passed to a stage, and which sections of the configuration they depend on."""

from __future__ import annotations

from typing import Any, TypeVar

from mindvideo.artefacts import artefacts
from mindvideo.config import Config, Stages
from mindvideo.facts.registry import FACTS
from mindvideo.given import can_pretrain, is_array, parents
from mindvideo.registry import importer
from mindvideo.settings.base import From, Section

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
