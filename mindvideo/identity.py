"""What determines the result of a stage, and how two executions of it differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mindvideo.contents import text_digest

IDENTITY = "identity.json"
"""The file of a state folder that identifies it."""


@dataclass(frozen=True)
class Identity:
    """What determines the result of a stage."""

    stage: str
    stands_for: str
    """The code and libraries, or the earlier ones that the user has replaced by adopting them."""
    code: str
    modules: dict[str, str]
    """A digest for each module that the stage runs."""
    libraries: dict[str, str]
    """The version of each package that the stage can import."""
    settings: dict[str, Any]
    """Settings that determine the result, and names such as that of a segment."""
    inputs: dict[str, str]
    """Path: digest."""
    parameters: dict[str, int]
    """How many of the inputs, in order, belong to each parameter of the stage."""

    @property
    def key(self) -> str:
        """A digest of what determines the result; the paths of the inputs do not count."""
        values = json.dumps([self.settings, self.parameters])
        return text_digest(self.stands_for, values, *self.inputs.values())


def with_current_names(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a sidecar or a state, with the current name of `stands_for`."""
    current = dict(record)
    if "known_as" in current:  # its name in the last version
        current["stands_for"] = current.pop("known_as")
    return current


def differ(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Differences between two identities: (settings | inputs | code | weights, description)."""
    for name in sorted(old["settings"].keys() | new["settings"].keys()):
        before, now = (x["settings"].get(name) for x in (old, new))
        if before != now:
            yield "settings", f"{name} was {json.dumps(before)}, is now {json.dumps(now)}"
    before, now = ([*x["inputs"].values(), x.get("parameters")] for x in (old, new))
    if before != now:
        digests = set(old["inputs"].values())
        others = [path for path, digest in new["inputs"].items() if digest not in digests]
        yield "inputs", ", ".join(others) or "their order"
    # Source, lock and weights. A stage that was started by hand records its source only.
    parts = zip(("source", "lock", "weights"), *(x["stands_for"].split("-") for x in (old, new)))
    changed = {name for name, before, now in parts if before != now}
    if changed & {"source", "lock"}:
        code = changed_modules(old["modules"], new["modules"])
        code += changed_libraries(old.get("libraries", {}), new["libraries"])
        yield "code", ", ".join(code) or "versions in the lock file"
    if "weights" in changed:
        yield "weights", "a pretrained model has changed"


def changed_modules(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Modules whose digests differ, with what happened to them."""
    names = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
    notes = {n: " (new)" if n not in before else "" if n in now else " (gone)" for n in names}
    return [f"{name}{note}" for name, note in notes.items()]


def changed_libraries(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Packages with another version, such as "torch 2.9 → 2.10"; build labels do not count."""
    plain = {name: text.partition("+")[0] for name, text in before.items()}
    return [
        f"{name} {plain.get(name, 'none')} → {now.get(name, 'none')}"
        for name in sorted(plain.keys() | now.keys())
        if plain.get(name) != now.get(name)
    ]
