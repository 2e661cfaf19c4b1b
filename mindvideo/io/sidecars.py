"""Sidecars, which record how an output was computed; and the voxels of windows and models."""

from __future__ import annotations

import json
from pathlib import Path

from mindvideo.errors import InputError


def sidecar_path(path: Path) -> Path:
    """Path of the sidecar of an output."""
    return path.with_name(path.name + ".json")


def voxels_of(*windows: Path) -> str | None:
    """Digest of the table of voxels that windows were cut from, from their sidecars.

    None if there is no sidecar, no such table, or not the same one for all windows.
    """
    digests = set()
    for path in windows:
        sidecar = sidecar_path(path)
        record = json.loads(sidecar.read_text()) if sidecar.is_file() else {}
        tables = [d for name, d in record.get("inputs", {}).items() if name.endswith(".tsv")]
        digests.add(tables[0] if record.get("stage") == "windows" and len(tables) == 1 else None)
    return digests.pop() if len(digests) == 1 else None


def check_voxels(windows: Path, trained_on: str | None, model: Path) -> None:
    """Raise an error if windows and the training of a model used different voxels, as recorded.

    Raises
    ------
    InputError
    """
    digest = voxels_of(windows)
    if digest and trained_on and digest != trained_on:
        raise InputError(
            f"{windows}: cut from another selection of voxels ({digest[:12]}…) than {model} was "
            f"trained on ({trained_on[:12]}…), even if their number is the same: voxels would be "
            "mixed up. Use windows of that selection, or train on these."
        )
