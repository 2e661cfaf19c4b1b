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
from mindvideo.io.confounds import patterns_of, read_confounds


def table(path: str, n_volumes: int, names: Sequence[str]) -> Iterator[Finding]:
    """Problems of the table of a run with `n_volumes` volumes, such as missing columns."""
    yield from refused(path, read_confounds, Path(path), names, n_volumes)


def unused(subject: str, tables: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    """Patterns that match no column in any run of a subject; in a single run this is allowed."""
    columns: dict[str, None] = {}
    for path in tables:
        with suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            columns |= dict.fromkeys(file.readline().rstrip("\r\n").split("\t"))
    for name in names if columns else ():
        if (patterns := patterns_of(name)) and not any(
            fnmatchcase(c, p) for c in columns for p in patterns
        ):
            stems = {column.rstrip("0123456789") for column in columns}
            near = difflib.get_close_matches(patterns[0].rstrip("*_0123456789"), stems, n=1)
            yield warning(
                f"{subject} clean.confounds: {name}",
                f"no column of its {len(tables)} tables is named {' or '.join(patterns)}"
                + (f": did you mean {near[0]}*?" if near else ": check the pattern"),
            )
