"""Linear decoding: numbers that describe a clip, from its window of fMRI."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from mindvideo.errors import InputError

ALPHAS = np.logspace(0, 8, 17)
FOLDS = 5


Keep = Callable[[str, Callable[[], np.ndarray]], np.ndarray]
"""Name of an array, and how to compute it → the array, which may be known from before."""


def compute_now(_: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Compute an array, and keep it nowhere."""
    return compute()


class Decoded(NamedTuple):
    """What was decoded, and how well it can be told by what was left out.

    Attributes
    ----------
    values : ndarray, shape (m, k)
        Of the windows asked for.
    correlation : ndarray, shape (k,)
        Between targets and what is decoded of them by the other groups.
    """

    values: np.ndarray
    correlation: np.ndarray


def decode(
    windows: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    asked: np.ndarray,
    *,
    stretch: bool = True,
    keep: Keep = compute_now,
) -> Decoded:
    """Ridge regression on windows, each target with a penalty of its own.

    Regression draws its guesses towards the mean, the more so the less it knows: a clip's motion,
    say, is told half as fast as it is.

    Parameters
    ----------
    windows : ndarray, shape (n, …)
        To learn from.
    targets : ndarray, shape (n, k)
    groups : ndarray, shape (n,)
        What is left out together: segments, since neighbours in time are alike.
    asked : ndarray, shape (m, …)
        To decode.
    stretch : bool
        Stretch the guesses until they spread as the targets do; by how much is seen on windows of
        groups that were left out.
    keep : callable
        Computes what each regression predicts.

    Raises
    ------
    InputError
        If there are fewer than two groups.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise InputError(
            f"decoding from {len(names)} segment: at least 2 are needed, one to learn from and "
            "one to see how well it went; give more segments to train on"
        )
    targets = np.asarray(targets, np.float64)
    known, unknown = (x.reshape(len(x), -1) for x in (windows, asked))
    guessed = np.empty_like(targets, dtype=np.float64)
    folds = GroupKFold(min(FOLDS, len(names))).split(known, groups=groups)
    for fold, (learn, left) in enumerate(folds, start=1):
        fit = partial(_guess, known[learn], targets[learn], known[left])
        guessed[left] = keep(f"fold-{fold}", fit)
    spread, mean, found = _spread(targets), targets.mean(axis=0), _spread(guessed)
    together = ((guessed - guessed.mean(axis=0)) * (targets - mean)).mean(axis=0)
    values = keep("all", partial(_guess, known, targets, unknown))
    if stretch:
        values = mean + _ratio(spread, found) * (values - mean)
    return Decoded(values, correlation=_ratio(together, found * spread))


def _spread(values: np.ndarray) -> np.ndarray:
    """SD of each column; 0 where it is but rounding, whatever the column's unit."""
    sd = values.std(axis=0)
    return np.where(sd > 1e-12 * np.abs(values).max(axis=0), sd, 0.0)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; 0 where b is: a target that never varies is always told right, and says nothing."""
    return np.divide(a, b, out=np.zeros_like(b), where=b > 0)


def _guess(windows: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    ridge = RidgeCV(alphas=ALPHAS, alpha_per_target=True).fit(windows, targets)
    return ridge.predict(asked).reshape(len(asked), -1)  # of one target it gives one dimension
