"""The one error that is the user's to mend, and the one warning of old names."""

from __future__ import annotations

import warnings


class InputError(Exception):
    """Bad input: the message says what was found, what was needed, and what to do."""


class RenamedSetting(FutureWarning):
    """A setting, one of its values, a metric or a column has its name of the last version."""


_python_format = warnings.formatwarning


def _format(message, category, filename, lineno, line=None):  # type: ignore[no-untyped-def]
    if issubclass(category, RenamedSetting):
        return f"{message}\n"
    return _python_format(message, category, filename, lineno, line)


def show_old_names() -> None:
    """Print each warning of an old name once, as a line without the source that it comes from."""
    warnings.simplefilter("once", RenamedSetting)
    warnings.formatwarning = _format
