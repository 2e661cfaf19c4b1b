"""How sure a mean over clips is, or a difference: null, p value, confidence interval, tests.

Clips are no independent samples: neighbours show the same shot, and reconstructions of neighbours
share their fMRI. Both tools below therefore leave neighbours together. The null shifts the
ground truth of a whole segment against its reconstructions; the bootstrap draws blocks.

A clip whose scores are NaN keeps its place among its neighbours, and counts in no mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mindvideo.metrics.threads import Each


def draw_shifts(n_clips: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Draw circular shifts of a segment: 0 first, then others at random, without repetition.

    Parameters
    ----------
    n_clips : int
        Clips of the segment.
    most : int
        Largest number of shifts: for metrics whose every pair costs time.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, (min(n_clips, most),)
    """
    others = 1 + rng.permutation(n_clips - 1)[: max(0, most - 1)]
    return np.concatenate([[0], others])


def shifted_scores(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
    truth: Sequence[np.ndarray] | np.ndarray,
    reconstruction: Sequence[np.ndarray] | np.ndarray,
    shifts: Sequence[int] | np.ndarray,
    each: Each = map,
) -> np.ndarray:
    """Score each reconstruction of a segment against its own and against shifted clips.

    Parameters
    ----------
    metric : callable
        (truth, reconstruction), each (h, w, 3) → a number.
    truth, reconstruction : sequence of ndarray, (n_frames, h, w, 3)
        By clip.
    shifts : sequence of int
        In clips.
    each : callable
        Calls the metric for all clips, in any order.

    Returns
    -------
    ndarray, (n_shifts, n_clips)
        Means over frames; entry (s, i) compares reconstruction i with clip i + shifts[s].
    """
    pairs = shifted_pairs(len(truth), shifts)
    scores = scores_of_pairs(metric, truth, reconstruction, pairs, each)
    return scores.reshape(len(shifts), len(truth))


def shifted_pairs(n_clips: int, shifts: Sequence[int] | np.ndarray) -> np.ndarray:
    """List what :func:`shifted_scores` compares, shift by shift.

    Returns
    -------
    ndarray of int, (n_shifts · n_clips, 2)
        A clip of the film, and a reconstruction.
    """
    i = np.arange(n_clips)
    return np.array([(clip, own) for s in shifts for clip, own in zip((i + s) % n_clips, i)])


def scores_of_pairs(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
    truth: Sequence[np.ndarray] | np.ndarray,
    reconstruction: Sequence[np.ndarray] | np.ndarray,
    pairs: np.ndarray,
    each: Each = map,
) -> np.ndarray:
    """Compute the mean over frames of a metric for pairs of clips.

    Parameters
    ----------
    metric, truth, reconstruction, each
        As in :func:`shifted_scores`.
    pairs : ndarray of int, (n, 2)
        Places in `truth` and in `reconstruction`.

    Returns
    -------
    ndarray, (n,)
        A score depends on its own pair alone.
    """

    def mean_over_frames(pair: np.ndarray) -> float:
        # Frame by frame: what the metric works on then stays in the processor's cache.
        frames = zip(truth[pair[0]], reconstruction[pair[1]], strict=True)
        return float(np.mean([metric(t, r) for t, r in frames]))

    return np.array([*each(mean_over_frames, pairs)])


def pairs_to_shifts(pairs: np.ndarray) -> np.ndarray:
    """Rearrange scores of all pairs of a segment by shift.

    Parameters
    ----------
    pairs : ndarray, (n_clips, n_clips)
        Entry (i, j): reconstruction i against clip j.

    Returns
    -------
    ndarray, (n_shifts = n_clips, n_clips)
        Entry (s, i): reconstruction i against clip i + s, around the end.
    """
    i = np.arange(len(pairs))
    return pairs[i, (i + i[:, None]) % len(pairs)]


def circular_null(
    scores: Sequence[np.ndarray], *, permutations: int, rng: np.random.Generator
) -> np.ndarray:
    """Means over all clips when each segment is shifted at random against its film.

    Parameters
    ----------
    scores : sequence of ndarray, (n_shifts, n_clips)
        By segment, from :func:`shifted_scores` or :func:`pairs_to_shifts`.
    permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (permutations,)

    Notes
    -----
    The true order is among the shifts, as it must be for :func:`p_value` to hold with few clips: n
    clips in one segment allow n shifts, so that p is never much below 1 / n.

    A shift keeps what neighbours share, but not trends as long as the segment: those line up only
    in the true order, and would pass for skill.
    """
    total = np.zeros(permutations)
    for segment in scores:
        total += np.nansum(segment, axis=1)[rng.integers(len(segment), size=permutations)]
    return total / sum((~np.isnan(segment[0])).sum() for segment in scores)


