"""Scores of a segment's reconstructions against its film, at circular shifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mindvideo.metrics.threads import Each


def draw_shifts(n_clips: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Draw circular shifts of a segment: 0 first, then others at random, without repetition.

    Parameters
    ----------
    n_clips : int
        Clips of the segment.
    most : int
        Maximum number of shifts, for metrics that are slow for every pair.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, (min(n_clips, most),)
    """
    others = 1 + rng.permutation(n_clips - 1)[: max(0, most - 1)]
    return np.concatenate([[0], others])


def shifted_scores(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
    truth: Sequence[np.ndarray] | np.ndarray,
    reconstruction: Sequence[np.ndarray] | np.ndarray,
    shifts: Sequence[int] | np.ndarray,
    each: Each = map,
) -> np.ndarray:
    """Score each reconstruction of a segment against its own clip and against shifted clips.

    Parameters
    ----------
    metric : callable
        (truth, reconstruction), each (h, w, 3) → a number.
    truth, reconstruction : sequence of ndarray, (n_frames, h, w, 3)
        By clip.
    shifts : sequence of int
        In clips.
    each : callable
        Calls the metric for all clips, in any order.

    Returns
    -------
    ndarray, (n_shifts, n_clips)
        Means over frames; entry (s, i) compares reconstruction i with clip i + shifts[s].
    """
    pairs = shifted_pairs(len(truth), shifts)
    scores = scores_of_pairs(metric, truth, reconstruction, pairs, each)
    return scores.reshape(len(shifts), len(truth))


def shifted_pairs(n_clips: int, shifts: Sequence[int] | np.ndarray) -> np.ndarray:
    """List the pairs that :func:`shifted_scores` compares, shift by shift.

    Returns
    -------
    ndarray of int, (n_shifts · n_clips, 2)
        A clip of the film, and a reconstruction.

    Examples
    --------
    >>> shifted_pairs(3, [0, 1]).tolist()
    [[0, 0], [1, 1], [2, 2], [1, 0], [2, 1], [0, 2]]
    """
    clips = range(n_clips)
    return np.array([((clip + shift) % n_clips, clip) for shift in shifts for clip in clips])


def scores_of_pairs(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
    truth: Sequence[np.ndarray] | np.ndarray,
    reconstruction: Sequence[np.ndarray] | np.ndarray,
    pairs: np.ndarray,
    each: Each = map,
) -> np.ndarray:
    """Compute the mean over frames of a metric for pairs of clips.

    Parameters
    ----------
    metric, truth, reconstruction, each
        As in :func:`shifted_scores`.
    pairs : ndarray of int, (n, 2)
        Indices into `truth` and `reconstruction`.

    Returns
    -------
    ndarray, (n,)
        Each score depends only on its own pair.
    """

    def mean_over_frames(pair: np.ndarray) -> float:
        # Frame by frame, so that the data of the metric remain in the processor's cache.
        frames = zip(truth[pair[0]], reconstruction[pair[1]], strict=True)
        return float(np.mean([metric(t, r) for t, r in frames]))

    return np.array([*each(mean_over_frames, pairs)])


def pairs_to_shifts(pairs: np.ndarray) -> np.ndarray:
    """Rearrange scores of all pairs of a segment by shift.

    Parameters
    ----------
    pairs : ndarray, (n_clips, n_clips)
        Entry (i, j): reconstruction i against clip j.

    Returns
    -------
    ndarray, (n_shifts = n_clips, n_clips)
        Entry (s, i): reconstruction i against clip i + s, wrapping around the end.

    Examples
    --------
    >>> pairs_to_shifts(np.array([[0, 1, 2], [10, 11, 12], [20, 21, 22]])).tolist()
    [[0, 11, 22], [1, 12, 20], [2, 10, 21]]
    """
    i = np.arange(len(pairs))
    return pairs[i, (i + i[:, None]) % len(pairs)]
