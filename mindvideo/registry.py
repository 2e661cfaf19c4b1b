"""The stages and their declarations, read from their source without importing them.

The command line, the rules and the plan use this registry: the options of a stage, its rule's shell
command, its help and its place in the plan follow from the signature of its ``main``.
"""

from __future__ import annotations

import ast
import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mindvideo.settings.base import Section

STAGES = Path(__file__).parent / "stages"
KINDS = ("Input", "Inputs", "Output", "Outputs", "State")


@dataclass(frozen=True)
class Parameter:
    """One keyword argument of a stage: `kind` is one of KINDS, "settings" or "str"."""

    name: str
    kind: str
    optional: bool

    @property
    def many(self) -> bool:
        return self.kind in ("Inputs", "Outputs")

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Makes:
    """An artefact that a stage makes, or a part of it: the arguments of the decorator `makes`."""

    artefact: str
    made_from: tuple[str, ...] = ()
    shared: bool = False
    section: str = ""
    where: str = ""


@dataclass(frozen=True)
class Stage:
    """A stage's module name, first docstring line, parameters, settings, chapter and artefacts.

    `imports` is the artefact that it imports, if it is such a stage.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    settings: str
    settings_module: str
    chapter: str
    makes: tuple[Makes, ...]
    imports: str = ""

    @property
    def command(self) -> str:
        return self.name.replace("_", "-")

    @property
    def module(self) -> str:
        return f"mindvideo.stages.{self.name}"

    @property
    def trains(self) -> bool:
        """Whether the stage trains a model, which several processes can share."""
        return any(p.name == "history" and p.kind == "Output" for p in self.parameters)

    @property
    def settings_class(self) -> type[Section]:
        """The class of its settings, imported from the module that the stage imports it from."""
        return getattr(importlib.import_module(self.settings_module), self.settings)

    @property
    def has_execution_settings(self) -> bool:
        """Whether some of its settings only change how its result is computed."""
        from mindvideo.settings.base import execution_fields

        return bool(execution_fields(self.settings_class))

    def of_kind(self, *kinds: str) -> list[Parameter]:
        return [p for p in self.parameters if p.kind in kinds]


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    nodes = list(ast.walk(argument.annotation or ast.Constant(0)))
    words = [node.id for node in nodes if isinstance(node, ast.Name)]
    nullable = any(isinstance(node, ast.Constant) and node.value is None for node in nodes)
    if argument.arg == "settings":
        return Parameter("settings", "settings", optional=False)
    kind = next((word for word in words if word in KINDS), "str")
    return Parameter(argument.arg, kind, optional=nullable or default is not None)


def _decorators(main: ast.FunctionDef, name: str) -> list[dict[str, Any]]:
    """Arguments of all decorators with this name; the first positional one has the key `0`."""
    calls = [d for d in main.decorator_list if isinstance(d, ast.Call)]
    return [
        {"0": ast.literal_eval(call.args[0])}
        | {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == name
    ]


def _makes(artefact: str, made_from: Iterable[str] = (), **more: Any) -> Makes:
    return Makes(artefact, tuple(made_from), **more)


def _module_of(name: str, tree: ast.Module, here: str) -> str:
    """The module that a stage imports a class from, or the stage's own module."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return str(node.module)
    return here


@cache
def read_stage(name: str) -> Stage:
    """The stage of this module name, from its ``main``: signature and decorators."""
    tree = ast.parse((STAGES / f"{name}.py").read_text())
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    if main.args.args or main.args.vararg or main.args.kwarg:
        raise TypeError(f"{name}.main: all arguments must be keyword-only")
    arguments = list(zip(main.args.kwonlyargs, main.args.kw_defaults))
    settings = next((a.annotation for a, _ in arguments if a.arg == "settings"), None)
    if settings is None:
        raise TypeError(f"{name}.main: an argument `settings: CLASS` is required")
    chapters = [arguments["0"] for arguments in _decorators(main, "chapter")]
    makes = [_makes(arguments.pop("0"), **arguments) for arguments in _decorators(main, "makes")]
    imported = [arguments["0"] for arguments in _decorators(main, "imports")]
    return Stage(
        name=name,
        summary=(ast.get_docstring(tree) or "").partition("\n")[0],
        parameters=tuple(_parameter(a, default) for a, default in arguments),
        settings=ast.unparse(settings),
        settings_module=_module_of(ast.unparse(settings), tree, f"mindvideo.stages.{name}"),
        chapter=chapters[0] if chapters else "others",
        makes=tuple(makes),
        imports=imported[0] if imported else "",
    )


def stage_names() -> list[str]:
    return sorted(p.stem for p in STAGES.glob("*.py") if not p.stem.startswith("_"))


@cache
def importer(artefact: str) -> Stage | None:
    """The stage that imports an artefact from given arrays; None if there is none."""
    stages = map(read_stage, stage_names())
    return next((stage for stage in stages if stage.imports == artefact), None)


def command_line(
    stage: Stage,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    wildcards: Mapping[str, str],
) -> list[str]:
    """The arguments of the command that runs a stage, without its settings, state and log.

    Inputs and outputs are the rule's entries of the same name; other parameters are wildcards.
    Optional inputs are left out if the rule has none.

    Raises
    ------
    TypeError
        If the rule lacks an entry that the stage needs, or has one that the stage does not declare.
    """
    places = {"Input": inputs, "Inputs": inputs, "Output": outputs, "Outputs": outputs}
    words = ["mindvideo", stage.command]
    for p in stage.parameters:
        if p.kind in ("State", "settings"):
            continue
        place = places.get(p.kind, wildcards)
        if p.name in place:
            value = place[p.name]
            words += [p.option, *([value] if isinstance(value, str | os.PathLike) else value)]
        elif not p.optional:
            raise TypeError(f"stage {stage.name} needs {p.name} ({p.kind}), which its rule lacks")
    names = {p.name for p in stage.parameters}
    if unknown := [n for n in (*inputs, *outputs) if n not in names]:
        raise TypeError(f"stage {stage.name} has no {', '.join(unknown)}, which its rule passes it")
    return [str(word) for word in words]
