"""The error that the user can correct, with its source, and the warning about old names."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path


class InputError(Exception):
    """Invalid input: the message says what was found, what was needed, and what to do."""


@contextlib.contextmanager
def named(source: Path) -> Iterator[None]:
    """Begin the messages of errors with the path of a file or folder."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


class RenamedSetting(FutureWarning):
    """A setting, one of its values, a metric or a column has its name of an earlier version."""


_python_format = warnings.formatwarning


def _format(message, category, filename, lineno, line=None):  # type: ignore[no-untyped-def]
    if issubclass(category, RenamedSetting):
        return f"{message}\n"
    return _python_format(message, category, filename, lineno, line)


def show_old_names() -> None:
    """Print each warning about an old name once, in one line without its source location."""
    warnings.simplefilter("once", RenamedSetting)
    warnings.formatwarning = _format
