"""Voxels whose responses a linear model predicts from the film, in segments left out of its fit.

Encoding models (Naselaris et al. 2011; Huth et al. 2012): ridge regression from features of the
clips, at several delays, to the response of each voxel. They need one presentation of each film
only, and find voxels that respond to what the features describe.

Eight segments; only the first of two voxels responds to the film, two clips later:

>>> rng = np.random.default_rng(0)
>>> films = [rng.normal(size=(40, 3)) for _ in range(8)]
>>> def respond(voxels):
...     made = np.random.default_rng(1)
...     noise = [made.normal(size=(40, 2)) for _ in films]
...     for film, response in zip(films, noise):
...         response[2:, 0] += film[:-2, 0]
...     return [response[:, voxels] for response in noise]
>>> z = left_out_z([delayed(film, [0, 1, 2]) for film in films], respond, n_voxels=2)
>>> np.tanh(z.mean(axis=0)).round(1)
array([0.7, 0. ])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mindvideo.fmri.components import principal_components
from mindvideo.fmri.decoding import predict_left_out
from mindvideo.fmri.reproducibility import fisher_z, pairwise_r

ALPHAS = np.logspace(0, 8, 9)
"""Penalties to choose from, for features of variance about 1."""


def reduced(features: np.ndarray, n_components: int) -> np.ndarray:
    """The first principal components of standardised features, with a mean square of 1.

    Kinds of features then count alike in a regression, however many values they have. Components
    are those of the films of all segments: no response is used.

    Parameters
    ----------
    features : (n_clips, k) float
    n_components : int
        At most; there are no more than the features have.

    Returns
    -------
    (n_clips, at most n_components) float64
    """
    values = np.asarray(features, np.float64)
    sd = values.std(axis=0)
    varies = sd > 1e-6 * np.abs(values).max(axis=0)
    standardised = (values[:, varies] - values[:, varies].mean(axis=0)) / sd[varies]
    scores = principal_components(standardised, variance=1.0).scores[:, :n_components]
    return scores / np.sqrt(np.mean(scores**2))


def delayed(features: np.ndarray, delays: Sequence[int]) -> np.ndarray:
    """Features of each clip and of the clips before it, 0 before the start of the segment.

    Parameters
    ----------
    features : (n_clips, k)
        Of one segment.
    delays : sequence of int
        Clips, 0 or more.

    Returns
    -------
    (n_clips, len(delays) · k)
    """
    out = np.zeros((len(features), len(delays), features.shape[1]))
    for place, delay in enumerate(delays):
        out[delay:, place] = features[: max(len(features) - delay, 0)]
    return out.reshape(len(features), -1)


def inflation(n_segments: int) -> float:
    """How much the variance of the mean of z exceeds that of independent segments, if r is 0.

    Where nothing responds, z of different segments is correlated nevertheless: what the film of one
    and the response of another have in common by chance counts in the predictions of both. If the
    prediction is the sum of products of features and responses over the n - 1 other segments, as
    with a high penalty, pairs of segments correlate by 1 / (n - 1). The variance of the mean is
    then 2 (n - 1) / (n - 2) of what the variance over segments suggests. A test without this finds
    two to twelve times as many voxels in noise as its level says (`tests/fmri/test_encoding.py`;
    compare Nadeau & Bengio 2003, Machine Learning 52).

    >>> inflation(18)
    2.125
    """
    return 2 * (n_segments - 1) / (n_segments - 2) if n_segments > 2 else np.inf


def left_out_z(
    features: Sequence[np.ndarray],
    responses: Callable[[slice], list[np.ndarray]],
    n_voxels: int,
    chunk: int = 2048,
) -> np.ndarray:
    """Fisher z of r between responses and their predictions, in each segment.

    Segments are left out of the regression one by one, or in five groups if there are more. The
    penalty of each voxel is chosen by the leave-one-out error on the segments that are fitted.

    Parameters
    ----------
    features : sequence of (n_clips, k)
        Of each segment, delayed.
    responses : callable
        Voxels → their responses to the first clips of each segment, (n, n_voxels) with n of at most
        n_clips.
    n_voxels : int
    chunk : int
        Voxels that are predicted together, which limits memory.

    Returns
    -------
    (n_segments, n_voxels) float64
        NaN where a voxel does not vary; 0 where its prediction does not, which is no evidence.

    Raises
    ------
    InputError
        If there are fewer than two segments.
    """
    z = np.full((len(features), n_voxels), np.nan)
    for start in range(0, n_voxels, chunk):
        here = slice(start, min(start + chunk, n_voxels))
        of_segments = responses(here)
        kept = [of_clips[: len(y)] for of_clips, y in zip(features, of_segments, strict=True)]
        ends = np.cumsum([len(y) for y in of_segments])
        groups = np.repeat(np.arange(len(features)), np.diff(ends, prepend=0))
        predicted = predict_left_out(
            np.concatenate(kept), np.concatenate(of_segments), groups, ALPHAS
        )
        for segment, y in enumerate(of_segments):
            (r,) = pairwise_r(np.stack([y, predicted[groups == segment]]), [(0, 1)])
            varies = np.ptp(y, axis=0) > 0
            z[segment, here] = fisher_z(np.where(varies & np.isnan(r), 0.0, r))
    return z
