"""Write the sidecar of an output; read the sidecars of a file and of its ancestors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mindvideo.errors import InputError
from mindvideo.identity import Identity, with_current_names
from mindvideo.io.sidecars import sidecar_path
from mindvideo.libraries import versions
from mindvideo.settings.base import Section

Sidecar = dict[str, Any]


def describe(
    identity: Identity,
    settings: Section,
    content: dict[str, Any],
    started: str,
    seconds: float,
    pretrained: Mapping[str, str] | None = None,
    computed: Mapping[str, Any] | None = None,
) -> str:
    """JSON of an output's sidecar: the digest of its content, and how it was made.

    `pretrained` has the commit of each hub model that the stage loaded, by the model's name;
    `computed` the device of its networks, and the precision in which they computed.
    """
    return json.dumps(
        {
            "stage": identity.stage.replace("_", "-"),
            "settings": settings.model_dump(mode="json"),
            "inputs": identity.inputs,
            "code": identity.code,
            "stands_for": identity.stands_for,
            "modules": identity.modules,
            "libraries": identity.libraries,
            "versions": versions(),
            "pretrained": dict(pretrained or {}),
            "computed": dict(computed or {}),
            "started": started,
            "seconds": round(seconds, 1),
            "content": content,
        },
        indent=2,
    )


class Ancestor(NamedTuple):
    """A file that something was made from: how many steps back, and its sidecar if it has one.

    A file that several steps read is listed for each, with `again` set and without its ancestors.
    """

    depth: int
    path: Path
    sidecar: Sidecar | None
    again: bool


def find_sidecar(path: Path) -> tuple[Path, Sidecar]:
    """The output that a path is or is part of, and its sidecar.

    Raises
    ------
    InputError
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    for candidate in (path, *path.absolute().parents[:-1]):  # the root has no name
        content = read_sidecar(candidate)
        if content is not None:
            return candidate, content
    raise InputError(
        f"{path}: neither this path nor a folder that contains it has a sidecar "
        f"({sidecar_path(path).name}), so its provenance is unknown. Stages write one for each of "
        "their outputs."
    )


def read_sidecar(path: Path) -> Sidecar | None:
    """The sidecar of an output; None if there is none, or it is JSON of another kind."""
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return None
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            f"{sidecar}: not valid JSON ({error}). Delete the output, and compute it again"
        ) from None
    if not isinstance(content, dict) or "stage" not in content:
        return None
    return with_current_names(content)


def ancestors(
    sidecar: Sidecar, expanded: set[Path], depth: int = 1, root: Path = Path()
) -> Iterator[Ancestor]:
    """All ancestors of an output, back to files that no stage made.

    Parameters
    ----------
    expanded : set of Path
        Outputs whose ancestors have been listed; changed in place.
    root : Path
        The folder that paths in sidecars are relative to.
    """
    for name in sidecar["inputs"]:
        path = root / name
        before, again = read_sidecar(path), path in expanded
        yield Ancestor(depth, path, before, again)
        if before is not None and not again:
            expanded.add(path)
            yield from ancestors(before, expanded, depth + 1, root)


def precisions(path: Path) -> dict[str, list[str]]:
    """Precisions in which networks computed what an output was made from.

    Returns
    -------
    dict
        Name of an artefact's folder, such as `cotraining`: its number formats. There are several
        only where machines differ, and the setting is `auto`.
    """
    sidecar = read_sidecar(path)
    if sidecar is None:
        return {}
    formats: dict[str, list[str]] = {}
    for ancestor in ancestors(sidecar, expanded={path}):
        computed = (ancestor.sidecar or {}).get("computed", {}).get("precision")
        if computed and computed not in formats.setdefault(ancestor.path.parent.name, []):
            formats[ancestor.path.parent.name].append(computed)
    return formats


def pretrained_commits(path: Path) -> dict[str, list[str]]:
    """Commits of the hub models that an output was computed with, its ancestors' included.

    Returns
    -------
    dict
        Name of the model, as the configuration has it: its commits. There are several only where
        the revision has moved between two stages.
    """
    sidecar = read_sidecar(path)
    if sidecar is None:
        return {}
    before = (ancestor.sidecar for ancestor in ancestors(sidecar, expanded={path}))
    commits: dict[str, list[str]] = {}
    for record in (sidecar, *filter(None, before)):
        for name, commit in record.get("pretrained", {}).items():
            if commit not in commits.setdefault(name, []):
                commits[name].append(commit)
    return commits
