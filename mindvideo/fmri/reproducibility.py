"""Which voxels respond to a film in the same way each time it is shown (paper 3.2).

Per segment, Pearson's r between the repeats; Fisher's z = artanh r; over the training segments a
one-sample t-test of mean z against 0, with n_segments - 1 degrees of freedom (17 in the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from mindvideo.errors import InputError

Tail = Literal["two-sided", "greater"]

# artanh has a pole at 1: this is z = 8.3, beyond any real pair of runs.
LARGEST_R = 1 - 1e-7


@dataclass(frozen=True)
class Reproducibility:
    """Voxel maps, each (n_voxels,) float64; NaN where a voxel was dead in some segment."""

    r: np.ndarray
    """Mean over segments, averaged as z: tanh of `z`."""
    z: np.ndarray
    """Mean Fisher z over segments."""
    t: np.ndarray
    """One-sample t of the segments' z."""
    p: np.ndarray
    """Its p, uncorrected."""

    @property
    def valid(self) -> np.ndarray:
        """Voxels that could be tested, (n_voxels,) bool."""
        return np.isfinite(self.p)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r of each voxel between two repeats.

    Parameters
    ----------
    a, b : (n_volumes, n_voxels) float

    Returns
    -------
    (n_voxels,) float64
        NaN where either is constant.
    """
    a = a - a.mean(axis=0, dtype=np.float64)
    b = b - b.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.einsum("tv,tv->v", a, a) * np.einsum("tv,tv->v", b, b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, np.einsum("tv,tv->v", a, b) / scale, np.nan)


def segment_z(repeats: np.ndarray) -> np.ndarray:
    """Fisher z of a segment: mean over all pairs of its repeats.

    Parameters
    ----------
    repeats : (n_repeats, n_volumes, n_voxels) float
        Cleaned runs of one segment.

    Returns
    -------
    (n_voxels,) float64

    Raises
    ------
    InputError
        If there is only one repeat, or two are the same recording.
    """
    if len(repeats) < 2:
        raise InputError(
            "Voxels are selected by what repeats between showings: a training segment needs at "
            f"least 2 runs, and this one has {len(repeats)}. Leave it out of dataset.train."
        )
    z = np.zeros(repeats.shape[2])
    pairs = list(combinations(range(len(repeats)), 2))
    for first, second in pairs:
        if np.array_equal(repeats[first], repeats[second]):
            raise InputError(
                f"Repeats {first + 1} and {second + 1} hold the very same values: has one file "
                "been copied over the other?"
            )
        z += np.arctanh(np.clip(pearson(repeats[first], repeats[second]), -LARGEST_R, LARGEST_R))
    return z / len(pairs)


def over_segments(z: Sequence[np.ndarray] | np.ndarray, tail: Tail) -> Reproducibility:
    """One-sample t-test of each voxel's z over the training segments.

    t = mean(z) / (SD(z) / sqrt(n)), SD over n - 1; p from Student's t with n - 1 degrees of
    freedom.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        From :func:`segment_z`, one row a training segment.
    tail : {"two-sided", "greater"}

    Raises
    ------
    InputError
        With fewer than two segments.
    """
    z = np.asarray(z, dtype=np.float64)
    n = len(z)
    if n < 2:
        raise InputError(f"The test over training segments needs at least 2 of them, {n} given.")
    mean = z.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = mean / (z.std(axis=0, ddof=1) / np.sqrt(n))
    p = stats.t.sf(t, n - 1) if tail == "greater" else 2 * stats.t.sf(np.abs(t), n - 1)
    return Reproducibility(r=np.tanh(mean), z=mean, t=t, p=p)
