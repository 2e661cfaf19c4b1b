"""Errors about unreadable images: they name the file and say what to do."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers.expat import ExpatError

import nibabel as nib

from mindvideo.errors import InputError

UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    ExpatError,
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn nibabel's and gzip's errors about a broken file into a message, without its name."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            "no permission to read it. Ask its owner to grant it (chmod a+r), or leave it out with "
            "dataset.exclude."
        ) from error
    except UNREADABLE as error:
        raise InputError(
            f"cannot be read ({reason(error)}): the file is damaged or its download incomplete. "
            "Fetch it again, or leave it out with dataset.exclude."
        ) from error


def reason(error: Exception) -> str:
    """Type and message of an exception, in one line."""
    text = getattr(error, "strerror", None) or str(error)
    return f"{type(error).__name__}: {text.partition(chr(10))[0][:200]}".removesuffix(": ")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Prefix the message of an InputError about a file with the file's name, once."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise InputError(f"{path}: {error}") from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn nibabel's and gzip's errors about a broken file into a message with its name."""
    with named(path), explained():
        yield