def p_value(observed: float, null: np.ndarray) -> float:
    """One-sided: how often chance does as well, (1 + #{null ≥ observed}) / (1 + n).

    The observed order counts as one of the permutations, so p is never zero (Phipson & Smyth 2010).
    """
    # Sums in another order differ in the last digits: the true order must count as equal.
    as_good = null >= observed - 1e-9 * max(1.0, abs(observed))
    return float((1 + as_good.sum()) / (1 + len(null)))


def block_bootstrap(
    values: Sequence[np.ndarray], *, block: int, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw means over clips, in blocks of neighbours (circular block bootstrap).

    Parameters
    ----------
    values : sequence of ndarray, (n_clips,)
        Scores by segment, in the order shown. Each segment keeps its number of clips.
    block : int
        Neighbours drawn together [clips]: about the length of what makes them alike. Segments
        shorter than that are one block.
    resamples : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (resamples,)
        Means over all clips (Politis & Romano 1992), or over those drawn that have a score: a
        sample that has none is left out.
    """
    total, count = np.zeros(resamples), np.zeros(resamples)
    for segment in values:
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
        By segment, the rows of its clips in the order shown; each row from 0 on is in one segment.
    block, resamples, rng
        As those of :func:`block_bootstrap`.

    Returns
    -------
    ndarray, (resamples, n_rows)
        How often each sample holds each row: ``counts @ values / n_rows`` are the samples' means.
    """
    counts = np.zeros((resamples, sum(map(len, rows))))
    for segment in rows:
        n = len(segment)
        drawn = _draw_blocks(n, block, resamples, rng) + n * np.arange(resamples)[:, None]
        of_segment = np.bincount(drawn.ravel(), minlength=n * resamples)
        counts[:, segment] = of_segment.reshape(resamples, n)
    return counts


def _draw_blocks(n: int, block: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n of n clips in blocks of neighbours, around the end: int (resamples, n)."""
    starts = rng.integers(n, size=(resamples, -(-n // block)))
    drawn = (starts[..., None] + np.arange(min(block, n))) % n  # (resamples, blocks, block)
    return drawn.reshape(resamples, -1)[:, :n]


def confidence_interval(means: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Percentiles of bootstrapped means that leave out (1 − level) / 2 on either side."""
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def two_sample_p(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p of a two-sample t-test with equal variances, as colours the paper's Table 1.

    It takes clips for independent and does not know that both models saw the same ones: shots that
    are hard for both hide a difference, and neighbours that are alike feign one. Read it beside
    :func:`paired_p`. NaN where a sample has fewer than two scores, or none varies.
    """
    a, b = a[~np.isnan(a)], b[~np.isnan(b)]
    if min(len(a), len(b)) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return float("nan")
    return float(stats.ttest_ind(a, b).pvalue)


def paired_p(
    differences: Sequence[np.ndarray], *, block: int, permutations: int, rng: np.random.Generator
) -> float:
    """Two-sided p of a paired test: signs of whole blocks of neighbouring clips are flipped.

    Parameters
    ----------
    differences : sequence of ndarray, (n_clips,)
        One model's scores minus the other's, by segment, in the order shown; NaN where a clip has
        none.
    block : int
        Neighbours that keep their signs together [clips]. Blocks start at a random clip.
    permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    float
        NaN without any score. Were both models equal, the difference of a block would as likely
        be its opposite; with n blocks p is not below 2 / 2ⁿ.
    """
    if not sum((~np.isnan(d)).sum() for d in differences):
        return float("nan")
    observed = sum(np.nansum(d) for d in differences)
    null = np.zeros(permutations)
    for d in differences:
        n_blocks = -(-len(d) // block) + 1
        signs = rng.choice([-1, 1], (permutations, n_blocks))
        start = rng.integers(block, size=(permutations, 1))
        place = (np.arange(len(d)) + start) // block  # (permutations, n_clips)
        null += np.take_along_axis(signs, place, axis=1) @ np.nan_to_num(d)
    return p_value(abs(float(observed)), np.abs(null))


def holm(p: np.ndarray) -> np.ndarray:
    """Correct p values for their number (Holm 1979: no error in any, at the level that is asked).

    Parameters
    ----------
    p : ndarray, (n,)
        NaN where there was no test: it stays, and does not count.
    """
    corrected = np.full(len(p), np.nan)
    there = ~np.isnan(p)
    if there.any():
        corrected[there] = multipletests(p[there], method="holm")[1]
    return corrected
