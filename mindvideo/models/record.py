"""What the networks of a stage computed on and in which precision, for the sidecars.

Nothing heavy is imported: every stage asks here, also those without a network.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

Format: TypeAlias = Literal["fp32", "bf16", "fp16"]
Precision: TypeAlias = Format | Literal["auto"]
"""What settings name: a number format, or the best one of the device."""

_noted: dict[str, Any] = {}


def note(**what: Any) -> None:
    """Note something of how the networks compute."""
    _noted.update(what)


def forget() -> None:
    """Forget what is noted: another stage begins."""
    _noted.clear()


def noted() -> dict[str, Any]:
    """What is noted; empty if no network has computed."""
    return dict(_noted)
