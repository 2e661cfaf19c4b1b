"""Findings of a check, and their report."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mindvideo.errors import InputError
from mindvideo.templates import natural

ALIKE = 4
"""Identical findings are reported together if there are at least this many."""
NAMED = 3
"""Number of places that such a joint report names."""


@dataclass(frozen=True)
class Finding:
    """Something missing or unusual: its place, and a message.

    An *error* would stop a stage later, or make it read wrong data; a *warning* is for the user to
    judge.
    """

    level: Literal["error", "warning"]
    place: str
    message: str


def error(place: str, message: str) -> Finding:
    return Finding("error", place, message)


def warning(place: str, message: str) -> Finding:
    return Finding("warning", place, message)


def refused(place: str, check: Callable[..., Any], *values: Any, **names: Any) -> Iterator[Finding]:
    """An error if a stage's own check raises one."""
    try:
        check(*values, **names)
    except InputError as problem:
        yield error(place, str(problem).removeprefix(f"{place}: "))


def report(findings: list[Finding], *, everything: bool = False) -> str:
    """Findings as text: by place; a finding that many places share is listed once.

    Parameters
    ----------
    findings : list of Finding
    everything : bool
        Whether to name every place, however many share a finding.
    """
    if not findings:
        return "Nothing is missing or unusual."
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in findings:
        places[finding.level, finding.message].append(finding.place)
    shared = {key: sorted(p, key=natural) for key, p in places.items() if len(p) >= ALIKE}
    alone: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if (finding.level, finding.message) not in shared:
            alone[finding.place].append(finding)
    lines = []
    for place in sorted(alone, key=natural):
        lines += [place, *(f"  {f.level}: {f.message}" for f in alone[place]), ""]
    for (level, message), names in sorted(shared.items()):
        listed = names if everything else names[:NAMED]
        more = len(names) - len(listed)
        kind = "files" if all("/" in name for name in names) else "places"
        lines += [f"{len(names)} {kind}", f"  {level}: {message}", *(f"  {n}" for n in listed)]
        lines += [f"  … and {more} more (--all names them)", ""] if more else [""]
    counts = Counter(finding.level for finding in findings)
    words = [f"{n} {level}{'s'[: n > 1]}" for level in ("error", "warning") if (n := counts[level])]
    ending = "." if counts["error"] else ": the workflow can run."
    return "\n".join([*lines, ", ".join(words) + ending])
