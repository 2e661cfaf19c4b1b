"""Commands of the ffmpeg that ships with imageio-ffmpeg, and the error of what it cannot read."""

from __future__ import annotations

import re
from pathlib import Path

import imageio_ffmpeg

from mindvideo.errors import InputError


def command(*words: str) -> list[str]:
    """A command of ffmpeg, to be given files by :func:`address`."""
    return [imageio_ffmpeg.get_ffmpeg_exe(), *words]


def address(path: Path) -> str:
    """Name a file so that ffmpeg takes it for a file, whatever its name is.

    A bare ``seg:1.mp4`` would be the address ``1.mp4`` of a protocol ``seg``, a bare ``-y.mp4`` an
    option, and a bare ``-`` the standard input.
    """
    return f"file:{path.absolute()}"


def unreadable(film: Path, said: str) -> InputError:
    """The error of a film that ffmpeg cannot decode, with the last that ffmpeg said."""
    lines = re.sub(r" @ 0x[0-9a-f]+", "", said).strip().splitlines()
    reasons = [line for line in lines if not line.startswith("Error opening input f")][-2:]
    return InputError(
        f"{film}: ffmpeg cannot decode it ({'; '.join(reasons) or 'no picture in it'}): "
        "a film was needed; is the file complete, and unzipped as often as it was zipped?"
    )
