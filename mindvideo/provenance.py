"""How a result came to be: digests of files, and the sidecar that says so.

The digests of the code are in :mod:`mindvideo.source`, those of libraries in
:mod:`mindvideo.libraries`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from mindvideo.errors import InputError

# --- files ----------------------------------------------------------------------------------------


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files."""
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path)}\0{file_digest(file)}\0".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


# --- the sidecar ----------------------------------------------------------------------------------


def sidecar_path(path: Path) -> Path:
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


def describe(
    stage: str,
    settings: dict,
    inputs: dict[str, str],
    identity: dict,
    started: str,
    seconds: float,
) -> str:
    """Text of an artefact's sidecar: the stage, its settings (with seeds), and what it read.

    `identity` says which code and libraries it was (:func:`mindvideo.adoption.identity`).
    """
    return json.dumps(
        {
            "stage": stage,
            "settings": settings,
            "inputs": inputs,
            **identity,
            "started": started,
            "seconds": round(seconds, 1),
        },
        indent=2,
    )
