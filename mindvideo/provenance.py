"""How a result came to be: digests of code and files, and the sidecar that says so.

A workflow engine sees neither an edited module nor a changed library; digests of both are params of
every rule (see :mod:`mindvideo.plan`), so that an edit reruns the stages that run it and no other.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import mindvideo
from mindvideo.errors import InputError

ROOT = Path(__file__).parent
UNTRACKED = {"mindvideo.settings"}
"""Not part of a stage's code: its values are tracked as values, and it holds all stages'."""

LIBRARIES = ("numpy", "scipy", "nibabel", "nilearn", "torch", "diffusers", "transformers")


# --- code -----------------------------------------------------------------------------------------


def _path_of(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(module: str, tree: ast.AST) -> set[str]:
    """Modules of this package that a module imports, at its top or inside its functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{module}: relative imports are not followed")
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {m for m in found if m.split(".")[0] == "mindvideo" and _path_of(m)}


def _without_docstrings(tree: ast.AST) -> ast.AST:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            node.body = [n for n in node.body if not _is_string(n)] or [ast.Pass()]
    return tree


def _is_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    path = _path_of(name)
    assert path is not None, name
    tree = ast.parse(path.read_text())
    imports = _imports(name, tree)
    return ast.dump(_without_docstrings(tree)), frozenset(imports)


def import_closure(module: str) -> list[str]:
    """All modules of this package that `module` runs, itself included, sorted by name."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen and name not in UNTRACKED:
            seen.add(name)
            waiting += _module(name)[1]
    return sorted(seen)


@cache
def code_digest(module: str) -> str:
    """Digest of what a module runs in this package: formatting, comments, docstrings left out."""
    digest = hashlib.sha256()
    for name in import_closure(module):
        digest.update(f"{name}\0{_module(name)[0]}\0".encode())
    return digest.hexdigest()[:16]


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


def versions() -> dict[str, str]:
    found = {"mindvideo": mindvideo.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def describe(
    stage: str, settings: dict, inputs: dict[str, str], code: str, started: str, seconds: float
) -> str:
    """Text of an artefact's sidecar: the stage, its settings (with seeds), and what it read."""
    return json.dumps(
        {
            "stage": stage,
            "settings": settings,
            "inputs": inputs,
            "code": code,
            "versions": versions(),
            "started": started,
            "seconds": round(seconds, 1),
        },
        indent=2,
    )
