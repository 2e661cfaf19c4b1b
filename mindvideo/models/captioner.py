"""Captions of frames, and how those of a clip become one (paper 3.3).

Each frame is captioned by itself. Wordings of one scene wander ("a man riding a wave", "a man
riding a surfboard on a wave"); where they change for good, the film was cut. A clip within one
scene has that scene's most frequent wording; a clip with a cut has both, joined by "Then".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from mindvideo.models.device import device

LITTLE_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "to",
        "by",
        "for",
        "with",
        "from",
        "and",
        "or",
        "is",
        "are",
        "was",
        "were",
        "it",
        "its",
    ]
)
"""Words that say nothing of what is seen: sharing them makes no two captions alike."""


@torch.inference_mode()
def caption_frames(
    processor: Any, model: Any, frames: np.ndarray, *, batch_size: int, max_tokens: int
) -> Iterator[list[str]]:
    """Caption frames, batch by batch.

    Parameters
    ----------
    processor, model
        From :func:`mindvideo.models.pretrained.load_captioner`.
    frames : ndarray, uint8, (n_frames, h, w, 3)
    batch_size : int
    max_tokens : int
        Longest caption.

    Yields
    ------
    list of str, one a frame
        The likeliest words, greedily: the same frame always gets the same caption.
    """
    model = model.to(device())
    for start in range(0, len(frames), batch_size):
        batch = list(np.array(frames[start : start + batch_size]))  # torch wants it writable
        pixels = processor(images=batch, return_tensors="pt")["pixel_values"].to(device())
        tokens = model.generate(
            pixel_values=pixels, max_new_tokens=max_tokens, num_beams=1, do_sample=False
        )
        yield [x.strip() for x in processor.batch_decode(tokens, skip_special_tokens=True)]


def common_words(a: str, b: str) -> float:
    """Share of words that two captions have in common, |A ∩ B| / |A ∪ B|, little words aside."""
    words_a, words_b = (
        {w for w in re.findall(r"\w+", x.lower()) if w not in LITTLE_WORDS} for x in (a, b)
    )
    if not words_a | words_b:
        return 1.0
    return len(words_a & words_b) / len(words_a | words_b)


def split_scenes(captions: Sequence[str], same_scene: float) -> np.ndarray:
    """Number the scenes of a film by the captions of its frames.

    Parameters
    ----------
    captions : sequence of str, (n_frames,)
        In order, over the whole film.
    same_scene : float
        Frames whose captions share at least this many of their words are one scene.

    Returns
    -------
    ndarray of int, (n_frames,)
        From 0, one more at each cut.

    Notes
    -----
    A single frame that is worded otherwise, between two that agree, is a slip of the captioner and
    no cut: no shot lasts one frame at 3 FPS.
    """
    scenes = np.zeros(len(captions), int)
    last = 0  # the latest frame that was no slip
    for i in range(1, len(captions)):
        scenes[i] = scenes[i - 1]
        if common_words(captions[i], captions[last]) < same_scene:
            back = i + 1 < len(captions) and (
                common_words(captions[i + 1], captions[last]) >= same_scene
            )
            if back:
                continue
            scenes[i] += 1
        last = i
    return scenes


def join_captions(captions: Sequence[str], scenes: Sequence[int] | np.ndarray) -> str:
    """Make one caption of those of a clip's frames.

    Parameters
    ----------
    captions : sequence of str, (n_frames,)
    scenes : sequence of int, (n_frames,)
        From :func:`split_scenes`.

    Returns
    -------
    str
        The most frequent wording of each scene (the earliest of several), joined by " Then ".
    """
    wordings = [
        Counter(c for c, s in zip(captions, scenes, strict=True) if s == scene).most_common(1)[0][0]
        for scene in dict.fromkeys(scenes)
    ]
    return " Then ".join(dict.fromkeys(wordings))
