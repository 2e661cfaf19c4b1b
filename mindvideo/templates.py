"""Path templates with placeholders; names: the order of their numbers, and which was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from string import Formatter


def natural(name: str) -> list[tuple[str, int]]:
    """Sort key of names with numbers in them: seg9 before seg10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def differs_by_number(name: str, names: Collection[str]) -> bool:
    """Whether a name is like one of the others but for the value of its number.

    seg19 beside seg1 and seg2, but not seg02: that is one of them, written in another way.
    """
    digits = "0123456789"
    alike = [other for other in names if other.rstrip(digits) == name.rstrip(digits)]
    return bool(alike) and natural(name) not in map(natural, alike)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """ "; did you mean …?" with the most similar name; nothing where none is similar."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_template(
    field: str, template: str, allowed: set[str], instead: Mapping[str, str] | None = None
) -> None:
    """Refuse a path template with other placeholders than those that are filled in.

    `instead` says of some others what to do without them.

    Raises
    ------
    ValueError
        Naming them.
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
