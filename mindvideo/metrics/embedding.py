"""Likeness in the feature space of a classifier."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine between each row of one and each row of the other.

    Parameters
    ----------
    a : ndarray, (n, d)
    b : ndarray, (m, d)

    Returns
    -------
    ndarray, (n, m)
    """
    a = a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-12)
    b = b / np.maximum(np.linalg.norm(b, axis=1, keepdims=True), 1e-12)
    return a @ b.T


def retrieved(similarity: np.ndarray, candidate: np.ndarray, k: int) -> np.ndarray:
    """Top-k retrieval: is the right candidate among the k most similar ones?

    Parameters
    ----------
    similarity : ndarray, (n, m)
        Of each clip's embedding with each candidate.
    candidate : ndarray of int, (n,)
        Which candidate is each clip's own: several clips may have the same (a caption).
    k : int

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j): 1 if clip j's candidate is found by embedding i, else 0; where candidates tie
        for the k-th place, the share of the tied that have room. The diagonal is each clip's
        score; its chance is k/m.
    """
    first, last = (rankdata(-similarity, method=m, axis=1) for m in ("min", "max"))  # (n, m)
    return np.clip((k - first + 1) / (last - first + 1), 0, 1)[:, candidate]


def identification(similarity: np.ndarray) -> np.ndarray:
    """Pairwise identification: is the reconstruction more like its own clip than like another?

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Of reconstruction i with the ground truth of clip j.

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j): the share of the other clips whose ground truth is less like reconstruction i
        than clip j's is; ties count half. The diagonal is each clip's score (chance 0.5); the rest
        is what the score would be had another clip been shown, for permutation tests.

    Notes
    -----
    "Others" are all other clips, also neighbours that show the same shot and are hard to tell
    apart: a decoder that knows no more than the shot stays below 1.
    """
    n = len(similarity)
    return (rankdata(similarity, axis=1) - 1) / (n - 1)
