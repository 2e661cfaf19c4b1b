"""Numbers and lists in running text.

>>> count(1, "volume"), count(12, "volume")
('one volume', '12 volumes')
>>> listed(["V1", "V2", "V3"])
'V1, V2 and V3'
>>> at_probability(0.25)
'25%'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def number(n: int) -> str:
    """A whole number: in words below ten."""
    return WORDS[n] if 0 <= n < len(WORDS) else f"{n:,}"


def count(n: int, noun: str) -> str:
    """A number of things."""
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Join names, the last one by "and"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def span(values: Iterable[float], unit: str = "") -> str:
    """A value, or the range of several.

    >>> span([4.0, 4.0], " s"), span([240, 238])
    ('4 s', '238 to 240')
    """
    low, high = min(values := sorted(values)), max(values)
    return f"{low:,g}{unit}" if low == high else f"{low:,g} to {high:,g}{unit}"


def at_probability(fraction: float) -> str:
    return f"{100 * fraction:g}%"


def sentences(*parts: str) -> str:
    """Join the sentences that are not empty."""
    return " ".join(part for part in parts if part)


def interpolated(interpolation: str, nearest: str = "") -> str:
    """How values between volumes were computed, in brackets; `nearest` if they were not."""
    if interpolation == "nearest":
        return nearest
    return f" ({interpolation} interpolation between volumes)"
