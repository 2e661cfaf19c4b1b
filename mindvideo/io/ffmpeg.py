"""Commands and error messages of the ffmpeg that ships with imageio-ffmpeg."""

from __future__ import annotations

import re
from pathlib import Path

import imageio_ffmpeg

from mindvideo.errors import InputError


def command(*words: str) -> list[str]:
    """A command of ffmpeg; its files are named by :func:`address`."""
    return [imageio_ffmpeg.get_ffmpeg_exe(), *words]


def address(path: Path) -> str:
    """Name a file so that ffmpeg reads it as a file, whatever its name.

    Otherwise ffmpeg would read ``seg:1.mp4`` as the address ``1.mp4`` of a protocol ``seg``,
    ``-y.mp4`` as an option, and ``-`` as the standard input.
    """
    return f"file:{path.absolute()}"


def unreadable(film: Path, messages: str) -> InputError:
    """The error of a film that ffmpeg cannot decode, with ffmpeg's last messages."""
    lines = re.sub(r" @ 0x[0-9a-f]+", "", messages).strip().splitlines()
    reasons = [line for line in lines if not line.startswith("Error opening input f")][-2:]
    return InputError(
        f"{film}: ffmpeg cannot decode it ({'; '.join(reasons) or 'no picture in it'}): expected "
        "a film; is the file complete, and fully unpacked if it was zipped twice?"
    )
