"""Facts: values of settings that follow from a configuration and are not an entry of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Compute = Callable[..., Any]
"""Of a configuration, the sections of the full model or of a variant, and what it is a fact of."""


@dataclass(frozen=True)
class Fact:
    """How a value follows from a configuration, and the sections that it depends on."""

    compute: Compute
    sections: tuple[str, ...]
    of: Literal["segment", "owner", "run"] = "segment"
    """What it is a fact of: a segment; an owner (a subject or a variant); or the runs of a segment,
    for which it gets the owner, too."""
    by_value: bool = False
    """Whether models differ only if its values do, and not if other settings of its sections do."""


FACTS: dict[str, Fact] = {}


def fact(*sections: str, **what: Any) -> Callable[[Compute], Compute]:
    """Declare a function of (configuration, sections of the variant, segment) as a fact.

    `what` are further fields of :class:`Fact`. With ``of="owner"`` it is a function of
    (configuration, sections of the variant, owner), and with ``of="run"`` of (…, owner, segment).
    """

    def register(compute: Compute) -> Compute:
        FACTS[compute.__name__] = Fact(compute, sections, **what)
        return compute

    return register
