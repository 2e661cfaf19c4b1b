"""Extension of griffe: examples of a module's docstring as code."""

import re
from typing import Any

import griffe

# A paragraph that begins with a prompt, as doctest reads it.
EXAMPLE = re.compile(r"(?:^|(?<=\n\n))(>>> .*?)(?=\n\n|\Z)", re.DOTALL)
SECTION = re.compile(r"^Examples\n-+$", re.MULTILINE)


class Examples(griffe.Extension):
    """Fence examples outside a section of that name, which griffe takes for quotations."""

    def on_module(self, *, mod: griffe.Module, **_: Any) -> None:
        if mod.docstring and not SECTION.search(mod.docstring.value):
            mod.docstring.value = EXAMPLE.sub(r"```pycon\n\1\n```", mod.docstring.value)
