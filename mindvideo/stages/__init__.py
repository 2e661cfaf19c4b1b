"""The stages: one module a rule, each with a ``main`` that reads, calls pure functions, writes.

A stage's keyword arguments are its contract: their annotations below say what each is, their
names are those of the rule's inputs and outputs and of the command line's options.
"""

from pathlib import Path
from typing import TypeAlias

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
