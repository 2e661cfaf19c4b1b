"""Likeness in the feature space of a classifier or of CLIP; how steady a clip is there."""

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
    return _unit(a) @ _unit(b).T


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


def retrieval(similarity: np.ndarray, k: int) -> np.ndarray:
    """Top-k retrieval: is a clip among the k that are most like the reconstruction?

    Parameters
    ----------
    similarity : ndarray, (n, n)
        Of reconstruction i with the ground truth of clip j.
    k : int

    Returns
    -------
    ndarray, (n, n)
        Entry (i, j) is 1 where fewer than k other clips are at least as like reconstruction i as
        clip j, else 0: ties are failures. The diagonal is each clip's score (chance k / n).
    """
    return (rankdata(-similarity, method="max", axis=1) <= k).astype(float)


def frame_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine between frames at the same time, mean over the frames, for every pair of clips.

    Parameters
    ----------
    a : ndarray, (n, n_frames, dim)
        Of reconstructions.
    b : ndarray, (m, n_frames, dim)
        Of ground truths.

    Returns
    -------
    ndarray, (n, m)
    """
    return np.mean([cosine_similarity(x, y) for x, y in zip(a.swapaxes(0, 1), b.swapaxes(0, 1))], 0)


def adjacent_consistency(frames: np.ndarray) -> np.ndarray:
    """Mean cosine between a clip's neighbouring frames.

    Mind-Animator's "CLIP-pcc" (which sets to 0 clips that are not like the ground truth).

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


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
