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
from mindvideo.nuisance import STRATEGIES, Strategy
from mindvideo.settings.base import execution_fields
from mindvideo.settings.sources import Source

HEAD = """# Settings

The sections of a configuration (`config/config.yaml`, `config/wen2018.yaml`), with the default of
each setting and its source. A key that does not exist is an error. `mindvideo STAGE --help` lists
the settings of one stage.

| source | meaning |
|---|---|
| paper | section or table of Chen, Qing & Zhou, *Cinematic Mindscapes*, NeurIPS 2023; B: appendix |
| image paper | Chen et al., *Seeing Beyond the Brain*, CVPR 2023, and its code |
| released code | the code and weights that accompany the paper |
| Wen et al. 2018 | the data set's own processing |
| library | the default of that library |
| data | depends on the data set; the default applies where nothing is given |
| this project | our choice, and why |

Settings marked ⚙ affect how a result is computed (memory, speed, intermediate figures), not the
result, except for rounding and, with `accumulate`, the order of random numbers. Changing one
recomputes nothing, and an interrupted training run continues from its checkpoint.

This page is written by `mindvideo settings`."""


ORDER = [
    *("dataset", "pretraining_data", "pretrained", "…"),
    *("scoring", "tables", "videos", "figures", "interpretation", "demo"),
]
"""Sections of the page; the dots stand for the other stages, in the order of the configuration."""


def settings_page() -> str:
    """The whole page, Markdown."""
    return HEAD + "\n" + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    yield from _table("Top level", Config, "")
    for name in sorted(Config.model_fields, key=_place):
        if (section := section_class(Config.model_fields[name])) is not None:
            yield from _section(name, section)


def _place(name: str) -> int:
    """Order of a section on the page: data first, then the order of the stages."""
    return ORDER.index(name) if name in ORDER else ORDER.index("…")


def _section(name: str, section: type[BaseModel], mark: str = "") -> Iterator[str]:
    yield from _table(f"`{name}`{mark}", section, inspect.getdoc(section) or "")
    if name == "clean":
        yield from _strategies()
    for key, field in section.model_fields.items():
        if (inner := section_class(field)) is not None:
            mark = " ⚙" if execution_fields(section).get(key) is True else ""
            yield from _section(f"{name}.{key}", inner, mark)


def _strategies() -> Iterator[str]:
    """The strategies of `clean.confounds`, and the keys of a file with one."""
    yield "\n### Strategies of `clean.confounds`\n"
    yield "| strategy | columns | what is removed |\n|---|---|---|"
    for name, strategy in STRATEGIES.items():
        differ = [*(f"{kind}_*" for kind in strategy.components), *strategy.patterns]
        columns = [str(len(strategy.names))] if strategy.names else []
        columns += [f"`{pattern}`" for pattern in differ]
        reference = f" ({strategy.reference.partition(':')[0]})" if strategy.reference else ""
        yield f"| `{name}` | {', '.join(columns) or 'none'} | {strategy.meaning}{reference} |"
    yield "\nA YAML file that `clean.confounds` names by its path is a strategy of your own:"
    yield "\n| key of the file | type | default | meaning |\n|---|---|---|---|"
    for name, field in Strategy.model_fields.items():
        if name != "name":
            default = "none" if section_class(field) else _default(field)
            cells = (f"`{name}`", _type(field), default, field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _table(title: str, section: type[BaseModel], text: str) -> Iterator[str]:
    yield f"\n## {title}\n"
    if text:
        paragraph = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text.partition("\n\n")[0])
        yield re.sub(r"\s+", " ", paragraph).replace("``", "`") + "\n"
    rows = [
        (n, f)
        for n, f in section.model_fields.items()
        if section_class(f) is None or is_optional(f)
    ]
    if rows:
        yield '<div class="settings" markdown>\n'
        yield "| setting | type | default | source | meaning |\n|---|---|---|---|---|"
        yield from (_row(section, name, field) for name, field in rows)
        yield "\n</div>"


def _row(section: type[BaseModel], name: str, field: FieldInfo) -> str:
    mark = " ⚙" if execution_fields(section).get(name) is True else ""
    source = str(source_of(field) or "")
    meaning = _description(section, name)
    cells = (f"`{name}`{mark}", _type(field), _default(field), source, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def source_of(field: FieldInfo) -> Source | None:
    """Where the default of a setting comes from; none for a setting that must be given."""
    return next((mark for mark in field.metadata if isinstance(mark, Source)), None)


def section_class(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a setting is, if it is one; it may be optional."""
    kinds = get_args(field.annotation) if is_optional(field) else (field.annotation,)
    kind = kinds[0]
    return kind if inspect.isclass(kind) and issubclass(kind, BaseModel) else None


def is_optional(field: FieldInfo) -> bool:
    """Whether a setting is a section or nothing, or a value or nothing."""
    kinds = get_args(field.annotation)
    return get_origin(field.annotation) in (Union, UnionType) and kinds[1:] == (type(None),)


def _type(field: FieldInfo) -> str:
    if section_class(field):
        return "section (below), or nothing"
    limits = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
        if getattr(limit, name, None) is not None
    ]
    return f"{_words(field.annotation)} {', '.join(limits)}".strip()


def _words(kind: Any) -> str:
    """A type in words."""
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
    names = {int: "integer", float: "number", str: "text", bool: "true or false"}
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
        return "required"
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`"
