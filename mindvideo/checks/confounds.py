"""Tables of confounds: a row a volume, and the columns that `clean.confounds` asks for."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.confounds import patterns_of, read_confounds


def table(path: str, n_volumes: int, names: Sequence[str]) -> Iterator[Finding]:
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as reason:
        yield error(path, f"cannot be read ({reason})")
        return
    if not lines or "\t" not in lines[0]:
        yield error(path, "is no table of tab-separated confounds")
    elif len(lines) - 1 != n_volumes:
        yield error(path, f"{len(lines) - 1} rows, its run has {n_volumes} volumes: another run's?")
    elif names:
        try:
            read_confounds(Path(path), names, n_volumes)
        except InputError as problem:
            yield error(path, str(problem).removeprefix(f"{path}: "))


def unused(subject: str, tables: Sequence[str], names: Sequence[str]) -> Iterator[Finding]:
    """Patterns, which may find nothing in a run, that find nothing in any run of a subject."""
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
                + (f": did you mean {near[0]}*?" if near else ": is the pattern right?"),
            )
