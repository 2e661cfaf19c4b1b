"""Paths in which ``~`` and environment variables are expanded as in a shell.

All expansion happens here: settings that are paths have the type
:data:`mindvideo.settings.PathText`, arguments of the command line the type :func:`path_argument`.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)


def expand(text: str) -> str:
    """A path with its home folder (``~``, ``~name``) and variables (``$X``, ``${X}``) expanded.

    An expanded path is returned unchanged, and so are placeholders such as ``{subject}``.

    Raises
    ------
    ValueError
        If a variable is not set, or a user has no home folder.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise ValueError(
                f"the environment variable {name} in {text!r} is not set: export {name}=… first, "
                "or write out the path"
            )
        return os.environ[name]

    filled = VARIABLE.sub(value, text)
    home = os.path.expanduser(filled)
    if filled.startswith("~") and home == filled and not os.path.lexists(filled):
        raise ValueError(f"{filled!r}: no user {filled.partition('/')[0][1:]} has a home folder")
    return home


def path_argument(text: str) -> Path:
    """A path from the command line; a shell does not expand ``~`` in ``--to=~/x``."""
    try:
        return Path(expand(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
