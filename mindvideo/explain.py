"""How a file came to be, from the sidecars beside it and beside what it was made from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mindvideo.contents import Digests
from mindvideo.errors import InputError
from mindvideo.io.sidecars import sidecar_path
from mindvideo.provenance import code_digest
from mindvideo.registry import read_stage, stage_names

Sidecar = dict[str, Any]


def explain(path: Path, *, everything: bool = False, deep: bool = False) -> Iterator[str]:
    """Tell how a file or folder came to be, line by line.

    Parameters
    ----------
    path : Path
        An output of a stage, or a file in a folder that is one.
    everything : bool
        Tell settings that have their defaults, too.
    deep : bool
        Tell of all that it was made from, back to what no stage made.

    Raises
    ------
    InputError
        If there is no such file, or nothing tells how it was made.
    """
    made, sidecar = find_sidecar(path)
    if made != path:
        yield f"{path} is part of {made}"
    yield from _head(made, sidecar)
    yield "\nsettings" + ("" if everything else ", but for defaults")
    yield from _settings(sidecar, everything) or ["  none"]
    yield "\nmade from"
    yield from _inputs(sidecar) or ["  nothing that lies on the disk"]
    if deep:
        yield "\nand before that"
        yield from _history(sidecar, depth=1, told={made})


def find_sidecar(path: Path) -> tuple[Path, Sidecar]:
    """The output that a path is, or lies in, and what its sidecar says.

    Raises
    ------
    InputError
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    for candidate in (path, *path.absolute().parents[:-1]):  # the root has no name
        sidecar = sidecar_path(candidate)
        if sidecar.is_file():
            content = _read(sidecar)
            if content is not None:
                return candidate, content
    raise InputError(
        f"{path}: no sidecar ({sidecar_path(path).name}) beside it, nor beside a folder that it "
        "lies in, so nothing tells how it was made. Stages write one beside each of their outputs."
    )


def _read(sidecar: Path) -> Sidecar | None:
    """What a sidecar says; None if the file is JSON of another kind."""
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{sidecar}: is no JSON ({error}): make the artefact again, and its sidecar with it"
        ) from None
    return content if isinstance(content, dict) and "stage" in content else None


def _head(made: Path, sidecar: Sidecar) -> Iterator[str]:
    versions = ", ".join(f"{name} {v}" for name, v in sidecar["versions"].items())
    yield f"{made}"
    yield f"  made by   mindvideo {sidecar['stage']}, {_same_code(sidecar)}"
    yield f"  at        {sidecar['started']}, in {sidecar['seconds']:g} s"
    yield f"  with      {versions}"
    if (seed := sidecar["settings"].get("seed")) is not None:
        yield f"  seed      {seed}"


def _same_code(sidecar: Sidecar) -> str:
    name = sidecar["stage"].replace("-", "_")
    if name not in stage_names():
        return "a stage that is not there any more"
    same = code_digest(read_stage(name).module) == sidecar["code"]
    return "by the code that is here" if same else "by other code than is here"


def _settings(sidecar: Sidecar, everything: bool) -> list[str]:
    defaults = {} if everything else _defaults(sidecar["stage"].replace("-", "_"))
    absent = object()
    return [
        f"  {name:<20} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in sidecar["settings"].items()
        if defaults.get(name, absent) != value
    ]


def _defaults(stage: str) -> dict[str, Any]:
    from mindvideo import settings

    if stage not in stage_names():
        return {}
    fields = getattr(settings, read_stage(stage).settings).model_fields
    values = {n: f.get_default(call_default_factory=True) for n, f in fields.items()}
    return {n: json.loads(json.dumps(v, default=_plain)) for n, v in values.items()}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)


def _inputs(sidecar: Sidecar) -> list[str]:
    return [f"  {_now(path, digest):<8} {path}" for path, digest in sidecar["inputs"].items()]


def _now(path: str, digest: str) -> str:
    if not Path(path).exists():
        return "gone"
    return "same" if Digests.of_environment("explain").of(Path(path)) == digest else "changed"


def _history(sidecar: Sidecar, depth: int, told: set[Path]) -> Iterator[str]:
    for name in sidecar["inputs"]:
        path = Path(name)
        before = _read(sidecar_path(path)) if sidecar_path(path).is_file() else None
        line = f"{'  ' * depth}{name}"
        if before is None:
            yield f"{line}: made by no stage"
        elif path in told:
            yield f"{line}: see above"
        else:
            told.add(path)
            yield f"{line}: {before['stage']}, {before['started']}, {_same_code(before)}"
            yield from _history(before, depth + 1, told)


def run(path: Path, *, everything: bool, deep: bool) -> int:
    """Print the explanation; the exit status."""
    for line in explain(path, everything=everything, deep=deep):
        sys.stdout.write(line + "\n")
    return 0
