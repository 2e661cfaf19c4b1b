"""Scenes of a film, and the caption of a clip (paper 3.3).

Each frame is captioned separately. Captions within a scene vary ("a man riding a wave", "a man
riding a surfboard on a wave"); a lasting change of the captions is a cut, as is a jump of the
pictures. A clip within one scene has the most frequent caption of that scene. A clip with a cut
that changes the caption has both captions, joined by "Then".

>>> captions = ["a dog", "a brown dog", "a dog", "a boat", "a boat"]
>>> changes = cuts_of_captions(captions, same_scene=0.5)
>>> scenes = number_scenes(np.zeros(5, bool), changes)
>>> scenes
array([0, 0, 0, 1, 1])
>>> join_captions(captions, scenes, same_scene=0.5)
'a dog Then a boat'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

ARTICLES_AND_VERBS = {"a", "an", "the", "it", "its", "is", "are", "was", "were"}
PREPOSITIONS = {"of", "in", "on", "at", "to", "by", "for", "with", "from", "and", "or"}
STOP_WORDS = ARTICLES_AND_VERBS | PREPOSITIONS
"""Words that do not describe a picture, and are ignored when captions are compared."""


def common_words(a: str, b: str) -> float:
    """Fraction of words that two captions have in common, |A ∩ B| / |A ∪ B|, without stop words."""
    words_a, words_b = (set(re.findall(r"\w+", text.lower())) - STOP_WORDS for text in (a, b))
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
        Frames whose captions have at least this fraction of their words in common are one scene.

    Returns
    -------
    ndarray of bool, (n_frames,)
        Whether the film was cut since the previous frame; False for the first frame.

    Notes
    -----
    A single frame with a different caption, between two that agree, is an error of the captioner,
    not a cut: no shot lasts one frame at 3 FPS.
    """
    cuts = np.zeros(len(captions), bool)
    last = 0  # the latest frame that was not an error
    for i in range(1, len(captions)):
        if common_words(captions[i], captions[last]) < same_scene:
            if (
                i + 1 < len(captions)
                and common_words(captions[i + 1], captions[last]) >= same_scene
            ):
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
        Times at which a picture appeared that differs from the one before it [s of the film].
    scores : ndarray, (n_changes,)
        How much it differs (:func:`mindvideo.io.films.stream_frames`).
    threshold : float
        Smallest score of a cut.
    fps : float
        Frames per second: frame k is what was on screen at k / fps.
    n_frames : int

    Returns
    -------
    ndarray of bool, (n_frames,)
        As in :func:`cuts_of_captions`.
    """
    cuts = np.zeros(n_frames, bool)
    # The first frame that shows the picture; times are rounded to a microsecond.
    first = np.ceil(times[scores >= threshold] * fps - 1e-4).astype(int)
    cuts[first[(first > 0) & (first < n_frames)]] = True
    return cuts


def number_scenes(pictures: np.ndarray, captions: np.ndarray) -> np.ndarray:
    """Number the scenes of a film, from the cuts in its pictures and in its captions.

    A cut in the captions next to one in the pictures is the same cut: captions may change one frame
    early or late.

    Parameters
    ----------
    pictures, captions : ndarray of bool, (n_frames,)
        Whether the film was cut since the previous frame.

    Returns
    -------
    ndarray of int, (n_frames,)
        Starts at 0 and increases by one at each cut.
    """
    near_picture_cut = pictures.copy()
    near_picture_cut[1:] |= pictures[:-1]
    near_picture_cut[:-1] |= pictures[1:]
    return np.cumsum(pictures | (captions & ~near_picture_cut))


def main_scene(scenes: Sequence[int] | np.ndarray) -> int:
    """The scene of most of a clip's frames; of several, the earliest."""
    return Counter(int(scene) for scene in scenes).most_common(1)[0][0]


def join_captions(
    captions: Sequence[str],
    scenes: Sequence[int] | np.ndarray,
    same_scene: float,
    phrases: Mapping[int, str] | None = None,
) -> str:
    """Combine the captions of a clip's frames into one.

    Parameters
    ----------
    captions : sequence of str, (n_frames,)
    scenes : sequence of int, (n_frames,)
        From :func:`number_scenes`.
    same_scene : float
        Scenes whose captions have at least this fraction of their words in common are merged.
    phrases : mapping of int to str, optional
        What to append to the caption of a scene; of merged scenes, the first that is not empty.

    Returns
    -------
    str
        The most frequent caption of each scene (the earliest of several), joined by " Then ".
    """
    phrases = phrases or {}
    merged: list[list[str]] = []  # captions of the scenes that differ
    endings: list[str] = []
    for scene in dict.fromkeys(scenes):
        of_scene = [c for c, s in zip(captions, scenes, strict=True) if s == scene]
        for i, earlier in enumerate(merged):
            if common_words(_most_common(earlier), _most_common(of_scene)) >= same_scene:
                earlier += of_scene
                endings[i] = endings[i] or phrases.get(scene, "")
                break
        else:
            merged.append(of_scene)
            endings.append(phrases.get(scene, ""))
    return " Then ".join(map(append_phrase, map(_most_common, merged), endings))


def append_phrase(caption: str, phrase: str) -> str:
    """Append a phrase to a caption, unless the caption ends with it already.

    Examples
    --------
    >>> append_phrase("a red car", "moving left"), append_phrase("a dog runs left", "left")
    ('a red car moving left', 'a dog runs left')
    """
    if not phrase or f" {caption}".endswith(f" {phrase}"):
        return caption
    return f"{caption} {phrase}".strip()


def _most_common(captions: Sequence[str]) -> str:
    return Counter(captions).most_common(1)[0][0]
