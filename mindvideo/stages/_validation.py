"""Files of the validation segments, which training stages get all together or not at all."""

from __future__ import annotations

from pathlib import Path

from mindvideo.errors import InputError


def all_or_none(**files: Path | None) -> tuple[Path, ...] | None:
    """The files, or None if none of them is given.

    Raises
    ------
    InputError
        If some are given and others are not.
    """
    missing = [f"--{name.replace('_', '-')}" for name, path in files.items() if path is None]
    if len(missing) == len(files):
        return None
    if missing:
        raise InputError(
            f"no {', '.join(missing)}: the files of the validation segments are needed together, "
            "or none of them"
        )
    return tuple(path for path in files.values() if path is not None)
