"""Correlation between subjects who saw the same film (Hasson et al. 2004; Nastase et al. 2019).

Leave-one-out intersubject correlation: in each voxel, r between a subject's response and the mean
response of the other subjects. It needs one presentation of a film only. It selects what is alike
in the subjects: where they differ in anatomy or response, r is low though the voxel responds.

Three subjects, who share the response in the first of two voxels:

>>> rng = np.random.default_rng(0)
>>> runs = rng.normal(size=(3, 1, 2000, 2))
>>> runs[..., 0] += 2 * rng.normal(size=2000)
>>> columns = np.arange(2)
>>> z = between_subjects_z(runs[0], [(run, columns) for run in runs[1:]])
>>> np.tanh(z).round(1) + 0  # 8 / sqrt(5 * 18) = 0.84
array([0.8, 0. ])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mindvideo.fmri.repetitions import mean_of_repetitions
from mindvideo.fmri.reproducibility import fisher_z, pairwise_r

NOWHERE = -1
"""Column of a voxel that a subject does not have."""


def columns_at(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Where another subject has the voxels of a subject.

    Parameters
    ----------
    places : (n_voxels,) int
        Flat indices of the subject's voxels in the grid, ascending.
    others : (n_others,) int
        Those of the other subject, in the same grid, ascending.

    Returns
    -------
    (n_voxels,) int
        Indices into `others`; :data:`NOWHERE` where it lacks the voxel.
    """
    column = np.minimum(np.searchsorted(others, places), len(others) - 1)
    return np.where(others[column] == places, column, NOWHERE)


def between_subjects_z(
    repetitions: np.ndarray, others: Sequence[tuple[np.ndarray, np.ndarray]], chunk: int = 4096
) -> np.ndarray:
    """Fisher z of r between a subject's response to a segment and the mean response of others.

    Repetitions are averaged first. The others' responses are standardised before their mean is
    taken, so that each counts equally. If subjects have unequal numbers of volumes, the first ones,
    which all have, are compared.

    Parameters
    ----------
    repetitions : (n_repetitions, n_volumes, n_voxels) float
        Cleaned runs of one segment.
    others : sequence of ((n_repetitions, n_volumes, n_others) float, (n_voxels,) int)
        Those of each other subject, and the column of each voxel in them
        (:func:`columns_at`).
    chunk : int
        Voxels at a time in double precision, which limits memory.

    Returns
    -------
    (n_voxels,) float64
        NaN where a voxel is dead in a subject, or another subject lacks it.
    """
    n_voxels = repetitions.shape[2]
    n = min(runs.shape[1] for runs in (repetitions, *(runs for runs, _ in others)))
    z = np.full(n_voxels, np.nan)
    for start in range(0, n_voxels, chunk):
        here = slice(start, start + chunk)
        own = mean_of_repetitions(np.asarray(repetitions[:, :n, here], np.float64))
        total = np.zeros_like(own)
        for runs, columns in others:
            column = columns[here]
            response = mean_of_repetitions(
                np.asarray(runs[:, :n, np.maximum(column, 0)], np.float64)
            )
            response[:, column == NOWHERE] = 0
            total += _standardised(response)
        (r,) = pairwise_r(np.stack([own, total]), [(0, 1)])
        z[here] = fisher_z(r)
    return z


def _standardised(response: np.ndarray) -> np.ndarray:
    """(n_volumes, n_voxels) of mean 0 and SD 1; NaN where a voxel does not vary."""
    centred = response - response.mean(axis=0)
    sd = centred.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sd > 0, centred / sd, np.nan)
