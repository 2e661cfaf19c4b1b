"""Path templates with placeholders, and the order of names with numbers in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter


def natural(name: str) -> list[tuple[str, int]]:
    """Sort key of names with numbers in them: seg9 before seg10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


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
        found = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ValueError(f"{field}: {template!r}: {error}") from None
    if wrong := found - allowed:
        names = ", ".join(f"{{{name}}}" for name in sorted(wrong))
        known = ", ".join(f"{{{name}}}" for name in sorted(allowed))
        hints = {hint for name, hint in (instead or {}).items() if name in wrong}
        more = "".join(f"; {hint}" for hint in sorted(hints))
        raise ValueError(f"{field}: {template!r} has {names}; {known} can be filled in{more}")
