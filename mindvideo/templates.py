"""Path templates with placeholders, and the order of names with numbers in them."""

from __future__ import annotations

import re
from string import Formatter


def natural(name: str) -> list[tuple[str, int]]:
    """Sort key of names with numbers in them: seg9 before seg10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def check_template(field: str, template: str, allowed: set[str]) -> None:
    """Refuse a path template with other placeholders than those that are filled in.

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
        raise ValueError(f"{field}: {template!r} has {names}; {known} can be filled in")
