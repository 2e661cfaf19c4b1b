"""The pages of the documentation, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mindvideo.results_folder import VARIABLE

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "ARCHITECTURE.md", "config/README.md", "benchmarks/README.md")
    ),
    *sorted(DOCS.rglob("*.md")),
]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SHELL = ("", "sh", "bash")
"""Languages of blocks that hold commands. Output and diagrams are `text`."""
STEPS = ("how-to", "tutorials")
"""Folders of pages that are followed from top to bottom in one shell."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    return [block for language, block in FENCED.findall(page.read_text()) if language in languages]


@dataclass(frozen=True)
class Command:
    """A command of a page: its words, its variables, and the configuration that applies."""

    page: str
    words: tuple[str, ...]
    configuration: str | None = None
    variables: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def _lines(block: str) -> Iterator[list[str]]:
    for line in block.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            if words := shlex.split(command, comments=True):
                yield words


def _of_page(page: Path) -> Iterator[Command]:
    configuration = None
    for block in blocks(page, *SHELL):
        if page.parent.name not in STEPS:
            configuration = None
        for words in _lines(block):
            variables = []
            while re.match(r"[A-Z_]+=", words[0]):
                variables.append(words.pop(0))
            if words[0] == "export":
                variable, _, configuration = words[1].partition("=")
                assert variable == VARIABLE, (page, words)
            yield Command(named(page), tuple(words), configuration, tuple(variables))


def commands(*start: str) -> list[Command]:
    """Commands of all fenced blocks that start with some words; each once for a configuration."""
    unique: dict[tuple, Command] = {}
    for page in PAGES:
        for command in _of_page(page):
            if command.words[: len(start)] == start:
                unique.setdefault((command.words, command.configuration), command)
    return list(unique.values())


def inline(program: str) -> list[Command]:
    """Commands within sentences."""
    found: dict[tuple, Command] = {}
    for page in PAGES:
        for call in re.findall(rf"`({program} [^`\n]*)`", FENCED.sub("", page.read_text())):
            words = tuple(shlex.split(call))
            found.setdefault(words, Command(named(page), words))
    return list(found.values())
