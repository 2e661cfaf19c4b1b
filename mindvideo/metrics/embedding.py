"""Similarity, and consistency over frames, in the feature space of a classifier or of CLIP."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.stats import rankdata


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity between each row of `a` and each row of `b`.

    Parameters
    ----------
    a : ndarray, (n, d)
    b : ndarray, (m, d)

    Returns
    -------
    ndarray, (n, m)
        In double precision.
    """
    return _unit(a) @ _unit(b).T


def identification(similarity: np.ndarray) -> np.ndarray:
    """Pairwise identification: is the reconstruction more similar to its own clip than to others?

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Similarity of reconstruction i with the ground truth of clip j.

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j): the fraction of the other clips whose ground truth is less similar to
        reconstruction i than that of clip j; ties count half. The diagonal is each clip's
        score (chance 0.5); off the diagonal is the score if another clip had been shown, for
        permutation tests.

    Notes
    -----
    "Others" are all other clips, including neighbours that show the same shot and are hard to
    distinguish: a decoder that identifies only the shot scores below 1.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.2, 0.1], [0.3, 0.8, 0.4], [0.6, 0.5, 0.1]])
    >>> identification(similarity).diagonal().tolist()
    [1.0, 1.0, 0.0]
    """
    n = len(similarity)
    return (_ranks(similarity) - 1) / (n - 1)


def retrieval(similarity: np.ndarray, k: int, candidates: np.ndarray | None = None) -> np.ndarray:
    """Top-k retrieval: is the right candidate among the k most similar ones?

    Parameters
    ----------
    similarity : ndarray, (n, m)
        Similarity of each clip's embedding with each candidate.
    k : int
    candidates : ndarray of int, (n,), optional
        The candidate of each clip; several clips may share one (a caption). By default, candidate i
        belongs to clip i.

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j): 1 if embedding i retrieves clip j's candidate, else 0; if candidates tie for
        the k-th place, the fraction of them that fit. The diagonal is each clip's score (chance
        k / m).

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.2, 0.1], [0.3, 0.8, 0.4], [0.6, 0.5, 0.1]])
    >>> retrieval(similarity, k=1).diagonal().tolist()
    [1.0, 1.0, 0.0]
    """
    first, last = (_ranks(-similarity, m) for m in ("min", "max"))  # (n, m)
    retrieved = np.clip((k - first + 1) / (last - first + 1), 0, 1)
    return retrieved if candidates is None else retrieved[:, candidates]


def nearest(predicted: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """For each predicted embedding, the nearest of others.

    By the cosine of what remains without the mean of the others: regression shrinks its predictions
    towards this mean, and the embeddings next to it would otherwise be the nearest of most.

    Parameters
    ----------
    predicted : ndarray, (n, d)
    embeddings : ndarray, (m, d)

    Returns
    -------
    ndarray of int, (n,)
        Rows of `embeddings`.

    Examples
    --------
    >>> nearest(np.array([[5.0, 5.1]]), np.array([[5.0, 7.0], [5.0, 3.0]])).tolist()
    [0]
    """
    mean = embeddings.mean(axis=0)
    return cosine_similarity(predicted - mean, embeddings - mean).argmax(axis=1)


def frame_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine similarity of simultaneous frames, averaged over frames, for every pair of clips.

    Parameters
    ----------
    a : ndarray, (n, n_frames, dim)
        Embeddings of reconstructions.
    b : ndarray, (m, n_frames, dim)
        Embeddings of ground truths.

    Returns
    -------
    ndarray, (n, m)
    """
    return np.mean([cosine_similarity(x, y) for x, y in zip(a.swapaxes(0, 1), b.swapaxes(0, 1))], 0)


def adjacent_consistency(frames: np.ndarray) -> np.ndarray:
    """Mean cosine between a clip's neighbouring frames.

    Mind-Animator's "CLIP-pcc" (which sets clips that are not similar to the ground truth to 0).

    Parameters
    ----------
    frames : ndarray, (n, n_frames, dim)

    Returns
    -------
    ndarray, (n,)
        1 for a clip of one frame.
    """
    if frames.shape[1] < 2:
        return np.ones(len(frames))
    frames = _unit(frames)
    return (frames[:, 1:] * frames[:, :-1]).sum(-1).mean(-1)


def all_pairs_consistency(frames: np.ndarray) -> np.ndarray:
    """Mean cosine between all pairs of a clip's frames, as NEURONS defines "CLIP-pcc".

    Parameters
    ----------
    frames : ndarray, (n, n_frames, dim)

    Returns
    -------
    ndarray, (n,)
        1 for a clip of one frame.
    """
    n_frames = frames.shape[1]
    if n_frames < 2:
        return np.ones(len(frames))
    frames = _unit(frames)
    first, second = np.triu_indices(n_frames, 1)
    return (frames @ frames.swapaxes(1, 2))[:, first, second].mean(-1)


def _ranks(values: np.ndarray, ties: Literal["average", "min", "max"] = "average") -> np.ndarray:
    """Rank each row; products that differ only by rounding tie."""
    return rankdata(values.astype(np.float32), method=ties, axis=1)


def _unit(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
