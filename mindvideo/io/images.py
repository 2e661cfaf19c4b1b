"""Opening images: whatever is wrong with a file is an error that names it and says what to do."""

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
def readable(path: Path) -> Iterator[None]:
    """Turn what nibabel and gzip raise at a broken file into a message with its name."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{path}: no permission to read it. Ask its owner for it (chmod a+r), or leave it out "
            "with dataset.exclude."
        ) from error
    except UNREADABLE as error:
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {str(error).splitlines()[0][:200]}): "
            "the file is damaged or its download incomplete. Fetch it again, or leave it out with "
            "dataset.exclude."
        ) from error


def open_image(path: Path):
    """Header of an image; its values stay on disk."""
    with readable(path):
        there = path.is_file()
    if not there:
        raise InputError(
            f"{path} does not exist. Check the path templates in `dataset`, or leave the run out "
            "with dataset.exclude."
        )
    with readable(path):
        return nib.load(path)
