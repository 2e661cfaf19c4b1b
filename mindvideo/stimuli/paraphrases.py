"""Paraphrases of a caption (paper B): synonyms, and words that change places."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

Synonyms = Mapping[str, Sequence[str]]
"""Of a word in its base form and small letters: what can stand for it."""


def replace_words(
    caption: str, synonyms: Synonyms, probability: float, rng: np.random.Generator
) -> str:
    """Let synonyms stand for words, each of those that have any with a probability."""
    words = []
    for word in caption.split():
        others = synonyms.get(word.lower(), ())
        if others and rng.random() < probability:
            word = others[int(rng.integers(len(others)))]
        words.append(word)
    return " ".join(words)


def swap_words(caption: str, rng: np.random.Generator) -> str:
    """Let two words of a caption, picked at random, change places."""
    words = caption.split()
    if len(words) < 2:
        return caption
    i, j = rng.choice(len(words), 2, replace=False)
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def reword(
    caption: str, n: int, synonyms: Synonyms, *, replace: float, swap: float, seed: int
) -> list[str]:
    """Draw paraphrases of a caption; the same caption and seed give the same ones everywhere.

    Parameters
    ----------
    caption : str
    n : int
        Paraphrases to draw. Some may be alike, or the caption as it is.
    synonyms : mapping of str to sequence of str
    replace : float
        Probability that a word that has synonyms is replaced by one.
    swap : float
        Probability that then two words of the paraphrase change places.
    seed : int

    Returns
    -------
    list of str, (n,)
    """
    rng = np.random.default_rng([seed, zlib.crc32(caption.encode())])
    paraphrases = []
    for _ in range(n):
        paraphrase = replace_words(caption, synonyms, replace, rng)
        paraphrases.append(swap_words(paraphrase, rng) if rng.random() < swap else paraphrase)
    return paraphrases
