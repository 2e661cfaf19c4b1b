"""Templates of HTML pages; style and script are put inside, so that a page is one file.

This module's digest contains the files of its folder (:mod:`mindvideo.source`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from mindvideo.figures.style import metric_label


def render(name: str, styles: Sequence[str] = (), **values: Any) -> str:
    """Fill in a template with values, its style and, where it has one, its script.

    Parameters
    ----------
    name : str
        `gallery` for gallery.html, gallery.css and gallery.js; pages.css is in every page.
    styles : sequence of str
        Names of the style sheets, by default that of the template.
    **values
        Text is escaped, :class:`~markupsafe.Markup` is not.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["label"] = metric_label
    style = Markup("".join(_read(f"{sheet}.css") for sheet in ("pages", *(styles or [name]))))
    has_script = files(__name__).joinpath(f"{name}.js").is_file()
    script = Markup(_read(f"{name}.js")) if has_script else ""
    return environment.get_template(f"{name}.html").render(style=style, script=script, **values)


def embedded_json(data: Any) -> Markup:
    """JSON that can stand in a script element: "</script>" in a caption does not end it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _read(file: str) -> str:
    return files(__name__).joinpath(file).read_text(encoding="utf-8")
