"""What stages there are and what each takes, read from their source without importing them.

The command line and the rules both build on this: a stage's ``main`` is written once, and its
options, its rule's shell command and its help follow from it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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
class Stage:
    """A stage's module name, first docstring line, parameters, and class of settings."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    settings: str

    @property
    def command(self) -> str:
        return self.name.replace("_", "-")

    @property
    def module(self) -> str:
        return f"mindvideo.stages.{self.name}"

    @property
    def trains(self) -> bool:
        """Whether it is a training, which several processes can share."""
        return any(p.name == "history" and p.kind == "Output" for p in self.parameters)

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


@cache
def read_stage(name: str) -> Stage:
    """The stage of this module name, from the signature of its ``main``."""
    tree = ast.parse((STAGES / f"{name}.py").read_text())
    main = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "main")
    if main.args.args or main.args.vararg or main.args.kwarg:
        raise TypeError(f"{name}.main: keyword-only arguments are needed")
    arguments = list(zip(main.args.kwonlyargs, main.args.kw_defaults))
    settings = next(a.annotation for a, _ in arguments if a.arg == "settings")
    return Stage(
        name=name,
        summary=(ast.get_docstring(tree) or "").partition("\n")[0],
        parameters=tuple(_parameter(a, default) for a, default in arguments),
        settings=ast.unparse(settings) if settings else "",
    )


def stage_names() -> list[str]:
    return sorted(p.stem for p in STAGES.glob("*.py") if not p.stem.startswith("_"))


def shell_command(name: str, without: tuple[str, ...] = ()) -> str:
    """The command of a rule that runs a stage.

    Inputs and outputs take the rule's entries of the same name; settings, state and what the code
    is known as come from ``params``; whatever is neither is a wildcard. Optional inputs that the
    rule has not are named in `without`. A training has as many processes as its job has GPUs.
    """
    stage = read_stage(name)
    places = {"Input": "input", "Inputs": "input", "Output": "output", "Outputs": "output"}
    places |= {"State": "params", "settings": "params", "str": "wildcards"}
    options = (
        f"{p.option} {{{places[p.kind]}.{p.name}:q}}"
        for p in stage.parameters
        if p.name not in without
    )
    shared = ["--processes {resources.gpu}"] if stage.trains else []
    return " ".join(
        ["mindvideo", stage.command, *options, *shared, "--code {params.code}", "--log {log:q}"]
    )
