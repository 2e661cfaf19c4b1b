"""Statistics of means over clips and of differences: null, p value, confidence interval, tests.

Clips are not independent samples: neighbours show the same shot, and reconstructions of neighbours
share their fMRI. Both methods below therefore keep neighbours together: the null shifts the ground
truth of a whole segment against its reconstructions, and the bootstrap draws blocks.

A clip whose scores are NaN keeps its place among its neighbours, but does not count in any mean.

Whatever the precision of the scores, statistics are computed in double precision, and the observed
statistic in the same way as those of the null, so that a permutation that equals the true order
ties with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

Better = Literal["higher", "lower"]
"""Whether higher or lower values mean better reconstructions."""

SIGNIFICANCE = 0.05
"""Level of significance for marks, and for warnings that no result can be significant."""

ROUNDING = 1e-12
"""Values count as equal within this fraction of the size of the terms summed. Rounding errors of
sums of some thousand numbers are far smaller; sums that differ only in the order of terms must
tie."""


@dataclass(frozen=True)
class Null:
    """A statistic for the true order and for permutations.

    observed : float
    values : ndarray, (n,)
        The statistic for the permutations.
    exact : bool
        Whether these are all permutations, including the true order, each once. Otherwise they are
        drawn at random.
    scale : float
        Size of the terms that the statistic sums, compared with which rounding errors are small.
    """

    observed: float
    values: np.ndarray
    exact: bool
    scale: float

    @property
    def p_min(self) -> float:
        """The smallest p value that this number of permutations can give."""
        return 1 / (len(self.values) + (not self.exact))

    def p(self, better: Better = "higher") -> float:
        """One-sided p value: the fraction of permutations at least as good as the true order.

        For random permutations it is (1 + #{as good}) / (1 + n): the true order counts as one of
        them, so p is never zero (Phipson & Smyth 2010). Ties count as equally good.
        """
        way = 1 if better == "higher" else -1
        as_good = way * (self.values - self.observed) >= -ROUNDING * self.scale
        random = not self.exact
        return float((random + as_good.sum()) / (random + len(self.values)))


def circular_null(
    scores: Sequence[np.ndarray], *, permutations: int, rng: np.random.Generator
) -> Null:
    """Null distribution of the mean over all clips: each segment is shifted against its film.

    Parameters
    ----------
    scores : sequence of ndarray, (n_shifts, n_clips)
        By segment, from :mod:`mindvideo.metrics.shifts`; row 0 is the true order.
    permutations : int
        Number of random shifts. If there are no more in total (the product over segments of their
        numbers of shifts), each is used once, and the test is exact.
    rng : numpy.random.Generator

    Returns
    -------
    Null

    Notes
    -----
    The shifts include the true order, which p requires to be valid with few clips: n clips in one
    segment allow n shifts, so that p is never below 1 / n. A segment without scores adds no shifts.
    For the same reason, the mean of these values is not chance: :func:`mean_of_shifts` is.

    A shift preserves the similarity of neighbours, but not trends over the whole segment: these
    align only in the true order, and would be mistaken for skill.

    Examples
    --------
    A segment of three clips: the true order scores 1 for each, both other shifts score 0.

    >>> scores = [np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]])]
    >>> null = circular_null(scores, permutations=100, rng=np.random.default_rng(0))
    >>> null.exact, round(null.p(), 3)
    (True, 0.333)
    """
    by_segment = [np.asarray(segment, np.float64) for segment in scores]
    sums = [np.nansum(segment, axis=1) for segment in by_segment]
    counts = [int((~np.isnan(segment[0])).sum()) for segment in by_segment]
    scored = [segment_sums for segment_sums, count in zip(sums, counts) if count]
    exact = math.prod(map(len, scored)) <= permutations
    if exact:
        total = np.zeros(1)
        for segment_sums in scored:
            total = np.add.outer(total, segment_sums).ravel()  # the true order stays first
    else:
        total = np.zeros(1 + permutations)
        for segment_sums in sums:
            total += segment_sums[np.append(0, rng.integers(len(segment_sums), size=permutations))]
    means = total / sum(counts)
    sizes = sum(np.nansum(np.abs(segment), axis=1).max() for segment in by_segment)
    return Null(float(means[0]), means if exact else means[1:], exact, float(sizes / sum(counts)))


def mean_of_shifts(scores: Sequence[np.ndarray]) -> float:
    """Expected mean over clips if every segment is shifted, by any number of clips but 0.

    Parameters
    ----------
    scores : sequence of ndarray, (n_shifts, n_clips)
        As in :func:`circular_null`.

    Returns
    -------
    float
        NaN if no segment with a score has a shift other than 0.

    Notes
    -----
    It estimates chance, so no reconstruction may be compared with its own clip, in any segment: a
    combination of shifts in which one segment keeps its true order is left out, too. Segments
    contribute independently to the mean over clips, so the expectation is exact without drawing
    combinations: each clip counts with its mean over the shifts of its segment. The clips of a
    segment that has no other shift (a single clip) do not count.

    Examples
    --------
    The true order scores 1, both other shifts score 0, as they would at chance:

    >>> mean_of_shifts([np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0]])])
    0.0
    """
    shifted = [np.asarray(segment[1:], np.float64) for segment in scores if len(segment) > 1]
    total = sum(float(np.nansum(segment)) / len(segment) for segment in shifted)
    count = sum(int((~np.isnan(segment[0])).sum()) for segment in shifted)
    return total / count if count else float("nan")


def block_bootstrap(
    values: Sequence[np.ndarray], *, block: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw means over clips, in blocks of neighbours (circular block bootstrap).

    Parameters
    ----------
    values : sequence of ndarray, (n_clips,)
        Scores by segment, in presentation order. Each segment keeps its number of clips.
    block : int
        Neighbours drawn together [clips]: about the time over which they are similar. Shorter
        segments are one block.
    resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (resamples,)
        Means over all clips drawn (Politis & Romano 1992) that have a score; samples without any
        are left out.
    """
    total, count = np.zeros(resamples), np.zeros(resamples)
    for segment in values:
        segment = np.asarray(segment, np.float64)
        sample = segment[_draw_blocks(len(segment), block, resamples, rng)]  # (resamples, n)
        total += np.nansum(sample, axis=1)
        count += (~np.isnan(sample)).sum(axis=1)
    return total[count > 0] / count[count > 0]


