"""Linear decoding of numbers that describe a clip from its window of fMRI.

Windows of two segments, with information about one target but not the other:

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> targets = rng.normal(size=(40, 2))
>>> windows = np.stack([targets[:, 0] + 0.1 * rng.normal(size=40) for _ in range(3)], axis=1)
>>> segments = np.repeat(["seg1", "seg2"], 20)
>>> decoder = fit_decoder(windows, targets, segments)
>>> decoder.coef.shape, decoder.intercept.shape
((2, 3), (2,))
>>> bool(decoder.correlation[0] > 0.95), bool(decoder.correlation[1] < 0.5)
(True, True)
>>> predict(windows[:5], decoder.coef, decoder.intercept).shape
(5, 2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from mindvideo.errors import InputError

ALPHAS = np.logspace(0, 8, 17)
FOLDS = 5

Alphas = Sequence[float] | np.ndarray

Keep = Callable[[str, Callable[[], np.ndarray]], np.ndarray]
"""Name of an array, and how to compute it → the array, which may have been computed before."""


def compute_now(_: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Compute an array without saving it."""
    return compute()


class Decoder(NamedTuple):
    """A linear map from windows to targets, and how well it generalises.

    Attributes
    ----------
    coef : ndarray, shape (k, n_features)
    intercept : ndarray, shape (k,)
    correlation : ndarray, shape (k,)
        Correlation between the targets of each group and their predictions from the other groups.
    held_out : ndarray, shape (n, k)
        These predictions, before any rescaling.
    """

    coef: np.ndarray
    intercept: np.ndarray
    correlation: np.ndarray
    held_out: np.ndarray


def predict(windows: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Targets (m, k) of windows (m, …)."""
    return windows.reshape(len(windows), -1).astype(np.float64) @ coef.T + intercept


def fit_decoder(
    windows: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    *,
    stretch: bool = True,
    alphas: Alphas = ALPHAS,
    keep: Keep = compute_now,
) -> Decoder:
    """Ridge regression on windows, with a separate penalty for each target.

    Ridge regression shrinks its predictions towards the mean, the more so the noisier the windows:
    the predicted motion of a clip, for example, may be half as fast as the true one.

    Parameters
    ----------
    windows : ndarray, shape (n, …)
        Training windows.
    targets : ndarray, shape (n, k)
    groups : ndarray, shape (n,)
        Groups that cross-validation leaves out as a whole: segments, since neighbours in time are
        similar.
    stretch : bool
        Scale the predictions to the variance of the targets. The factor is estimated from the
        predictions for the groups that were left out.
    alphas : sequence of float
        Penalties to choose from, by the leave-one-out error on the windows that are fitted.
    keep : callable
        Computes the predictions of each regression of the cross-validation, and the coefficients
        of the regression on all windows.

    Raises
    ------
    InputError
        If there are fewer than two groups.
    """
    features, targets = windows.reshape(len(windows), -1), np.asarray(targets, np.float64)
    predicted = predict_left_out(features, targets, groups, alphas, keep)
    mean, target_sd, predicted_sd = targets.mean(axis=0), spread(targets), spread(predicted)
    covariance = ((predicted - predicted.mean(axis=0)) * (targets - mean)).mean(axis=0)
    fitted = keep("all", partial(_coefficients, features, targets, alphas))
    coef, intercept = fitted[:, :-1], fitted[:, -1]
    if stretch:
        factor = ratio(target_sd, predicted_sd)
        coef, intercept = factor[:, None] * coef, mean + factor * (intercept - mean)
    correlation = ratio(covariance, predicted_sd * target_sd)
    return Decoder(coef, intercept, correlation, held_out=predicted)


def predict_left_out(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray,
    alphas: Alphas = ALPHAS,
    keep: Keep = compute_now,
) -> np.ndarray:
    """Predictions for groups that were left out of a ridge regression, as in :func:`fit_decoder`.

    Groups are left out one by one, or in :data:`FOLDS` parts if there are more.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
    targets : ndarray, shape (n, k) float64
    groups, alphas, keep
        As in :func:`fit_decoder`.

    Returns
    -------
    ndarray, shape (n, k) float64

    Raises
    ------
    InputError
        If there are fewer than two groups.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise InputError(
            f"regression on {len(names)} segment: at least 2 are needed, one to fit the regression "
            "and one to test it; use more training segments"
        )
    predicted = np.empty_like(targets, dtype=np.float64)
    folds = GroupKFold(min(FOLDS, len(names))).split(features, groups=groups)
    for fold, (train, test) in enumerate(folds, start=1):
        fit = partial(_predict, features[train], targets[train], features[test], alphas)
        predicted[test] = keep(f"fold-{fold}", fit)
    return predicted


def spread(values: np.ndarray) -> np.ndarray:
    """SD of each column; 0 where it is only rounding error, whatever the column's unit."""
    sd = values.std(axis=0)
    return np.where(sd > 1e-12 * np.abs(values).max(axis=0), sd, 0.0)


def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; 0 where b is 0, since predicting a constant target is no evidence of decoding."""
    return np.divide(a, b, out=np.zeros_like(b), where=b > 0)


def _fit(windows: np.ndarray, targets: np.ndarray, alphas: Alphas) -> RidgeCV:
    return RidgeCV(alphas=alphas, alpha_per_target=True).fit(windows, targets)


def _predict(
    windows: np.ndarray,
    targets: np.ndarray,
    others: np.ndarray,
    alphas: Alphas,
) -> np.ndarray:
    predicted = _fit(windows, targets, alphas).predict(others)
    return predicted.reshape(len(others), -1)  # for one target it has one dimension


def _coefficients(windows: np.ndarray, targets: np.ndarray, alphas: Alphas) -> np.ndarray:
    """(k, n_features + 1) float64; the last column is the intercept."""
    ridge = _fit(windows, targets, alphas)
    coef = np.atleast_2d(ridge.coef_).astype(np.float64)
    return np.column_stack([coef, np.broadcast_to(ridge.intercept_, len(coef))])
