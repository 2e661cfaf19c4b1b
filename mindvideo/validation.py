"""Readable messages for the errors that pydantic finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from mindvideo.settings.base import NAME, SEGMENT
from mindvideo.templates import did_you_mean

KINDS = {
    "dict_type": "expected pairs of a name and a value, such as { name: value }",
    "list_type": "expected a list, such as [a, b]",
    "model_type": "expected settings with their values, such as { name: value }",
}
LETTERS = {NAME: "letters, digits and . _ -", SEGMENT: "letters, digits and -"}
OTHERWISE = {
    bool: "yes, no, on, off, true and false as true or false",
    int: "this as a number",
    float: "this as a number",
}


def explain(error: ValidationError, where: str, model: type[BaseModel] | None = None) -> str:
    """The message of a validation error: each key, what was found, and what is expected."""
    lines = [f"{where}:"]
    for problem in error.errors():
        parts = [str(part) for part in problem["loc"]]
        key = ".".join(part for part in parts if "[" not in part) or "(whole)"
        if problem["type"] == "missing":
            lines.append(f"  {key}: is missing{_needed(model, problem['loc'])}")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"  {key}: no such setting{_suggestion(problem['loc'], model)}")
        else:
            # The message of a contradiction within a section is complete by itself.
            whole = problem["type"] == "value_error" and isinstance(problem["input"], dict)
            suffix = "" if whole else f"; found {problem['input']!r:.60}"
            place = f"{key}: " if problem["loc"] else ""
            lines.append(f"  {place}{what_is_wrong(problem)}{suffix}")
    return "\n".join(dict.fromkeys(lines))


def what_is_wrong(problem: ErrorDetails) -> str:
    """What one value should be, without what was found."""
    kind, value = problem["type"], problem["input"]
    if kind in ("string_type", "invalid_key"):
        return f"expected text{_unquoted(value)}"
    if kind == "string_pattern_mismatch" and (letters := LETTERS.get(problem["ctx"]["pattern"])):
        return f"expected a name ({letters}) that starts with a letter or digit"
    limit = problem.get("ctx", {}).get({"less_than": "lt", "less_than_equal": "le"}.get(kind, ""))
    if limit == 1 and 1 < float(value) <= 100:
        return f"expected a fraction from 0 to 1: did you mean {float(value) / 100:g}?"
    return KINDS.get(kind, problem["msg"].removeprefix("Value error, "))


def _unquoted(value: Any) -> str:
    """Why YAML did not read a value as text, and how to write it."""
    if isinstance(value, list | dict):
        return ""
    reading = (
        "~, null and an empty value as nothing"
        if value is None
        else OTHERWISE.get(type(value), f"this as a {type(value).__name__}")
    )
    return f", but YAML reads {reading}: put the text in quotes"


def _suggestion(place: tuple[int | str, ...], model: type[BaseModel] | None) -> str:
    """ "; did you mean …?", from the fields of the key's section, or of another section."""
    whole = model
    if place[0] == "variants":  # …, a name, then as in the whole
        place = place[2:]
        if model and place[0] in model.model_fields and len(place) == 1:
            return " of a variant: it is the same for all variants"
    for part in place[:-1]:
        model = section_of(model, str(part))
    name = str(place[-1])
    return did_you_mean(name, model.model_fields if model else ()) or _elsewhere(name, whole)


def _elsewhere(name: str, whole: type[BaseModel] | None) -> str:
    """The sections that have a field of this name, if any have."""
    fields = whole.model_fields if whole else ()
    sections = {field: section_of(whole, field) for field in fields}
    there = [f"{s}.{name}" for s, model in sections.items() if model and name in model.model_fields]
    return f"; is it {' or '.join(there[:3])}?" if there else ""


def _needed(model: type[BaseModel] | None, place: tuple[int | str, ...]) -> str:
    """The description of a missing field."""
    for part in place[:-1]:
        model = section_of(model, str(part))
    field = model.model_fields.get(str(place[-1])) if model else None
    return f"; needed: {field.description}" if field and field.description else ""


def section_of(model: type[BaseModel] | None, name: str) -> type[BaseModel] | None:
    """The class of a field of a model, if it is a section; None otherwise."""
    field = model.model_fields.get(name) if model else None
    kinds = (field.annotation, *get_args(field.annotation)) if field else ()
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def placed(problem: ErrorDetails, *place: str) -> InitErrorDetails:
    """A problem to raise again, at a place in a larger model."""
    return InitErrorDetails(
        type=problem["type"],
        loc=(*place, *problem["loc"]),
        input=problem["input"],
        ctx=problem.get("ctx", {}),
    )


def problems_of(
    model: type[BaseModel], values: Mapping[str, Any], *place: str
) -> list[InitErrorDetails]:
    """All problems with the values of a model, to raise again."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [placed(problem, *place) for problem in error.errors()]
    return []