def block_counts(
    rows: Sequence[np.ndarray], *, block: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the samples of :func:`block_bootstrap` once, for the means of many values.

    Parameters
    ----------
    rows : sequence of ndarray of int
        By segment, the rows of its clips in presentation order; each row is in one segment.
    block, resamples, rng
        As in :func:`block_bootstrap`.

    Returns
    -------
    ndarray, (resamples, n_rows)
        How often each sample contains each row: ``counts @ values / n_rows`` are the means.
    """
    counts = np.zeros((resamples, sum(map(len, rows))))
    for segment in rows:
        n = len(segment)
        sample = _draw_blocks(n, block, resamples, rng) + n * np.arange(resamples)[:, None]
        of_segment = np.bincount(sample.ravel(), minlength=n * resamples)
        counts[:, segment] = of_segment.reshape(resamples, n)
    return counts


def _draw_blocks(n: int, block: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of n clips in blocks of neighbours, wrapping around the end: int (resamples, n)."""
    starts = rng.integers(n, size=(resamples, -(-n // block)))
    sample = (starts[..., None] + np.arange(min(block, n))) % n  # (resamples, blocks, block)
    return sample.reshape(resamples, -1)[:, :n]


def confidence_interval(means: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Percentiles of bootstrapped means that leave out (1 − level) / 2 on either side.

    NaN if there is no mean.
    """
    if not len(means):
        return float("nan"), float("nan")
    means = np.asarray(means, np.float64)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def two_sample_p(a: np.ndarray, b: np.ndarray, *, equal_var: bool = True) -> float:
    """Two-sided p of a two-sample t-test, with equal variances used in the paper's Table 1.

    On clips, the test assumes that they are independent and ignores that both models are scored on
    the same ones: shots that are hard for both hide a difference, and similar neighbours exaggerate
    one. Compare it with :func:`paired_test`. 1 if all scores of both are the same; NaN if a sample
    has fewer than two scores, or if both are constant but differ, which leaves no variance.
    """
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if min(len(a), len(b)) < 2:
        return float("nan")
    if _constant(np.concatenate([a, b])):
        return 1.0
    if _constant(a) and _constant(b):
        return float("nan")
    return float(stats.ttest_ind(a, b, equal_var=equal_var).pvalue)


def models_p(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p of the hypothesis that two methods have the same mean over training runs.

    Parameters
    ----------
    a, b : ndarray, (n_models,)
        Scores of the trained models of either method: means over the same clips. A single score is
        that of a method without randomness, which would score the same after every training.

    Returns
    -------
    float
        Of Welch's t-test, or of a one-sample t-test against the score of a method without
        randomness. NaN if neither has several scores, or if none varies but they differ.

    Notes
    -----
    Scores are assumed to be normally distributed over training runs, with a variance of each
    method's own. Models of the same seed may have a part in common, the tuned video model for
    example. This correlation narrows their difference, which the test does not use: it errs towards
    large p. A permutation of the models' labels would assume less, but of 3 and 3 models its p is
    never below 2 / 20 = 0.1. That of a t-test has no lower bound.
    """
    a, b = sorted((np.asarray(x, np.float64) for x in (a, b)), key=len)
    if len(a) > 1:
        return two_sample_p(a, b, equal_var=False)
    if len(b) < 2:
        return float("nan")
    if _constant(b):
        return 1.0 if _constant(np.append(a, b)) else float("nan")
    return float(stats.ttest_1samp(b, a[0]).pvalue)


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def paired_test(
    differences: Sequence[np.ndarray], *, block: int, permutations: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Paired test that flips the signs of whole blocks of neighbouring clips.

    Parameters
    ----------
    differences : sequence of ndarray, (n_clips,)
        One model's scores minus the other's, by segment, in presentation order; NaN for clips
        without a score.
    block : int
        Neighbours that keep their signs together [clips]. Blocks start at a random clip.
    permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    p : float
        Two-sided. NaN without any score.
    p_min : float
        The smallest p that these clips, blocks and permutations can give.

    Notes
    -----
    If both models were equal, the difference of each block would have either sign with equal
    probability. With probability 2 / 2ⁿ, all n blocks keep their signs or all are flipped; n is one
    more if the first block starts late. p cannot be below the mean of this over starts. Random
    flips may give this case less often, so p is limited to this bound.
    """
    by_segment = [np.asarray(d, np.float64) for d in differences]
    if all(np.isnan(d).all() for d in by_segment):
        return float("nan"), float("nan")
    total, extreme = np.zeros(1 + permutations), 2.0  # the true signs first
    for d in by_segment:
        n_blocks = -(-len(d) // block) + 1
        random_signs = rng.choice([-1, 1], (permutations, n_blocks))
        starts = rng.integers(block, size=(permutations, 1))
        signs = np.concatenate([np.ones((1, n_blocks), int), random_signs])
        place = (np.arange(len(d)) + np.concatenate([[[0]], starts])) // block  # (1 + n, n_clips)
        total += np.take_along_axis(signs, place, axis=1) @ np.nan_to_num(d)
        there = np.flatnonzero(~np.isnan(d))
        extreme *= sum(0.5 ** len(set((there + s) // block)) for s in range(block)) / block
    scale = sum(np.nansum(np.abs(d)) for d in by_segment)
    null = Null(abs(float(total[0])), np.abs(total[1:]), exact=False, scale=float(scale))
    p_min = max(extreme, null.p_min)
    return max(null.p(), p_min), p_min


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p values for multiple tests (Holm 1979), controlling the family-wise error rate.

    Parameters
    ----------
    p : ndarray, (n,)
        NaN where there was no test; it is kept, and does not count as a test.

    Examples
    --------
    >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
    [0.02, nan, 0.04]
    """
    corrected = np.full(len(p), np.nan)
    there = ~np.isnan(p)
    if there.any():
        corrected[there] = multipletests(p[there], method="holm")[1]
    return corrected
