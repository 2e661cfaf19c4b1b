"""Folders of clips that any method made: mp4, GIF or .npy, with or without their ground truth.

The released MinD-Video writes GIFs of both side by side: two squares of s pixels with 2 pixels
around and between them, so s + 4 high and 2 s + 6 wide. Cut in halves, as its own metrics do, they
would lie one pixel off each other.
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
ASIDE = {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"}
"""Folders that archives of a Mac, network drives and file systems put beside files."""
GAPS = {"released": (2, 2), "halves": (0, 0), "mindvideo": (0, 4)}
"""Layouts of two squares side by side: pixels around them, and between them."""

UNEQUAL = 0.1
"""Durations of frames that differ by less, as a share, are the same but for rounding."""

Key = tuple[str, int]
"""Segment and number of a clip."""


@dataclass(frozen=True)
class Place:
    """Where a clip is: a file, and its place in it where it holds several (.npy)."""

    path: Path
    index: int | None = None


def find_clips(folder: Path, template: str | None = None) -> dict[Key, Place]:
    """Find the clips in a folder and the folders in it, in the order of segments and numbers.

    A .npy file is a segment of clips. Hidden files, and what systems put beside files, are none.

    Parameters
    ----------
    folder : Path
    template : str, optional
        How mp4 and GIF files are named (:class:`~mindvideo.io.clip_names.ClipNames`); others are
        left out, with a warning. Without it, names end in the clip's number ("test1_0003.mp4",
        "17.gif"); what stands before is its segment, together with the folders that it lies in.

    Raises
    ------
    InputError
        If there is none, a name has no number, or two files are the same clip.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    names = ClipNames(template)
    every = sorted(p for p in folder.rglob("*") if p.is_file())
    files = [p for p in every if not any(map(_hidden, p.relative_to(folder).parts))]
    paths = [p for p in files if p.suffix.lower() in KINDS]
    if not paths:
        found = Counter(p.suffix or "no suffix" for p in files)
        found["hidden"] = len(every) - len(files)
        kinds = ", ".join(f"{n} {kind}" for kind, n in found.most_common(4) if n) or "nothing"
        raise InputError(f"{folder}: no clips (mp4, GIF or .npy) in it, only {kinds}")
    places: dict[Key, Place] = {}
    twice, others = [], []
    for path in paths:
        below = path.relative_to(folder)
        if path.suffix.lower() == ".npy":
            segment = "-".join(below.with_suffix("").parts)
            own = {(segment, i): Place(path, i) for i in range(len(load_clips(path)))}
        elif key := names.read(below):
            own = {key: Place(path)}
        else:
            others.append(below.as_posix())
            continue
        twice += [f"{path.name} and {places[key].path.name}" for key in own if key in places]
        places |= own
    if others and template is None:
        raise InputError(
            f"{folder}: {_few(others)}: names that end in no number; clips are ordered and "
            "paired by it: name them SEGMENT_NUMBER, as test1_0003.mp4, or say how they are named"
        )
    if not places:
        raise InputError(f"{folder}: no clip is named {template!r}: {_few(others)}")
    if others:
        log.warning("%s: left out, as they are not named %r: %s", folder, template, _few(others))
    if twice:
        raise InputError(
            f"{folder}: the same clip twice: {_few(twice)}: leave one of each, or give a pattern "
            "of names that only one of them has"
        )
    return dict(sorted(places.items(), key=lambda item: (natural(item[0][0]), item[0][1])))


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


def choose_frames(place: Place, n_frames: int, n_wanted: int) -> np.ndarray:
    """Choose frames of a clip: what is on screen at the middle of each of equal spans of time.

    Parameters
    ----------
    place : Place
    n_frames, n_wanted : int
        Frames that the clip has, and should have.

    Returns
    -------
    ndarray of int, (n_wanted,)
        By the frames' own durations: programs that write GIFs store a picture that stands still
        once, with a longer duration.
    """
    lasting = _durations(place)
    if len(lasting) != n_frames or np.ptp(lasting) <= UNEQUAL * lasting.mean():
        lasting = np.ones(n_frames)
    ends = lasting.cumsum()
    return np.searchsorted(ends, (np.arange(n_wanted) + 0.5) * ends[-1] / n_wanted, side="right")


def _durations(place: Place) -> np.ndarray:
    """How long each frame of a clip stays on screen [s]; none where the file does not say."""
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


def _hidden(name: str) -> bool:
    """Whether a file or folder of this name is not the user's: a copy, an index, a thumbnail."""
    return name.startswith(".") or name in ASIDE


def _few(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")
