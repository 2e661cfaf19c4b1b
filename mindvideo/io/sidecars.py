"""The record beside an output of how it was made, and what it says of models and windows."""

from __future__ import annotations

import json
from pathlib import Path

from mindvideo.errors import InputError


def sidecar_path(path: Path) -> Path:
    """Where the record of how an output was made lies."""
    return path.with_name(path.name + ".json")


def voxels_of(*windows: Path) -> str | None:
    """Digest of the table of voxels that windows were cut from, as their sidecars tell.

    None where there is no sidecar, no such table, or not the same one for all.
    """
    found = set()
    for path in windows:
        sidecar = sidecar_path(path)
        made = json.loads(sidecar.read_text()) if sidecar.is_file() else {}
        tables = [d for name, d in made.get("inputs", {}).items() if name.endswith(".tsv")]
        found.add(tables[0] if made.get("stage") == "windows" and len(tables) == 1 else None)
    return found.pop() if len(found) == 1 else None


def check_voxels(windows: Path, trained_on: str | None, model: Path) -> None:
    """Refuse windows of other voxels than a model was trained on, where both are known.

    Raises
    ------
    InputError
    """
    theirs = voxels_of(windows)
    if theirs and trained_on and theirs != trained_on:
        raise InputError(
            f"{windows}: cut from another selection of voxels ({theirs[:12]}…) than {model} was "
            f"trained on ({trained_on[:12]}…), though their number may be the same: voxels would "
            "be taken for each other. Give windows of that selection, or train on these."
        )
