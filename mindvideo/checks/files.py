"""Files of a data set: whether they exist, can be read, and differ from each other."""

from __future__ import annotations

import difflib
import filecmp
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from mindvideo.findings import Finding, error
from mindvideo.io import inventory

BESIDE = (".json", ".tsv", ".txt", ".html", ".svg", ".png")
"""Suffixes of other files whose names are similar to those of runs and films."""


def present(paths: Iterable[str]) -> list[str]:
    return [p for p in dict.fromkeys(paths) if Path(p).is_file() and os.access(p, os.R_OK)]


def absent(paths: Iterable[str]) -> Iterator[Finding]:
    """Files that do not exist or cannot be read; a missing folder is reported once."""
    expected = [Path(path) for path in paths]
    named = set(expected)
    inside: dict[Path, list[str]] = defaultdict(list)
    for path in expected:
        if path.is_file():
            if not os.access(path, os.R_OK):
                yield error(str(path), f"no permission to read it (chmod u+r {path.name})")
        elif path.is_dir():
            yield error(str(path), "is a folder; expected a file")
        elif path.is_symlink():
            target = os.readlink(path)
            yield error(
                str(path),
                f"is a link to {target}, which does not exist: fetch it first "
                "(datalad get, git annex get)",
            )
        elif path.parent.is_dir():
            if not os.access(path.parent, os.X_OK | os.R_OK):
                inside[path.parent].append(path.name)
                continue
            near = _similar(path, [p for p in path.parent.iterdir() if p not in named])
            hint = f"; did you mean {near}, which is not used?" if near else ""
            yield error(str(path), f"is missing{hint}")
        else:
            inside[next(p for p in reversed(path.parents) if not p.is_dir())].append(path.name)
    for folder, names in inside.items():
        there = f" in {Path.cwd()}" if not folder.is_absolute() else ""
        what = "no permission to list it" if folder.is_dir() else f"no such folder{there}"
        many = f"{len(names)} files expected in it: " if len(names) > 1 else "it should contain "
        yield error(f"{folder}/", f"{what}; {many}{names[0]}" + (", …" if names[1:] else ""))


def _similar(path: Path, others: list[Path]) -> str | None:
    """Name of a file that may be the missing one: in the same format, or else in another."""
    same = [p.name for p in others if p.suffixes[-2:] == path.suffixes[-2:]]
    rest = [p.name for p in others if p.suffix not in BESIDE or p.suffix == path.suffix]
    for names in (same, rest):
        if near := difflib.get_close_matches(path.name, names, n=1, cutoff=0.8):
            return near[0]
    return None


def duplicates(paths: list[str]) -> Iterator[Finding]:
    """Files with the same content, first compared by samples, then byte by byte."""
    alike: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[inventory.sampled_digest(Path(path))].append(path)
    for first, *others in alike.values():
        for other in others:
            if filecmp.cmp(first, other, shallow=False):
                yield error(other, f"has the same content as {first}: one of them is misnamed")
