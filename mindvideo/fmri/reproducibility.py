"""Which voxels respond to a film in the same way each time it is shown (paper 3.2).

Per segment, Pearson's r between the repeats; Fisher's z = artanh r; over the training segments a
one-sample test of z against 0: Student's t with n_segments - 1 degrees of freedom (17 in the
paper), or Wilcoxon's signed ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from mindvideo.errors import InputError

Tail = Literal["two-sided", "greater"]
Statistic = Literal["t", "wilcoxon"]

# artanh has a pole at 1: this is z = 8.3, beyond any real pair of runs.
LARGEST_R = 1 - 1e-7
# A segment's r against the median of all, in the voxels that repeat best in the others: below this
# share of it, its repeats are not of one film. A median below the second, or within so many times
# the segments' scatter of 0, tells nothing.
OUT_OF_LINE, TELLING, SCATTER = 0.25, 0.05, 4.0


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
    """Of the test, uncorrected."""
    smallest_p: float = 0.0
    """The smallest p that the test can give, whatever the data."""

    @property
    def valid(self) -> np.ndarray:
        """Voxels that could be tested, (n_voxels,) bool."""
        return np.isfinite(self.p)


def segment_z(repeats: np.ndarray, chunk: int = 4096) -> np.ndarray:
    """Fisher z of a segment: mean over all pairs of its repeats.

    Parameters
    ----------
    repeats : (n_repeats, n_volumes, n_voxels) float
        Cleaned runs of one segment.
    chunk : int
        Voxels at a time in double precision: bounds the memory.

    Returns
    -------
    (n_voxels,) float64
        NaN where a voxel is constant in some repeat.

    Raises
    ------
    InputError
        If there is only one repeat.
    """
    n_repeats, _, n_voxels = repeats.shape
    if n_repeats < 2:
        raise InputError(
            "Voxels are selected by what repeats between showings: a training segment needs at "
            f"least 2 runs, and this one has {n_repeats}. Leave it out of dataset.train."
        )
    pairs = list(combinations(range(n_repeats), 2))
    z = np.zeros(n_voxels)
    for start in range(0, n_voxels, chunk):
        here = slice(start, start + chunk)
        block = np.asarray(repeats[:, :, here], dtype=np.float64)
        for r in pairwise_r(block, pairs):
            z[here] += np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))
    return z / len(pairs)


def pairwise_r(runs: np.ndarray, pairs: Iterable[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Pearson's r of each voxel between pairs of runs.

    Parameters
    ----------
    runs : (n_runs, n_volumes, n_voxels) float64
    pairs : iterable of (int, int)

    Yields
    ------
    (n_voxels,) float64
        NaN where either is constant.
    """
    centred = runs - runs.mean(axis=1, keepdims=True)
    power = np.einsum("rtv,rtv->rv", centred, centred)
    for i, j in pairs:
        scale = np.sqrt(power[i] * power[j])
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.einsum("tv,tv->v", centred[i], centred[j]) / scale
        yield np.where(scale > 0, r, np.nan)


def over_segments(
    z: Sequence[np.ndarray] | np.ndarray, tail: Tail, statistic: Statistic = "t"
) -> Reproducibility:
    """One-sample test of each voxel's z over the training segments.

    t = mean(z) / (SD(z) / sqrt(n)), SD over n - 1; p from Student's t with n - 1 degrees of
    freedom, or from the exact distribution of Wilcoxon's signed ranks.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        From :func:`segment_z`, one row a training segment.
    tail : {"two-sided", "greater"}
    statistic : {"t", "wilcoxon"}
        Where p comes from; `t` is the same either way.

    Raises
    ------
    InputError
        With fewer than two segments.
    """
    z = np.asarray(z, dtype=np.float64)
    n = len(z)
    check_segments(n)
    mean = z.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = mean / (z.std(axis=0, ddof=1) / np.sqrt(n))
    if statistic == "t":
        p = stats.t.sf(t, n - 1) if tail == "greater" else 2 * stats.t.sf(np.abs(t), n - 1)
    else:
        p = np.full(len(t), np.nan)
        tested = np.isfinite(t)
        p[tested] = stats.wilcoxon(z[:, tested], alternative=tail, axis=0).pvalue
    return Reproducibility(np.tanh(mean), mean, t, p, smallest_p(n, tail, statistic))


def check_segments(n_segments: int) -> None:
    """Refuse fewer training segments than can be averaged and tested over.

    Raises
    ------
    InputError
    """
    if n_segments < 2:
        raise InputError(
            f"The test over training segments needs at least 2 of them, {n_segments} given."
        )


def smallest_p(n_segments: int, tail: Tail, statistic: Statistic) -> float:
    """The smallest p of a one-sample test over segments: signed ranks have 2^n outcomes.

    Student's t has no such floor: 0.
    """
    sides = 1 if tail == "greater" else 2
    return sides * 0.5**n_segments if statistic == "wilcoxon" else 0.0


def best_repeating(z: np.ndarray, share: float = 0.01) -> np.ndarray:
    """Indices of the `share` of voxels with the highest mean z; at least ten, if there are."""
    mean = np.where(np.isfinite(z).all(axis=0), z.mean(axis=0), -np.inf)
    n = min(max(10, round(share * len(mean))), int(np.isfinite(mean).sum()))
    return np.sort(np.argpartition(-mean, n - 1)[:n]) if n else np.zeros(0, dtype=int)


def out_of_line(z: Sequence[np.ndarray] | np.ndarray) -> tuple[list[int], np.ndarray]:
    """Segments whose repeats agree far less than all others': not of one film?

    Each segment's mean r is taken in the voxels that repeat best in the other segments.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        From :func:`segment_z`.

    Returns
    -------
    odd : list of int
        Empty where fewer than four segments, or too little that repeats, tell nothing.
    r : (n_segments,) float64
    """
    z = np.asarray(z, dtype=np.float64)
    r = np.zeros(len(z))
    for segment in range(len(z)):
        voxels = best_repeating(np.delete(z, segment, axis=0))
        here = z[segment, voxels]
        r[segment] = np.tanh(here[np.isfinite(here)].mean()) if np.isfinite(here).any() else 0
    typical = float(np.median(r))
    scatter = stats.median_abs_deviation(r, scale="normal")
    telling = len(z) >= 4 and typical > max(TELLING, SCATTER * scatter)
    return [s for s in range(len(z)) if telling and r[s] < OUT_OF_LINE * typical], r
