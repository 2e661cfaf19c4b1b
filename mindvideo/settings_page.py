"""The page of all settings (docs/reference/settings.md), written from the settings themselves."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mindvideo.config import Config
from mindvideo.settings.base import execution_fields

HEAD = """# Every setting

Sections of a configuration (`config/config.yaml`, `config/wen2018.yaml`), in the order of the
chain, with what holds where a configuration says nothing: the paper's numbers, unless the text says
otherwise. A key that does not exist is an error. `mindvideo STAGE --help` lists the settings of one
stage.

Settings marked with ⚙ say how a result is computed (memory, speed, what is drawn on the way), not
what it is. Changing one reruns nothing, and a training that was interrupted goes on from its
checkpoint. Results may differ by rounding, and with `accumulate` by which random numbers are drawn.

This page is written by `mindvideo settings`."""


def settings_page() -> str:
    """The whole page, Markdown."""
    return HEAD + "\n" + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield from _table("the top level", Config, "")
    for name, field in Config.model_fields.items():
        if (section := _model(field)) is not None:
            yield from _section(name, section)


def _section(name: str, section: type[BaseModel], mark: str = "") -> Iterator[str]:
    yield from _table(f"`{name}`{mark}", section, inspect.getdoc(section) or "")
    for key, field in section.model_fields.items():
        if (inner := _model(field)) is not None:
            mark = " ⚙" if execution_fields(section).get(key) is True else ""
            yield from _section(f"{name}.{key}", inner, mark)


def _table(title: str, section: type[BaseModel], text: str) -> Iterator[str]:
    yield f"\n## {title}\n"
    if text:
        paragraph = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text.partition("\n\n")[0])
        yield re.sub(r"\s+", " ", paragraph).replace("``", "`") + "\n"
    rows = [(n, f) for n, f in section.model_fields.items() if _model(f) is None]
    if rows:
        yield "| setting | kind | default | meaning |\n|---|---|---|---|"
    for name, field in rows:
        mark = " ⚙" if execution_fields(section).get(name) is True else ""
        cells = (f"`{name}`{mark}", _type(field), _default(field), _description(section, name))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a setting is, if it is one."""
    kind = field.annotation
    return kind if inspect.isclass(kind) and issubclass(kind, BaseModel) else None


def _type(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
        if getattr(limit, name, None) is not None
    ]
    return f"{_words(field.annotation)} {', '.join(limits)}".strip()


def _words(kind: Any) -> str:
    """A type as a person would say it."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _words(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(map(_words, inner))
    if origin in (list, tuple):
        return f"list of {' and '.join(dict.fromkeys(_words(i) for i in inner if i is not ...))}"
    if origin is dict:
        return f"{_words(inner[0])} → {_words(inner[1])}"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    names |= {type(None): "nothing", Any: "anything"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def _description(section: type[BaseModel], name: str) -> str:
    """Its own, or that of the section that this one builds on."""
    ancestors = [a for a in section.__mro__ if issubclass(a, BaseModel) and name in a.model_fields]
    descriptions = (ancestor.model_fields[name].description for ancestor in ancestors)
    return next(filter(None, descriptions), "")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "needed"
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`"
