"""The stages: one module a rule, each with a ``main`` that reads, calls pure functions, writes.

A stage's keyword arguments are its contract: their annotations below say what each is, their
names are those of the rule's inputs and outputs and of the command line's options. The decorators
`chapter` and `makes` say where it belongs. Signature and decorators are read from the source
(:mod:`mindvideo.registry`), so that a declaration can be read without what the stage imports.
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
"""A file or folder that the stage makes; moved into place only when the stage has succeeded."""

Outputs: TypeAlias = list[Path]
"""Several of them, in order."""

State: TypeAlias = Path
"""A folder for checkpoints or rows computed so far, of one set of settings, code and inputs.

It outlives kills.
"""


def chapter(title: str) -> Callable[[Main], Main]:
    """Declare in which chapter of ``mindvideo --help`` a stage stands."""
    return lambda main: main


def makes(
    artefact: str, *, made_from: Sequence[str] = (), shared: bool = False, section: str = ""
) -> Callable[[Main], Main]:
    """Declare an artefact that a stage makes, or a part of one.

    Like the signature, it is read from the source: the arguments are literals.

    Parameters
    ----------
    artefact
        Its folder, below that of the subject or of the variant.
    made_from
        The artefacts that it is made from.
    shared
        Whether it is the same for all subjects.
    section
        The section of the configuration whose values the settings take, where it is not the one
        that their class belongs to: one stage may make several artefacts, each by its own section.
    """
    return lambda main: main
