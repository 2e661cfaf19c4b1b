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


class Decoder(NamedTuple):
    """A linear map from windows to targets, and how well it generalises.

    Attributes
    ----------
    coef : ndarray, shape (k, n_features)
    intercept : ndarray, shape (k,)
    correlation : ndarray, shape (k,)
        Between the targets of each group and their predictions from the other groups.
    """

    coef: np.ndarray
    intercept: np.ndarray
    correlation: np.ndarray


def predict(windows: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Targets (m, k) of windows (m, …)."""
    return windows.reshape(len(windows), -1).astype(np.float64) @ coef.T + intercept


def fit_decoder(
    windows: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    *,
    stretch: bool = True,
    keep: Keep = compute_now,
) -> Decoder:
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
    stretch : bool
        Scale the predictions until they vary as much as the targets do; the factor comes from the
        predictions for groups that were left out.
    keep : callable
        Computes what each regression of the cross-validation predicts, and the coefficients of the
        regression on all windows.

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
    known, targets = windows.reshape(len(windows), -1), np.asarray(targets, np.float64)
    guessed = np.empty_like(targets, dtype=np.float64)
    folds = GroupKFold(min(FOLDS, len(names))).split(known, groups=groups)
    for fold, (learn, left) in enumerate(folds, start=1):
        fit = partial(_predict, known[learn], targets[learn], known[left])
        guessed[left] = keep(f"fold-{fold}", fit)
    spread, mean, found = _spread(targets), targets.mean(axis=0), _spread(guessed)
    together = ((guessed - guessed.mean(axis=0)) * (targets - mean)).mean(axis=0)
    fitted = keep("all", partial(_coefficients, known, targets))
    coef, intercept = fitted[:, :-1], fitted[:, -1]
    if stretch:
        factor = _ratio(spread, found)
        coef, intercept = factor[:, None] * coef, mean + factor * (intercept - mean)
    return Decoder(coef, intercept, correlation=_ratio(together, found * spread))


def _spread(values: np.ndarray) -> np.ndarray:
    """SD of each column; 0 where it is but rounding, whatever the column's unit."""
    sd = values.std(axis=0)
    return np.where(sd > 1e-12 * np.abs(values).max(axis=0), sd, 0.0)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; 0 where b is: a constant target is always predicted right, which shows nothing."""
    return np.divide(a, b, out=np.zeros_like(b), where=b > 0)


def _fit(windows: np.ndarray, targets: np.ndarray) -> RidgeCV:
    return RidgeCV(alphas=ALPHAS, alpha_per_target=True).fit(windows, targets)


def _predict(windows: np.ndarray, targets: np.ndarray, others: np.ndarray) -> np.ndarray:
    found = _fit(windows, targets).predict(others)
    return found.reshape(len(others), -1)  # for one target it has one dimension


def _coefficients(windows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(k, n_features + 1) float64; the last column is the intercept."""
    ridge = _fit(windows, targets)
    coef = np.atleast_2d(ridge.coef_).astype(np.float64)
    return np.column_stack([coef, np.broadcast_to(ridge.intercept_, len(coef))])
