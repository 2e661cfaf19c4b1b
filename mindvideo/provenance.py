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
from typing import Any

import mindvideo
from mindvideo.settings import Section
from mindvideo.state import Identity

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


@cache
def module_digests(module: str) -> dict[str, str]:
    """Digest of each module of this package that a module runs."""
    texts = {name: f"{_module(name)[0]}" for name in import_closure(module)}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:8] for name, text in texts.items()}


# --- the sidecar ----------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    found = {"mindvideo": mindvideo.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def describe(
    identity: Identity,
    settings: Section,
    content: dict[str, Any],
    started: str,
    seconds: float,
) -> str:
    """JSON of an output's sidecar: what it contains, and how it was made."""
    return json.dumps(
        {
            "stage": identity.stage.replace("_", "-"),
            "settings": settings.model_dump(mode="json"),
            "inputs": identity.inputs,
            "code": identity.code,
            "known_as": identity.known_as,
            "modules": identity.modules,
            "versions": versions(),
            "started": started,
            "seconds": round(seconds, 1),
            "content": content,
        },
        indent=2,
    )
