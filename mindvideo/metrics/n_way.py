"""N-way top-1 accuracy: does a classifier find the ground truth's class in the reconstruction?

The protocol (paper 4.3): a classifier's top classes for the ground truth are the *ground-truth
classes* (k of them; the released code uses k = 3, the paper's text k = 1). N − 1 of the other
classes are drawn at random; the trial succeeds if, for the reconstruction, one of the ground-truth
classes scores higher than all of those. Accuracy is the fraction of trials that succeed.

The fraction over *all* draws has a closed form, so no trials are needed. Ties count as failures.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def top_classes(scores: np.ndarray, k: int) -> np.ndarray:
    """Find the k best classes, best first.

    Parameters
    ----------
    scores : ndarray, (…, n_classes)
        Logits or probabilities.
    k : int

    Returns
    -------
    ndarray of int, (…, k)
    """
    return np.argsort(-scores, axis=-1, kind="stable")[..., :k]


def n_way_accuracy(scores: np.ndarray, classes: np.ndarray, n_way: int) -> np.ndarray:
    """Compute the expected accuracy over all draws of N − 1 other classes, exactly.

    Parameters
    ----------
    scores : ndarray, (…, n_classes)
        Scores of the reconstructions. Only their order matters, so logits can be used (and do not
        saturate).
    classes : ndarray of int, (…, k)
        Ground-truth classes; leading axes broadcast against those of `scores`.
    n_way : int

    Returns
    -------
    ndarray, (…)

    Raises
    ------
    ValueError
        If there are fewer than N − 1 other classes to draw from.

    Notes
    -----
    If L of the M other classes score below the best ground-truth class, all N − 1 that are drawn do
    so with probability C(L, N−1) / C(M, N−1) = ∏_{j<N−1} (L − j) / (M − j).

    Examples
    --------
    Class 2 is the ground truth; its score is higher than those of two of the three other classes.

    >>> scores = np.array([0.1, 0.5, 0.3, 0.1])
    >>> float(n_way_accuracy(scores, np.array([2]), n_way=2))
    0.6666666666666666
    >>> n_way_chance(n_way=2, k=1)
    0.5
    """
    k, n_classes = classes.shape[-1], scores.shape[-1]
    _check_classes(n_way, n_classes, k)
    leading = np.broadcast_shapes(scores.shape[:-1], classes.shape[:-1])
    scores = np.broadcast_to(scores, (*leading, n_classes))
    classes = np.broadcast_to(classes, (*leading, k))
    truth_scores = np.take_along_axis(scores, classes, axis=-1)
    best = truth_scores.max(axis=-1, keepdims=True)
    below = (scores < best).sum(axis=-1) - (truth_scores < best).sum(axis=-1)
    return _chance_that_all_lie_below(n_classes - k, n_way - 1)[below]


def n_way_pairs(scores: np.ndarray, classes: np.ndarray, n_way: int) -> np.ndarray:
    """Compute :func:`n_way_accuracy` of every reconstruction with every ground truth.

    Parameters
    ----------
    scores : ndarray, (n, n_classes)
    classes : ndarray of int, (m, k)

    Returns
    -------
    ndarray, (n, m)
    """
    k, n_classes = classes.shape[-1], scores.shape[-1]
    _check_classes(n_way, n_classes, k)
    # The rank of a class is the number of classes below it, for any ground truth.
    lower = rankdata(scores, method="min", axis=-1).astype(int) - 1  # (n, n_classes)
    truth_scores = lower[:, classes]  # (n, m, k)
    best = truth_scores.max(axis=-1)
    below = best - (truth_scores < best[..., None]).sum(axis=-1)
    return _chance_that_all_lie_below(n_classes - k, n_way - 1)[below]


def n_way_trials(
    scores: np.ndarray,
    classes: np.ndarray,
    n_way: int,
    *,
    trials: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Estimate the same by random draws, as the paper does (100 trials; theirs are not seeded).

    Parameters
    ----------
    scores : ndarray, (n, n_classes)
    classes : ndarray of int, (n, k)
    n_way, trials : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (n,)
    """
    accuracy = np.empty(len(scores))
    for i, (row, truth_classes) in enumerate(zip(scores, classes, strict=True)):
        others = np.delete(np.arange(scores.shape[1]), truth_classes)
        wins = 0
        for _ in range(trials):
            chosen = rng.choice(others, n_way - 1, replace=False)
            wins += row[truth_classes].max() > row[chosen].max()
        accuracy[i] = wins / trials
    return accuracy


def n_way_chance(n_way: int, k: int) -> float:
    """Expected accuracy of a reconstruction that is unrelated to the ground truth.

    With exchangeable scores, each of the k + N − 1 classes of a trial is equally likely to be the
    best, so it is one of the k with probability k / (N + k − 1): 1/N for k = 1, but 3/(N + 2) for
    k = 3, which is 0.75 for 2-way and 0.058 for 50-way.
    """
    return k / (n_way + k - 1)


def enough_classes(n_way: int, n_classes: int, k: int) -> bool:
    """Whether N − 1 classes can be drawn in addition to k ground-truth classes."""
    return n_way - 1 <= n_classes - k


def _check_classes(n_way: int, n_classes: int, k: int) -> None:
    if not enough_classes(n_way, n_classes, k):
        raise ValueError(f"{n_way}-way with {k} ground-truth classes, {n_classes} classes in all")


def _chance_that_all_lie_below(n_others: int, n_chosen: int) -> np.ndarray:
    """Tabulate C(L, n_drawn) / C(n_others, n_drawn) for L = 0 … n_others."""
    below = np.arange(n_others + 1)[:, None]
    j = np.arange(n_chosen)
    return (np.maximum(below - j, 0) / (n_others - j)).prod(axis=1)
