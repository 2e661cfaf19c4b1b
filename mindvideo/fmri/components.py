"""Decoding of many values at once by way of their principal components.

The text tokens of a caption have 59,136 values at full size. A matrix from the 12,000 values of a
window to all of them would take 2.8 GB. But the tokens of n captions have fewer than n principal
components. So a regression predicts the components, and the values follow from these:

>>> rng = np.random.default_rng(0)
>>> values = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 50)) + 5
>>> components = principal_components(values, variance=0.9999)
>>> components.loadings.shape, components.scores.shape
((50, 3), (20, 3))
>>> bool(np.allclose(components.mean + components.scores @ components.loadings.T, values))
True
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mindvideo.fmri.decoding import ratio, spread

CHUNK = 4096
"""Values converted to double precision at a time."""


class Components(NamedTuple):
    """Principal components of values that are correlated.

    Attributes
    ----------
    mean : ndarray, shape (v,)
    loadings : ndarray, shape (v, k)
        One column of length 1 for each component; columns are orthogonal.
    scores : ndarray, shape (n, k)
        Of each row: values ≈ mean + scores · loadingsᵀ.
    """

    mean: np.ndarray
    loadings: np.ndarray
    scores: np.ndarray


class Generalisation(NamedTuple):
    """How well values are predicted that were left out of a regression.

    Attributes
    ----------
    correlation : ndarray, shape (v,)
        0 for a value that does not vary.
    factor : ndarray, shape (v,)
        Standard deviation of the value, in those of its predictions.
    """

    correlation: np.ndarray
    factor: np.ndarray


def principal_components(values: np.ndarray, variance: float) -> Components:
    """The first principal components of some values, as many as explain a fraction of the variance.

    Computed from the products of the rows, of which there are far fewer than values.

    Parameters
    ----------
    values : ndarray, shape (n, v)
        May lie on disk.
    variance : float
        Fraction of the variance, up to 1. Components without variance are always omitted.
    """
    gram = np.zeros((len(values), len(values)))
    for _, part in _centred(values):
        gram += part @ part.T
    eigenvalues, vectors = np.linalg.eigh(gram)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]  # the largest first
    varies = eigenvalues > 1e-12 * max(eigenvalues[0], 0)
    explained = np.cumsum(np.where(varies, eigenvalues, 0))
    needed = 1 + np.searchsorted(explained, variance * explained[-1] * (1 - 1e-12))
    k = min(int(needed), int(varies.sum()))
    scores = vectors[:, :k] * np.sqrt(eigenvalues[:k])
    loadings = np.empty((values.shape[1], k))
    for columns, part in _centred(values):
        loadings[columns] = part.T @ (scores / eigenvalues[:k])
    return Components(values.mean(axis=0, dtype=np.float64), loadings, scores)


def generalisation(
    values: np.ndarray, components: Components, held_out: np.ndarray
) -> Generalisation:
    """Compare values with those that follow from predicted components.

    Parameters
    ----------
    values : ndarray, shape (n, v)
        May lie on disk.
    components : Components
    held_out : ndarray, shape (n, k)
        The components of each row, predicted by a regression without this row.
    """
    predicted = held_out - held_out.mean(axis=0)
    parts = []
    for columns, part in _centred(values):
        of_values = predicted @ components.loadings[columns].T
        sd, predicted_sd = spread(part), of_values.std(axis=0)
        covariance = (of_values * part).mean(axis=0)
        parts.append((ratio(covariance, sd * predicted_sd), ratio(sd, predicted_sd)))
    correlation, factor = (np.concatenate(arrays) for arrays in zip(*parts))
    return Generalisation(correlation, factor)


def _centred(values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Some columns at a time, without their mean, in double precision."""
    for start in range(0, values.shape[1], CHUNK):
        columns = slice(start, start + CHUNK)
        part = values[:, columns].astype(np.float64)
        constant = (part == part[0]).all(axis=0)
        yield columns, np.where(constant, 0.0, part - part.mean(axis=0))
