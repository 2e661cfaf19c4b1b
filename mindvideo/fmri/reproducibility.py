"""Reproducibility of each voxel's response over repetitions of a film (paper 3.2).

Per segment, Pearson's r between the repetitions; Fisher's z = artanh r; over the training segments
a one-sample test of z against 0: Student's t with n_segments - 1 degrees of freedom (17 in the
paper), or Wilcoxon's signed ranks.

Five segments of two repetitions; only the first of three voxels responds to the film:

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> segments = rng.normal(size=(5, 2, 30, 3))
>>> segments[..., 0] += 2 * rng.normal(size=(5, 1, 30))
>>> z = [segment_z(repetitions) for repetitions in segments]
>>> result = over_segments(z, "greater")
>>> result.r.round(1)
array([0.8, 0.1, 0.2])
>>> result.p < 0.001
array([ True, False, False])
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

BY_REPEATS = (
    "Voxels are selected by the reproducibility of their responses over repetitions (selection.by: "
    "repeats)"
)
SHOWN_ONCE = (
    "Remove it from dataset.train, or exclude its run (dataset.exclude). If films were shown once, "
    "set selection.by: areas (all voxels of some areas), subjects (correlation with other subjects "
    "who saw the film) or encoding (prediction from the film; docs/explanation/fmri.md)."
)
"""What to do if there is only one repetition."""

# artanh has a pole at 1: this is z = 8.3, beyond any real pair of runs.
LARGEST_R = 1 - 1e-7
# A segment is compared with the others in the voxels that are most reproducible in the others. Its
# repetitions are not of the same film if its r is below this fraction of the median r …
OUT_OF_LINE = 0.25
# … which can be judged only if the median r is above the first of these numbers, and above the
# second times the SD of the segments' r.
MIN_MEDIAN_R, MIN_MEDIAN_SD = 0.05, 4.0


@dataclass(frozen=True)
class Reproducibility:
    """Voxel maps, each (n_voxels,) float64; NaN where a voxel was dead in any segment."""

    r: np.ndarray
    """Mean r over segments, averaged as Fisher z: tanh of `z`."""
    z: np.ndarray
    """Mean Fisher z over segments."""
    t: np.ndarray
    """One-sample t of the segments' z."""
    p: np.ndarray
    """p of the test, uncorrected."""
    smallest_p: float = 0.0
    """The smallest p that the test can give, whatever the data."""

    @property
    def valid(self) -> np.ndarray:
        """Voxels that could be tested, (n_voxels,) bool."""
        return np.isfinite(self.p)


def segment_z(repetitions: np.ndarray, chunk: int = 4096) -> np.ndarray:
    """Fisher z of a segment: mean over all pairs of its repetitions.

    Parameters
    ----------
    repetitions : (n_repetitions, n_volumes, n_voxels) float
        Cleaned runs of one segment.
    chunk : int
        Voxels at a time in double precision, which limits memory.

    Returns
    -------
    (n_voxels,) float64
        NaN where a voxel is constant in any repetition.

    Raises
    ------
    InputError
        If there is only one repetition.
    """
    n_repetitions, _, n_voxels = repetitions.shape
    if n_repetitions < 2:
        raise InputError(
            f"{BY_REPEATS}, so a training segment needs at least 2 runs, but this one has "
            f"{n_repetitions}. {SHOWN_ONCE}"
        )
    pairs = list(combinations(range(n_repetitions), 2))
    z = np.zeros(n_voxels)
    for start in range(0, n_voxels, chunk):
        here = slice(start, start + chunk)
        block = np.asarray(repetitions[:, :, here], dtype=np.float64)
        for r in pairwise_r(block, pairs):
            z[here] += fisher_z(r)
    return z / len(pairs)


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Fisher's z = artanh r, finite even for an r of 1."""
    return np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))


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
    z: Sequence[np.ndarray] | np.ndarray,
    tail: Tail,
    statistic: Statistic = "t",
    inflation: float = 1.0,
) -> Reproducibility:
    """One-sample test of each voxel's z over the training segments.

    t = mean(z) / (SD(z) / sqrt(n)), SD over n - 1; p from Student's t with n - 1 degrees of
    freedom, or from the exact distribution of Wilcoxon's signed ranks.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        From :func:`segment_z`, one row per training segment.
    tail : {"two-sided", "greater"}
    statistic : {"t", "wilcoxon"}
        The test for p; the map of t is the same for both.
    inflation : float
        Variance of the mean of z, if z is 0 in truth, in that of independent segments; only for t.

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
        t = mean / (z.std(axis=0, ddof=1) / np.sqrt(n / inflation))
    if statistic == "t":
        p = stats.t.sf(t, n - 1) if tail == "greater" else 2 * stats.t.sf(np.abs(t), n - 1)
    else:
        p = np.full(len(t), np.nan)
        tested = np.isfinite(t)
        p[tested] = stats.wilcoxon(z[:, tested], alternative=tail, axis=0).pvalue
    return Reproducibility(np.tanh(mean), mean, t, p, smallest_p(n, tail, statistic))


def untested(n_voxels: int) -> Reproducibility:
    """The result if no voxel is tested, as when all voxels of some areas are selected."""
    nothing = np.full(n_voxels, np.nan)
    return Reproducibility(nothing, nothing, nothing, nothing)


def check_segments(n_segments: int) -> None:
    """Raise an error if there are fewer training segments than the test needs.

    Raises
    ------
    InputError
    """
    if n_segments < 2:
        raise InputError(
            f"The test over training segments needs at least 2 of them, found {n_segments}."
        )


def smallest_p(n_segments: int, tail: Tail, statistic: Statistic) -> float:
    """The smallest p of a one-sample test over segments; signed ranks have 2^n outcomes.

    Student's t has no such floor: its smallest p is 0.
    """
    sides = 1 if tail == "greater" else 2
    return sides * 0.5**n_segments if statistic == "wilcoxon" else 0.0


def most_reproducible(z: np.ndarray, fraction: float = 0.01) -> np.ndarray:
    """Indices of the `fraction` of voxels with the highest mean z; at least ten if possible."""
    mean = np.where(np.isfinite(z).all(axis=0), z.mean(axis=0), -np.inf)
    n = min(max(10, round(fraction * len(mean))), int(np.isfinite(mean).sum()))
    return np.sort(np.argpartition(-mean, n - 1)[:n]) if n else np.zeros(0, dtype=int)


def out_of_line(z: Sequence[np.ndarray] | np.ndarray) -> tuple[list[int], np.ndarray]:
    """Segments whose repetitions correlate far less than others, perhaps not of the same film.

    Each segment's mean r is that of the voxels that are most reproducible in the other segments.

    Parameters
    ----------
    z : (n_segments, n_voxels) float
        From :func:`segment_z`.

    Returns
    -------
    odd : list of int
        Indices of these segments. Empty if there are fewer than four segments, or if too little is
        reproducible to judge them.
    r : (n_segments,) float64
        Mean r of each segment.
    """
    z = np.asarray(z, dtype=np.float64)
    r = np.zeros(len(z))
    for segment in range(len(z)):
        voxels = most_reproducible(np.delete(z, segment, axis=0))
        here = z[segment, voxels]
        r[segment] = np.tanh(here[np.isfinite(here)].mean()) if np.isfinite(here).any() else 0
    median = float(np.median(r))
    sd = stats.median_abs_deviation(r, scale="normal")
    if len(z) < 4 or median <= max(MIN_MEDIAN_R, MIN_MEDIAN_SD * sd):
        return [], r
    return [segment for segment in range(len(z)) if r[segment] < OUT_OF_LINE * median], r
