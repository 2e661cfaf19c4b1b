"""Paraphrases of a caption (paper B): synonyms, and swapped words.

>>> synonyms = {"small": ["little"], "road": ["route", "way"]}
>>> replace_words("a small dog", synonyms, 1.0, np.random.default_rng(0))
'a little dog'
>>> paraphrases = reword("a dog on a road", 3, synonyms, replace=1, swap=0, seed=0)
>>> set(paraphrases) <= {"a dog on a route", "a dog on a way"}
True
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np

Synonyms = Mapping[str, Sequence[str]]
"""A word in its base form and lower case → words that can replace it."""


def replace_words(
    caption: str, synonyms: Synonyms, probability: float, rng: np.random.Generator
) -> str:
    """Replace each word that has synonyms by one of them, with a probability."""
    words = []
    for word in caption.split():
        others = synonyms.get(word.lower(), ())
        if others and rng.random() < probability:
            word = others[int(rng.integers(len(others)))]
        words.append(word)
    return " ".join(words)


def swap_words(caption: str, rng: np.random.Generator) -> str:
    """Swap two random words of a caption."""
    words = caption.split()
    if len(words) < 2:
        return caption
    i, j = rng.choice(len(words), 2, replace=False)
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def reword(
    caption: str, n: int, synonyms: Synonyms, *, replace: float, swap: float, seed: int
) -> list[str]:
    """Draw random paraphrases of a caption; the same caption and seed always give the same ones.

    Parameters
    ----------
    caption : str
    n : int
        Number of paraphrases. Some may be equal, or be the caption itself.
    synonyms : mapping of str to sequence of str
    replace : float
        Probability that a word that has synonyms is replaced by one.
    swap : float
        Probability that two words of the paraphrase are then swapped.
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
