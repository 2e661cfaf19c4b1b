"""Results that stay after an update, since a person knows that they would be the same.

A stage is known by what it was *made by*: the digests of its source and of its libraries. A rule's
param `code` starts with that text, so that an update reruns the stage. ``mindvideo adopt`` notes in
``RESULTS/adopted.json`` that what is here stands for what was made by something else; the rule then
keeps its param, and a training its state.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mindvideo import locks
from mindvideo.errors import InputError
from mindvideo.identity import IDENTITY, changed_libraries, changed_modules, with_current_names
from mindvideo.libraries import find_lock, installed, lock_digest, locked
from mindvideo.registry import read_stage, stage_names
from mindvideo.sidecars import Sidecar, ancestors, find_sidecar
from mindvideo.source import code_digest, module_digests

NAME = "adopted.json"


def code_and_lock(module: str, lock: str) -> str:
    """Digests of the source and of the libraries that make the results of a stage here."""
    return f"{code_digest(module)}-{lock_digest(module, lock)}"


def provenance(module: str, stands_for: str, output: Path | None = None) -> dict[str, Any]:
    """The code and the libraries that make a result here, as sidecars and states name them.

    `stands_for` is the rule's param `code`. Without a workflow, the source stands for itself, or
    for what was adopted for it in the results that the output lies in.
    """
    code = code_digest(module)
    if not stands_for and output is not None:
        stands_for = Adopted.around(output).by_hand(module.rpartition(".")[2], code)
    return {
        "stands_for": stands_for or code,
        "code": code,
        "modules": module_digests(module),
        "libraries": installed(module),
    }


class Adopted:
    """What was adopted, as the file of a folder of results says.

    Raises
    ------
    InputError
        If the file cannot be read.
    """

    def __init__(self, results: Path) -> None:
        self.path = results / NAME
        self._stages: dict[str, dict[str, dict[str, Any]]] = {}
        if self.path.is_file():
            try:
                self._stages = json.loads(self.path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise InputError(
                    f"{self.path}: is no JSON ({error}). Mend it, or delete it: then all results "
                    "that were adopted are recomputed."
                ) from None

    @classmethod
    def around(cls, path: Path) -> Adopted:
        """Of the results that a file lies in."""
        folders = path.absolute().parents
        return cls(next((f for f in folders if (f / NAME).is_file()), folders[0]))

    def entry(self, stage: str, here: str) -> dict[str, Any] | None:
        """What was noted for a stage and what it is made by here."""
        return self._stages.get(stage, {}).get(here)

    def representative(self, stage: str, here: str) -> str:
        """What stands for the code and libraries here: themselves, if nothing was adopted."""
        entry = self.entry(stage, here)
        return entry["as"] if entry else here

    def of_result(self, stage: str, code: str, stands_for: str) -> dict[str, Any] | None:
        """What was noted for a result, if the source with this digest stands for its own."""
        digests = _first_parts(stands_for)
        for here, entry in self._stages.get(stage, {}).items():
            if here.split("-")[0] == code and entry["as"].startswith(digests):
                return entry
        return None

    def by_hand(self, stage: str, code: str) -> str:
        """What a source stands for where no workflow says so."""
        entries = self._stages.get(stage, {}).items()
        return next((e["as"] for here, e in entries if here.split("-")[0] == code), code)

    def add(self, stage: str, here: str, entry: dict[str, Any]) -> None:
        self._stages.setdefault(stage, {})[here] = entry

    def write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{NAME}.{os.getpid()}")
        temporary.write_text(json.dumps(self._stages, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self.path)


def _first_parts(stands_for: str) -> str:
    """Digests of source and libraries, without that of pretrained weights."""
    return "-".join(stands_for.split("-")[:2])


# --- adopt ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Product:
    """A result or a state: its stage, the code that made it, and its sidecar."""

    path: Path
    stage: str
    by: str
    here: str
    sidecar: Sidecar


def adopt(
    paths: Iterable[Path], results: Path, lock: str, *, deep: bool = False, why: str = ""
) -> Iterator[str]:
    """Note that the code and libraries here stand for those that made `paths`; report what changed.

    Parameters
    ----------
    paths : iterable of Path
        Outputs of stages, or folders of states.
    results : Path
        The folder of results, whose rules shall heed it.
    lock : str
        Text of the lock file.
    deep : bool
        Adopt all that they were made from as well.
    why : str
        A reason, which is noted.

    Raises
    ------
    InputError
        If nothing says what made a path, or one stage was made by two codes. Nothing is noted then.
    """
    adopted = Adopted(results)
    chosen: dict[str, Product] = {}
    for path, sidecar in _sidecars(paths, results, deep):
        product = _product(path, sidecar, lock)
        other = chosen.setdefault(product.stage, product)
        if product.by != other.by:
            raise InputError(
                f"{product.stage}: {other.path} and {product.path} were made by different code or "
                "libraries, and only one of them can stand for what is here. Name only that one."
            )
    for product in chosen.values():
        yield from _adopt(product, adopted, lock, why)
    adopted.write()


def _sidecars(paths: Iterable[Path], results: Path, deep: bool) -> Iterator[tuple[Path, Sidecar]]:
    expanded: set[Path] = set()
    for given in paths:
        if not given.absolute().is_relative_to(results.absolute()):
            raise InputError(
                f"{given}: lies outside {results}, the results of the configuration: name its own "
                "with --config"
            )
        states = [(key, _read_identity(key)) for key in _keys(given)]
        records = states or [find_sidecar(given)]
        for path, sidecar in records:
            yield path, sidecar
            for before in ancestors(sidecar, expanded) if deep else ():
                if before.sidecar is not None and not before.again:
                    yield before.path, before.sidecar


def _keys(state: Path) -> list[Path]:
    """Folders of a state, one for each set of settings, code and inputs; none if it is no state."""
    candidates = [state, *sorted(state.iterdir())] if state.is_dir() else []
    return [folder for folder in candidates if (folder / IDENTITY).is_file()]


def _read_identity(key: Path) -> Sidecar:
    try:
        return with_current_names(json.loads((key / IDENTITY).read_text(encoding="utf-8")))
    except ValueError as error:
        raise InputError(
            f"{key / IDENTITY}: is no JSON ({error}), so nothing says what code the state is of. "
            "Delete it with mindvideo discard."
        ) from None


def _product(path: Path, sidecar: Sidecar, lock: str) -> Product:
    stage = sidecar["stage"].replace("-", "_")
    if stage not in stage_names():
        raise InputError(f"{path}: made by {sidecar['stage']}, a stage that is not there any more")
    if "stands_for" not in sidecar:
        raise InputError(
            f"{path}: an older version of mindvideo made it, whose sidecars do not say what the "
            "workflow knew its code as: it cannot be adopted"
        )
    here = code_and_lock(read_stage(stage).module, lock)
    by = _first_parts(sidecar["stands_for"])
    if "-" not in by:  # made by hand: nothing is known of a lock
        by = f"{by}-{here.split('-')[1]}"
    return Product(path, stage, by, here, sidecar)


def _adopt(product: Product, adopted: Adopted, lock: str, why: str) -> Iterator[str]:
    yield f"{product.stage} ({product.path})"
    before = adopted.entry(product.stage, product.here)
    if product.by == product.here:
        yield "  made by the code and libraries that are here: nothing to adopt"
    elif before and before["as"] == product.by:
        yield f"  adopted already, on {before['since']}"
    elif before:
        raise InputError(
            f"{product.stage}: what is here stands for other code already, since "
            f"{before['since']}, and not for that of {product.path}. To change that, delete the "
            f"entry {product.here} of {product.stage} in {adopted.path}."
        )
    else:
        module = read_stage(product.stage).module
        modules = changed_modules(product.sidecar.get("modules", {}), module_digests(module))
        libraries = changed_libraries(product.sidecar.get("libraries", {}), locked(module, lock))
        yield from (f"  changed   {name}" for name in modules)
        yield from (f"  version   {text}" for text in libraries)
        yield f"  from now on taken as the same ({adopted.path})"
        since = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"as": product.by, "since": since, "why": why, "changed": [*modules, *libraries]}
        adopted.add(product.stage, product.here, entry)


# --- discard --------------------------------------------------------------------------------------


def discard(state: Path) -> Iterator[str]:
    """Delete the state of a stage, so that it starts again; report what it held.

    Raises
    ------
    InputError
        If it is no state, or a process is at work in it.
    """
    keys = _keys(state)
    if not keys:
        raise InputError(
            f"{state}: no state of a stage. Name a folder of RESULTS/state that holds one."
        )
    folder = state.parent if keys == [state] else state
    with locks.locked([folder]):
        for key in keys:
            yield f"{key}: {_progress(key)}: deleted"
            shutil.rmtree(key)
        if not any(folder.iterdir()):
            folder.rmdir()


def _progress(key: Path) -> str:
    """How far a state has come: the step of its newest checkpoint, or the rows that are done."""
    names = [path.name.removeprefix("step-") for path in key.glob("step-*")]
    steps = [int(name) for name in names if name.isdigit()]
    rows = [f"{path.read_text()} of {path.stem} done" for path in sorted(key.glob("*.done"))]
    if steps:
        rows.append(f"checkpoint of step {max(steps)}")
    return ", ".join(rows) or "nothing done yet"


# --- the commands ---------------------------------------------------------------------------------


def run_adopt(paths: list[Path], config: Path, *, deep: bool, why: str) -> int:
    """Adopt and print what changed; the exit status."""
    from mindvideo.config import load_config

    lock = find_lock().read_text()
    lines = list(adopt(paths, Path(load_config(config).results), lock, deep=deep, why=why))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def run_discard(states: list[Path]) -> int:
    """Delete states and print what they held; the exit status."""
    for state in states:
        sys.stdout.writelines(f"{line}\n" for line in discard(state))
    return 0
