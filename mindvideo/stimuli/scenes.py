"""Where a film is cut, and the caption of a clip (paper 3.3).

Each frame is captioned by itself. Captions of one scene wander ("a man riding a wave", "a man
riding a surfboard on a wave"); where they change for good, the film was cut. So it was where its
pictures jump. A clip within one scene has that scene's most frequent caption; a clip whose caption
a cut changes has both, joined by "Then".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

LITTLE_WORDS = frozenset(
    [
        *("a", "an", "the", "it", "its", "is", "are", "was", "were", "and", "or"),
        *("of", "in", "on", "at", "to", "by", "for", "with", "from"),
    ]
)
"""Words that say nothing of what is seen: sharing them makes no two captions alike."""


def common_words(a: str, b: str) -> float:
    """Share of words that two captions have in common, |A ∩ B| / |A ∪ B|, little words aside."""
    words_a, words_b = (
        {w for w in re.findall(r"\w+", x.lower()) if w not in LITTLE_WORDS} for x in (a, b)
    )
    if not words_a | words_b:
        return 1.0
    return len(words_a & words_b) / len(words_a | words_b)


def cuts_of_captions(captions: Sequence[str], same_scene: float) -> np.ndarray:
    """Find the frames whose captions begin a new scene.

    Parameters
    ----------
    captions : sequence of str, (n_frames,)
        In order, over the whole film.
    same_scene : float
        Frames whose captions share at least this many of their words are one scene.

    Returns
    -------
    ndarray of bool, (n_frames,)
        Whether the film was cut since the frame before; of the first frame, False.

    Notes
    -----
    A single frame that is worded otherwise, between two that agree, is a slip of the captioner and
    no cut: no shot lasts one frame at 3 FPS.
    """
    cuts = np.zeros(len(captions), bool)
    last = 0  # the latest frame that was no slip
    for i in range(1, len(captions)):
        if common_words(captions[i], captions[last]) < same_scene:
            back = i + 1 < len(captions) and (
                common_words(captions[i + 1], captions[last]) >= same_scene
            )
            if back:
                continue
            cuts[i] = True
        last = i
    return cuts


def cuts_of_pictures(
    times: np.ndarray, scores: np.ndarray, *, threshold: float, fps: float, n_frames: int
) -> np.ndarray:
    """Find the frames before which the film's pictures jump.

    Parameters
    ----------
    times : ndarray, (n_changes,)
        When a picture appeared that differs from the one before it [s of the film].
    scores : ndarray, (n_changes,)
        By how much (:func:`mindvideo.io.films.stream_frames`).
    threshold : float
        A cut scores at least this.
    fps : float
        Frames per second: frame k is what was on screen at k / fps.
    n_frames : int

    Returns
    -------
    ndarray of bool, (n_frames,)
        As of :func:`cuts_of_captions`.
    """
    cuts = np.zeros(n_frames, bool)
    # The first frame that shows it; times come rounded to a microsecond.
    first = np.ceil(times[scores >= threshold] * fps - 1e-4).astype(int)
    cuts[first[(first > 0) & (first < n_frames)]] = True
    return cuts


def number_scenes(pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """Number the scenes of a film, from the cuts in its pictures and in its captions.

    A cut in the captions right beside one in the pictures is the same: at a cut, captions are one
    frame early or late.

    Parameters
    ----------
    pictures, captions : ndarray of bool, (n_frames,)
        Whether the film was cut since the frame before.

    Returns
    -------
    ndarray of int, (n_frames,)
        From 0, one more at each cut.
    """
    beside = pictures.copy()
    beside[1:] |= pictures[:-1]
    beside[:-1] |= pictures[1:]
    return np.cumsum(pictures | (captions & ~beside))


def main_scene(scenes: Sequence[int] | np.ndarray) -> int:
    """Find the scene of most of a clip's frames, the earliest of several."""
    return Counter(int(scene) for scene in scenes).most_common(1)[0][0]


def join_captions(
    captions: Sequence[str], scenes: Sequence[int] | np.ndarray, same_scene: float
) -> str:
    """Make one caption of those of a clip's frames.

    Parameters
    ----------
    captions : sequence of str, (n_frames,)
    scenes : sequence of int, (n_frames,)
        From :func:`number_scenes`.
    same_scene : float
        Scenes whose captions share at least this many of their words are told as one.

    Returns
    -------
    str
        The most frequent paraphrase of each scene (the earliest of several), joined by " Then ".
    """
    told: list[list[str]] = []  # phrases of the scenes that are told apart
    for scene in dict.fromkeys(scenes):
        phrases = [c for c, s in zip(captions, scenes, strict=True) if s == scene]
        alike = (
            words
            for words in told
            if common_words(_commonest(words), _commonest(phrases)) >= same_scene
        )
        if (earlier := next(alike, None)) is not None:
            earlier += phrases
        else:
            told.append(phrases)
    return " Then ".join(map(_commonest, told))


def _commonest(phrases: Sequence[str]) -> str:
    return Counter(phrases).most_common(1)[0][0]
