"""Tables of confounds: one row per volume, and the columns that `clean.confounds` names.

The check uses the reader of the stage, so that both report the same messages.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from mindvideo.findings import Finding, refused, warning
from mindvideo.io.confounds import read_confounds
from mindvideo.nuisance import STRATEGIES, Strategy, resolve

Entries = Sequence[str | Strategy]
"""Of `clean.confounds`."""


def table(path: str, n_volumes: int, entries: Entries) -> Iterator[Finding]:
    """Problems of the table of a run with `n_volumes` volumes, such as missing columns."""
    yield from refused(path, read_confounds, Path(path), entries, n_volumes)


def unused(subject: str, tables: Sequence[str], entries: Entries) -> Iterator[Finding]:
    """Patterns that match no column in any run of a subject; in a single run this is allowed."""
    columns: dict[str, None] = {}
    for path in tables:
        with suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            columns |= dict.fromkeys(file.readline().rstrip("\r\n").split("\t"))
    for strategy in map(resolve, entries if columns else ()):
        for patterns in _looked_for(strategy):
            if any(fnmatchcase(c, p) for c in columns for p in patterns):
                continue
            stems = {column.rstrip("0123456789") for column in columns}
            near = difflib.get_close_matches(patterns[0].rstrip("*_0123456789"), stems, n=1)
            yield warning(
                f"{subject} clean.confounds: {strategy.name}",
                f"no column of its {len(tables)} tables is named {' or '.join(patterns)}"
                + (f": did you mean {near[0]}*?" if near else ": check the pattern"),
            )


def _looked_for(strategy: Strategy) -> list[tuple[str, ...]]:
    """Groups of patterns of which one must match: all of the project's, each one of the user's."""
    if strategy.name not in STRATEGIES:
        return [(pattern,) for pattern in strategy.patterns]
    only = strategy.patterns and not (strategy.names or strategy.components)
    return [strategy.patterns] if only else []
