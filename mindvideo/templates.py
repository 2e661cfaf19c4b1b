"""Path templates with placeholders; numeric order of names, and suggestions for misspelt ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from string import Formatter


def natural(name: str) -> list[tuple[str, int]]:
    """Sort key of names with numbers in them: seg9 before seg10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def differs_by_number(name: str, names: Collection[str]) -> bool:
    """Whether a name differs from one of the others only in the value of its number.

    With seg1 and seg2, this is true of seg19, but not of seg02, another spelling of seg2.
    """
    digits = "0123456789"
    alike = [other for other in names if other.rstrip(digits) == name.rstrip(digits)]
    return bool(alike) and natural(name) not in map(natural, alike)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """ "; did you mean …?" with the most similar name; empty if none is similar."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_template(
    field: str, template: str, allowed: set[str], instead: Mapping[str, str] | None = None
) -> None:
    """Raise an error if a path template has placeholders other than those that are filled in.

    `instead` has hints about some other placeholders.

    Raises
    ------
    ValueError
        The message names them.
    """
    try:
        placeholders = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ValueError(f"{field}: {template!r}: {error}") from None
    if wrong := placeholders - allowed:
        names = ", ".join(f"{{{name}}}" for name in sorted(wrong))
        listed = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "nothing"
        hints = {hint for name, hint in (instead or {}).items() if name in wrong}
        more = "".join(f"; {hint}" for hint in sorted(hints))
        raise ValueError(f"{field}: {template!r} has {names}; {listed} can be filled in{more}")
