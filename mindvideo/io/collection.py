"""Folders of clips from any method: mp4, GIF or .npy, with or without their ground truth.

The released MinD-Video writes GIFs of both side by side: two squares of s pixels with 2 pixels
around and between them, so s + 4 high and 2 s + 6 wide. Cutting them into halves, as its metrics
do, would misalign the two by one pixel.

>>> both = np.zeros((6, 16, 2 * 16 + 4, 3), np.uint8)  # this project's layout: a gap of 4 pixels
>>> truth, reconstruction = split_sides(both)
>>> truth.shape, reconstruction.shape
((6, 16, 16, 3), (6, 16, 16, 3))
>>> split_sides(both[:, :, :20]) is None
True
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from mindvideo.errors import InputError
from mindvideo.io.clip_names import ClipNames
from mindvideo.io.clips import load_clips
from mindvideo.io.films import read_pictures
from mindvideo.io.probe import probe
from mindvideo.templates import natural

log = logging.getLogger(__name__)

KINDS = (".mp4", ".gif", ".npy")
SYSTEM_FOLDERS = {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"}
"""Folders that macOS archives, network drives and file systems add."""
GAPS = {"released": (2, 2), "halves": (0, 0), "mindvideo": (0, 4)}
"""Layouts of two squares side by side: pixels around them, and between them."""

UNEQUAL = 0.1
"""Durations of frames that differ by at most this fraction are equal up to rounding."""

Key = tuple[str, int]
"""Segment and number of a clip."""


@dataclass(frozen=True)
class Place:
    """Where a clip is: a file, and an index into it if it holds several (.npy)."""

    path: Path
    index: int | None = None


def find_clips(folder: Path, template: str | None = None) -> dict[Key, Place]:
    """Find the clips in a folder and its subfolders, in the order of segments and numbers.

    A .npy file is a segment of clips. Hidden files, and what operating systems add, are ignored.

    Parameters
    ----------
    folder : Path
    template : str, optional
        Names of mp4 and GIF files (:class:`~mindvideo.io.clip_names.ClipNames`); other files are
        left out, with a warning. By default, names end in the clip's number ("test1_0003.mp4",
        "17.gif"); the segment is the rest of the name, with the subfolders that the file is in.

    Returns
    -------
    dict of (str, int) to Place
        Segment and number of each clip → where it is.

    Raises
    ------
    InputError
        If there is no clip, a name has no number, or two files are the same clip.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    names = ClipNames(template)
    every = sorted(p for p in folder.rglob("*") if p.is_file())
    files = [p for p in every if not any(map(_hidden, p.relative_to(folder).parts))]
    paths = [p for p in files if p.suffix.lower() in KINDS]
    if not paths:
        counts = Counter(p.suffix or "no suffix" for p in files)
        counts["hidden"] = len(every) - len(files)
        kinds = ", ".join(f"{n} {kind}" for kind, n in counts.most_common(4) if n) or "nothing"
        raise InputError(f"{folder}: no clips (mp4, GIF or .npy), only {kinds}")
    places: dict[Key, Place] = {}
    twice, others = [], []
    for path in paths:
        below = path.relative_to(folder)
        if path.suffix.lower() == ".npy":
            segment = "-".join(below.with_suffix("").parts)
            in_file = {(segment, i): Place(path, i) for i in range(len(load_clips(path)))}
        elif key := names.read(below):
            in_file = {key: Place(path)}
        else:
            others.append(below.as_posix())
            continue
        twice += [f"{path.name} and {places[key].path.name}" for key in in_file if key in places]
        places |= in_file
    if others and template is None:
        raise InputError(
            f"{folder}: {_few(others)}: names must end with the clip's number, by which clips are "
            "ordered and paired. Rename them to SEGMENT_NUMBER, such as test1_0003.mp4, or give a "
            "pattern of the names"
        )
    if not places:
        raise InputError(f"{folder}: no clip matches the pattern {template!r}: {_few(others)}")
    if others:
        log.warning("%s: left out, as they are not named %r: %s", folder, template, _few(others))
    if twice:
        raise InputError(
            f"{folder}: several files for the same clip: {_few(twice)}. Keep one of each, or give "
            "a pattern of names that matches only one of them"
        )
    return dict(sorted(places.items(), key=lambda item: (natural(item[0][0]), item[0][1])))


def read_clip(place: Place) -> np.ndarray:
    """Read all stored frames of a clip, each once: uint8 (n_frames, h, w, 3).

    Raises
    ------
    InputError
        If the file is damaged, or its format is not the one of its name.
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


def choose_frames(place: Place, n_frames: int, n_requested: int) -> np.ndarray:
    """Choose frames of a clip: those on screen at the centres of equal time intervals.

    Parameters
    ----------
    place : Place
    n_frames : int
        Frames of the clip.
    n_requested : int
        Frames to choose.

    Returns
    -------
    ndarray of int, (n_requested,)
        Indices of frames, by their durations in the file: programs that write GIFs store a still
        picture once, with a longer duration.
    """
    durations = _durations(place)
    if len(durations) != n_frames or np.ptp(durations) <= UNEQUAL * durations.mean():
        durations = np.ones(n_frames)
    ends = durations.cumsum()
    times = (np.arange(n_requested) + 0.5) * ends[-1] / n_requested
    return np.searchsorted(ends, times, side="right")


def _durations(place: Place) -> np.ndarray:
    """Duration of each frame of a clip [s]; empty if the file does not state it."""
    if place.index is not None:
        return np.array([])
    if place.path.suffix.lower() == ".gif":
        with Image.open(place.path) as gif:
            frames = ImageSequence.Iterator(gif)
            return np.array([frame.info.get("duration", 0) / 1000 for frame in frames])
    facts = probe(place.path)
    return np.diff([*facts.starts, facts.seconds])


def split_sides(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Cut frames of two squares side by side into ground truth (left) and reconstruction (right).

    Parameters
    ----------
    frames : ndarray, (n_frames, h, w, 3)

    Returns
    -------
    pair of ndarray, (n_frames, s, s, 3), or None
        None if the shape matches none of the layouts (:data:`GAPS`).
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
    """Scale frames to size × size (bicubic, with antialiasing where they shrink)."""
    scaled = [Image.fromarray(f).resize((size, size), Image.Resampling.BICUBIC) for f in frames]
    return np.stack([np.asarray(frame) for frame in scaled])


def _hidden(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or was added by the operating system."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _few(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
