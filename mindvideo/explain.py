"""The provenance of a file, from its sidecar and the sidecars of its inputs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mindvideo.adoption import Adopted
from mindvideo.contents import Digests
from mindvideo.identity import changed_libraries, changed_modules
from mindvideo.libraries import installed
from mindvideo.registry import read_stage, stage_names
from mindvideo.sidecars import Sidecar, ancestors, find_sidecar
from mindvideo.source import code_digest, module_digests


def explain(path: Path, *, everything: bool = False, deep: bool = False) -> Iterator[str]:
    """Explain how a file or folder was made, line by line.

    Parameters
    ----------
    path : Path
        An output of a stage, or a file in a folder that is one.
    everything : bool
        Include settings that have their default values.
    deep : bool
        Include all ancestors, back to files that no stage made.

    Raises
    ------
    InputError
        If there is no such file, or no record of how it was made.
    """
    output, sidecar = find_sidecar(path)
    if output != path:
        yield f"{path} is part of {output}"
    yield from _head(output, sidecar)
    yield "\nsettings" + ("" if everything else " that differ from the defaults")
    yield from _settings(sidecar, everything) or ["  none"]
    yield "\nmade from"
    yield from _inputs(output, sidecar) or ["  no file on the disk"]
    if deep:
        yield "\nand before that"
        yield from _history(sidecar, output)


def _head(output: Path, sidecar: Sidecar) -> Iterator[str]:
    versions = ", ".join(f"{name} {v}" for name, v in sidecar["versions"].items())
    yield f"{output}"
    yield f"  made by   mindvideo {sidecar['stage']}, {_code(output, sidecar)}"
    yield f"  at        {sidecar['started']}, in {sidecar['seconds']:g} s"
    yield f"  with      {versions}"
    for name, commit in sidecar.get("pretrained", {}).items():
        yield f"  loaded    {name}, commit {commit}"
    if computed := sidecar.get("computed"):
        tf32 = " with TF32" if computed.get("tf32") and computed["precision"] == "fp32" else ""
        yield f"  computed  in {computed['precision']}{tf32} on {computed['device']}"
    if (seed := sidecar["settings"].get("seed")) is not None:
        yield f"  seed      {seed}"


def _code(output: Path, sidecar: Sidecar) -> str:
    """Whether the code and libraries of an output are current, and if not, what changed."""
    stage = sidecar["stage"].replace("-", "_")
    if stage not in stage_names():
        return "a stage that no longer exists"
    module = read_stage(stage).module
    code, now = code_digest(module), installed(module)
    others = changed_libraries(sidecar.get("libraries", now), now)
    if code == sidecar["code"] and not others:
        return "by the current code"
    text = "by the current code" if code == sidecar["code"] else "by code that has changed since"
    text += ", with other libraries" if others else ""
    stands_for: str = sidecar.get("stands_for") or sidecar["code"]
    if entry := Adopted.around(output).of_result(stage, code, stands_for):
        return f"{text}, adopted on {entry['since']}" + (
            f": {entry['why']}" if entry["why"] else ""
        )
    modules = (
        changed_modules(sidecar["modules"], module_digests(module)) if "modules" in sidecar else []
    )
    return text + (f" (changed: {_few(modules + others)})" if modules + others else "")


def _few(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _settings(sidecar: Sidecar, everything: bool) -> list[str]:
    defaults = {} if everything else _defaults(sidecar["stage"].replace("-", "_"))
    absent = object()
    return [
        f"  {name:<20} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in sidecar["settings"].items()
        if defaults.get(name, absent) != value
    ]


def _defaults(stage: str) -> dict[str, Any]:
    if stage not in stage_names():
        return {}
    fields = read_stage(stage).settings_class.model_fields
    values = {n: f.get_default(call_default_factory=True) for n, f in fields.items()}
    return {n: json.loads(json.dumps(v, default=_plain)) for n, v in values.items()}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else str(value)


def _inputs(output: Path, sidecar: Sidecar) -> list[str]:
    digests = Digests.near(output, "explain")
    inputs = sidecar["inputs"].items()
    return [f"  {_now(path, digest, digests):<8} {path}" for path, digest in inputs]


def _now(path: str, digest: str, digests: Digests) -> str:
    if not Path(path).exists():
        return "gone"
    return "same" if digests.of(Path(path)) == digest else "changed"


def _history(sidecar: Sidecar, output: Path) -> Iterator[str]:
    for depth, path, before, again in ancestors(sidecar, expanded={output}):
        line = f"{'  ' * depth}{path}"
        if before is None:
            yield f"{line}: not made by a stage"
        elif again:
            yield f"{line}: see above"
        else:
            yield f"{line}: {before['stage']}, {before['started']}, {_code(path, before)}"


def run(path: Path, *, everything: bool, deep: bool) -> int:
    """Print the explanation; return the exit status."""
    for line in explain(path, everything=everything, deep=deep):
        sys.stdout.write(line + "\n")
    return 0
