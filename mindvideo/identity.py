"""What decides the result of a stage, and in what two starts of it differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mindvideo.contents import text_digest

IDENTITY = "identity.json"
"""The file of a state folder that says whose it is."""


@dataclass(frozen=True)
class Identity:
    """What decides the result of a stage."""

    stage: str
    known_as: str
    """The code and libraries, or those for which the user has said that they stand."""
    code: str
    modules: dict[str, str]
    """A digest for each module that the stage runs."""
    libraries: dict[str, str]
    """The version of each package that the stage can import."""
    settings: dict[str, Any]
    """Those that decide the result, and names such as that of a segment."""
    inputs: dict[str, str]
    """Path: digest."""

    @property
    def key(self) -> str:
        """Where the files lie does not matter, and neither does who wrote the code down how."""
        return text_digest(self.known_as, json.dumps(self.settings), *self.inputs.values())


def differ(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """In what two identities differ: (settings | inputs | code | weights, how), in words."""
    for name in sorted(old["settings"].keys() | new["settings"].keys()):
        before, now = (x["settings"].get(name) for x in (old, new))
        if before != now:
            yield "settings", f"{name} was {json.dumps(before)}, is {json.dumps(now)}"
    if list(old["inputs"].values()) != list(new["inputs"].values()):
        known = set(old["inputs"].values())
        changed = [path for path, digest in new["inputs"].items() if digest not in known]
        yield "inputs", ", ".join(changed) or "their order"
    if old["known_as"] != new["known_as"]:
        code = changed_modules(old["modules"], new["modules"])
        code += changed_libraries(old.get("libraries", {}), new["libraries"])
        if code:
            yield "code", ", ".join(code)
        else:
            yield "weights", "a pretrained model is another one"


def changed_modules(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Modules whose digests differ, with what happened to them."""
    names = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
    notes = {n: " (new)" if n not in before else "" if n in now else " (gone)" for n in names}
    return [f"{name}{note}" for name, note in notes.items()]


def changed_libraries(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Packages of another version, as "torch 2.9 → 2.10". A build's own label does not count."""
    plain = {name: text.partition("+")[0] for name, text in before.items()}
    return [
        f"{name} {plain.get(name, 'none')} → {now.get(name, 'none')}"
        for name in sorted(plain.keys() | now.keys())
        if plain.get(name) != now.get(name)
    ]
