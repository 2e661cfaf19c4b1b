"""Hooks of MkDocs: cross-references of docstrings as links."""

import re

ROLE = re.compile(r":(?:func|class|mod|meth|attr|data|exc|obj):<code>(~?)([\w.]+)</code>")


def on_page_content(html: str, **_: object) -> str:
    """Replace :func:`~mindvideo.x.y`, as docstrings write it, by a link to that function."""
    return ROLE.sub(_reference, html)


def _reference(match: re.Match[str]) -> str:
    short, name = match.groups()
    shown = name.rpartition(".")[2] if short else name
    return f'<autoref identifier="{name.lstrip(".")}" optional><code>{shown}</code></autoref>'
