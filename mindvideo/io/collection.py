"""Folders of clips that any method made: mp4, GIF or .npy, with or without their ground truth.

The released MinD-Video writes GIFs of both side by side: two squares of s pixels with 2 pixels
around and between them, so s + 4 high and 2 s + 6 wide. Cut in halves, as its own metrics do, they
would lie one pixel off each other.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.films import read_pictures

KINDS = (".mp4", ".gif", ".npy")
GAPS = {"released": (2, 2), "halves": (0, 0), "mindvideo": (0, 4)}
"""Layouts of two squares side by side: pixels around them, and between them."""

Key = tuple[str, int]
"""Segment and number of a clip."""


@dataclass(frozen=True)
class Place:
    """Where a clip is: a file, and its place in it where it holds several (.npy)."""

    path: Path
    index: int | None = None


def find_clips(folder: Path) -> dict[Key, Place]:
    """Find the clips in a folder and the folders in it, in the order of segments and numbers.

    A file's name ends in its number ("test1_0003.mp4", "17.gif"); what stands before is its
    segment, together with the folders that it lies in. A .npy file is a segment of clips.

    Raises
    ------
    InputError
        If there is none, a name has no number, or two files are the same clip.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in KINDS and p.is_file())
    if not paths:
        found = Counter(p.suffix or "no suffix" for p in folder.rglob("*") if p.is_file())
        told = ", ".join(f"{n} {suffix}" for suffix, n in found.most_common(4)) or "nothing"
        raise InputError(f"{folder}: no clips (mp4, GIF or .npy) in it, only {told}")
    places: dict[Key, Place] = {}
    twice, nameless = [], []
    for path in paths:
        above = "-".join(path.parent.relative_to(folder).parts)
        named = re.fullmatch(r"(.*?)[_\- ]?(\d+)", path.stem)
        if path.suffix.lower() == ".npy":
            segment = "-".join(filter(None, (above, path.stem)))
            own = {(segment, i): Place(path, i) for i in range(len(load_clips(path)))}
        elif named:
            segment = "-".join(filter(None, (above, named[1]))) or "clips"
            own = {(segment, int(named[2])): Place(path)}
        else:
            nameless.append(path.name)
            continue
        twice += [f"{path.name} and {places[key].path.name}" for key in own if key in places]
        places |= own
    if nameless:
        raise InputError(
            f"{folder}: {_few(nameless)}: names that end in no number; clips are ordered and "
            "paired by it: name them SEGMENT_NUMBER, as test1_0003.mp4"
        )
    if twice:
        raise InputError(f"{folder}: the same clip twice: {_few(twice)}: leave one of each")
    return dict(sorted(places.items(), key=lambda item: (_natural(item[0][0]), item[0][1])))


def read_clip(place: Place) -> np.ndarray:
    """Read all frames of a clip, uint8 (n_frames, h, w, 3): each that is stored, once.

    Raises
    ------
    InputError
        If the file is damaged, or nothing that its name says.
    """
    path = place.path
    if place.index is not None:
        return np.array(load_clips(path)[place.index])
    try:
        if path.suffix.lower() == ".gif":
            with Image.open(path) as gif:
                frames = [np.asarray(f.convert("RGB")) for f in ImageSequence.Iterator(gif)]
            return np.stack(frames)
        return read_pictures(path)
    except (OSError, ValueError, UnidentifiedImageError, EOFError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}): is it complete?") from error


def split_sides(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Cut frames of two squares side by side into ground truth (left) and reconstruction (right).

    Parameters
    ----------
    frames : ndarray, (n_frames, h, w, 3)

    Returns
    -------
    pair of ndarray, (n_frames, s, s, 3), or None
        None where the shape is that of no known layout (:data:`GAPS`).
    """
    height, width = frames.shape[1:3]
    for around, between in GAPS.values():
        size = height - 2 * around
        if size > 0 and width == 2 * size + between + 2 * around:
            left, right = around, around + size + between
            rows = slice(around, around + size)
            return frames[:, rows, left : left + size], frames[:, rows, right : right + size]
    return None


def resize(frames: np.ndarray, size: int) -> np.ndarray:
    """Scale frames to size × size (bicubic, averaging where they shrink)."""
    scaled = [Image.fromarray(f).resize((size, size), Image.Resampling.BICUBIC) for f in frames]
    return np.stack([np.asarray(frame) for frame in scaled])


def _natural(name: str) -> list[tuple[int, str]]:
    """Order seg10 after seg9."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _few(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
