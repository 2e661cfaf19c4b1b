"""Keep results after an update of the code that the user knows does not change them.

Each result records the code that computed it: digests of the source of its stage and of the
libraries. The param `code` of a rule starts with these digests, so that an update reruns the stage.
``mindvideo adopt`` records in ``RESULTS/adopted.json`` that the current code stands for the earlier
code; the rule then keeps its param, and a training run keeps its state.
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
    """Digests of the installed source of a stage and of its libraries."""
    return f"{code_digest(module)}-{lock_digest(module, lock)}"


def provenance(module: str, stands_for: str, output: Path | None = None) -> dict[str, Any]:
    """The code and the libraries that compute a result, as recorded in sidecars and states.

    `stands_for` is the rule's param `code`. Without a workflow, the source stands for itself, or
    for the code that was adopted for it in the folder of results that contains the output.
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
    """The code adopted for the results of one folder, read from its ``adopted.json``.

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
                    f"{self.path}: not valid JSON ({error}). Correct the file, or delete it: then "
                    "all adopted results are recomputed."
                ) from None

    @classmethod
    def around(cls, path: Path) -> Adopted:
        """Read the record of the folder of results that contains a path."""
        folders = path.absolute().parents
        return cls(next((f for f in folders if (f / NAME).is_file()), folders[0]))

    def entry(self, stage: str, here: str) -> dict[str, Any] | None:
        """The record for a stage and its current code; None if nothing was adopted."""
        return self._stages.get(stage, {}).get(here)

    def representative(self, stage: str, here: str) -> str:
        """What the current code and libraries stand for: themselves, if nothing was adopted."""
        entry = self.entry(stage, here)
        return entry["as"] if entry else here

    def of_result(self, stage: str, code: str, stands_for: str) -> dict[str, Any] | None:
        """The record by which the source with this digest stands for that of a result, if any."""
        digests = _first_parts(stands_for)
        for here, entry in self._stages.get(stage, {}).items():
            if here.split("-")[0] == code and entry["as"].startswith(digests):
                return entry
        return None

    def by_hand(self, stage: str, code: str) -> str:
        """What a source stands for when its stage was not started by a workflow."""
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
    """The digests of source and libraries, without that of the pretrained weights."""
    return "-".join(stands_for.split("-")[:2])


# --- adopt ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Product:
    """A result or a state: its stage, the code that computed it, and its sidecar."""

    path: Path
    stage: str
    by: str
    here: str
    sidecar: Sidecar


def adopt(
    paths: Iterable[Path], results: Path, lock: str, *, deep: bool = False, why: str = ""
) -> Iterator[str]:
    """Record that the current code stands for the code that computed `paths`; report the changes.

    Parameters
    ----------
    paths : iterable of Path
        Outputs of stages, or folders of states.
    results : Path
        The folder of results whose rules use the record.
    lock : str
        Text of the lock file.
    deep : bool
        Also adopt everything that the paths were computed from.
    why : str
        A reason, which is recorded.

    Raises
    ------
    InputError
        If a path has no record of its code, or results of one stage were computed by different
        code. Nothing is recorded then.
    """
    adopted = Adopted(results)
    chosen: dict[str, Product] = {}
    for path, sidecar in _sidecars(paths, results, deep):
        product = _product(path, sidecar, lock)
        other = chosen.setdefault(product.stage, product)
        if product.by != other.by:
            raise InputError(
                f"{product.stage}: {other.path} and {product.path} were computed by different code "
                "or libraries, and only one of them can be adopted. Name only that one."
            )
    for product in chosen.values():
        yield from _adopt(product, adopted, lock, why)
    adopted.write()


def _sidecars(paths: Iterable[Path], results: Path, deep: bool) -> Iterator[tuple[Path, Sidecar]]:
    expanded: set[Path] = set()
    for given in paths:
        if not given.absolute().is_relative_to(results.absolute()):
            raise InputError(
                f"{given}: not in {results}, the folder of results of this configuration. Name the "
                "configuration of these results with --config"
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
            f"{key / IDENTITY}: not valid JSON ({error}), so the code of this state is unknown. "
            "Delete the state with mindvideo discard."
        ) from None


def _product(path: Path, sidecar: Sidecar, lock: str) -> Product:
    stage = sidecar["stage"].replace("-", "_")
    if stage not in stage_names():
        raise InputError(f"{path}: computed by {sidecar['stage']}, a stage that no longer exists")
    if "stands_for" not in sidecar:
        raise InputError(
            f"{path}: computed by an older version of mindvideo, whose sidecars do not record the "
            "code as the workflow compares it, so it cannot be adopted"
        )
    here = code_and_lock(read_stage(stage).module, lock)
    by = _first_parts(sidecar["stands_for"])
    if "-" not in by:  # not started by a workflow: no lock is recorded
        by = f"{by}-{here.split('-')[1]}"
    return Product(path, stage, by, here, sidecar)


def _adopt(product: Product, adopted: Adopted, lock: str, why: str) -> Iterator[str]:
    yield f"{product.stage} ({product.path})"
    before = adopted.entry(product.stage, product.here)
    if product.by == product.here:
        yield "  computed by the current code and libraries: nothing to adopt"
    elif before and before["as"] == product.by:
        yield f"  already adopted, on {before['since']}"
    elif before:
        raise InputError(
            f"{product.stage}: since {before['since']}, the current code has stood for other code "
            f"than that of {product.path}. To change this, delete the entry {product.here} of "
            f"{product.stage} in {adopted.path}."
        )
    else:
        module = read_stage(product.stage).module
        modules = changed_modules(product.sidecar.get("modules", {}), module_digests(module))
        libraries = changed_libraries(product.sidecar.get("libraries", {}), locked(module, lock))
        yield from (f"  changed   {name}" for name in modules)
        yield from (f"  version   {text}" for text in libraries)
        yield f"  treated as identical from now on ({adopted.path})"
        since = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"as": product.by, "since": since, "why": why, "changed": [*modules, *libraries]}
        adopted.add(product.stage, product.here, entry)


# --- discard --------------------------------------------------------------------------------------


def discard(state: Path) -> Iterator[str]:
    """Delete the state of a stage, so that it starts again; report what the state contained.

    Raises
    ------
    InputError
        If the folder is not a state, or a process is using it.
    """
    keys = _keys(state)
    if not keys:
        raise InputError(
            f"{state}: not the state of a stage. Name a folder in RESULTS/state that contains one."
        )
    folder = state.parent if keys == [state] else state
    with locks.locked([folder]):
        for key in keys:
            yield f"{key}: {_progress(key)}: deleted"
            shutil.rmtree(key)
        if not any(folder.iterdir()):
            folder.rmdir()


def _progress(key: Path) -> str:
    """The progress of a state: the step of its newest checkpoint, or the number of rows done."""
    names = [path.name.removeprefix("step-") for path in key.glob("step-*")]
    steps = [int(name) for name in names if name.isdigit()]
    rows = [f"{path.read_text()} of {path.stem} done" for path in sorted(key.glob("*.done"))]
    if steps:
        rows.append(f"checkpoint of step {max(steps)}")
    return ", ".join(rows) or "nothing done yet"


# --- the commands ---------------------------------------------------------------------------------


def run_adopt(paths: list[Path], config: list[Path], *, deep: bool, why: str) -> int:
    """Adopt and print what changed; return the exit status."""
    from mindvideo.config import load_config

    lock = find_lock().read_text()
    lines = list(adopt(paths, Path(load_config(*config).results), lock, deep=deep, why=why))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def run_discard(states: list[Path]) -> int:
    """Delete states and print what they contained; return the exit status."""
    for state in states:
        sys.stdout.writelines(f"{line}\n" for line in discard(state))
    return 0
