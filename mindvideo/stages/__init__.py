"""The stages: one module per rule, each with a ``main`` that reads, calls pure functions, writes.

The keyword arguments of ``main`` declare a stage's interface: the annotations below say whether
each is an input or output, and their names are those of the rule's entries and of the command
line's options. The decorators `chapter`, `makes` and `imports` declare its place in the
workflow. Signature
and decorators are read from the source (:mod:`mindvideo.registry`), without importing the stage.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

Main = TypeVar("Main", bound=Callable[..., Any])

Input: TypeAlias = Path
"""A file or folder that the stage reads."""

Inputs: TypeAlias = list[Path]
"""Several of them, in order."""

Output: TypeAlias = Path
"""A file or folder that the stage writes; moved into place only when the stage has succeeded."""

Outputs: TypeAlias = list[Path]
"""Several of them, in order."""

State: TypeAlias = Path
"""A folder for checkpoints or rows computed so far, for one set of settings, code and inputs.

It survives if the process is killed.
"""


def chapter(title: str) -> Callable[[Main], Main]:
    """Declare the chapter of ``mindvideo --help`` that lists a stage."""
    return lambda main: main


def imports(artefact: str) -> Callable[[Main], Main]:
    """Declare that a stage imports an artefact from arrays that the configuration gives."""
    return lambda main: main


def makes(
    artefact: str,
    *,
    made_from: Sequence[str] = (),
    shared: bool = False,
    section: str = "",
    where: str = "",
) -> Callable[[Main], Main]:
    """Declare an artefact that a stage makes, or a part of one.

    Like the signature, it is read from the source, so the arguments must be literals.

    Parameters
    ----------
    artefact
        Its folder, below that of the subject or of the variant.
    made_from
        The artefacts that it is made from.
    shared
        Whether it is the same for all subjects.
    section
        The section of the configuration that the settings come from, if it is not the one of their
        class: one stage may make several artefacts, each with its own section.
    where
        A setting as ``section.name: value``. The artefact is made from `made_from` only if a model
        has this setting.
    """
    return lambda main: main
