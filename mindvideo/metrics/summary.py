"""A metric's row (mean, interval, ceiling, chance, null) and its column, the clips' scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mindvideo.metrics.shifts import pairs_to_shifts
from mindvideo.metrics.statistics import (
    SIGNIFICANCE,
    Better,
    block_bootstrap,
    circular_null,
    confidence_interval,
    holm,
    mean_of_shifts,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Metric:
    """Scores of clips under one definition.

    chance : float
        Expected score of guesses; NaN if there is no formula for it.
    rows : list of ndarray of int, (n_clips,)
        By segment, in the order of its film: rows of the table of clips.
    scores : list of ndarray, (n_shifts, n_clips)
        By segment; row 0 is the true order, the others are circular shifts of the film. NaN in
        the columns of clips that are left out.
    ceiling : ndarray, (n_rows,), optional
        For each row of the table of clips, the score of the stimulus in place of its
        reconstruction, which a perfect reconstruction would reach. If it is below 1, the classifier
        errs, or the clip also shows something else (because of a cut, for example), which is no
        fault of the decoder. None if it is known by definition (1 for identification and SSIM) or
        unbounded (PSNR).
    in_subset : bool
        Whether it is also reported for marked clips (:func:`over_marked`).
    better : {"higher", "lower"}
        Whether higher or lower values mean better reconstructions.
    """

    name: str
    definition: str
    chance: float
    rows: list[np.ndarray]
    scores: list[np.ndarray]
    ceiling: np.ndarray | None = None
    in_subset: bool = False
    better: Better = "higher"


def segment_rows(listing: pd.DataFrame) -> list[np.ndarray]:
    """Rows of each segment in a table of clips (`segment`, `clip`), in the order of its film."""
    groups = listing.groupby("segment", sort=False)
    return [np.asarray(rows.sort_values("clip").index) for _, rows in groups]


def shifts_by_segment(pairs: np.ndarray, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Rearrange scores of all pairs of clips, (n, n), into :class:`Metric`'s `scores`."""
    return [pairs_to_shifts(pairs[np.ix_(g, g)]) for g in rows]


def over_marked(metric: Metric, marked: np.ndarray, mark: str) -> Metric:
    """Restrict a metric to some of its clips.

    Parameters
    ----------
    metric : Metric
    marked : ndarray of bool, (n_rows,)
        By row of the table of clips.
    mark : str
        Name of these clips.

    Returns
    -------
    Metric
        Each clip keeps its scores, which may depend on the other clips: they remain candidates of
        identification, and the null's shifts still compare reconstructions with them. The
        interval's blocks are drawn from the whole film, and vary in their number of marked clips.
    """
    return replace(
        metric,
        name=f"{metric.name}_{mark}",
        definition=f"{metric.definition}; clips marked {mark} only",
        scores=[np.where(marked[g], s, np.nan) for g, s in zip(metric.rows, metric.scores)],
    )


def without(metric: Metric, left_out: np.ndarray, what: str) -> Metric:
    """Leave some clips out of a metric.

    Parameters
    ----------
    metric : Metric
    left_out : ndarray of bool, (n_rows,)
        By row of the table of clips. They remain candidates of identification, and the null's
        shifts still compare with them, as in :func:`over_marked`.
    what : str
        Name of these clips.
    """
    return replace(
        metric,
        definition=f"{metric.definition}; {what} left out",
        scores=[np.where(left_out[g], np.nan, s) for g, s in zip(metric.rows, metric.scores)],
    )


def summarise(
    metrics: Sequence[Metric],
    *,
    block: int,
    resamples: int,
    permutations: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The table of metrics: value, 95% interval, ceiling, chance, mean of the shifts, p.

    `p_min` is the smallest p that the number of shifts allows; a warning is logged if it is above
    0.05. A metric that does not compare with stimuli has only one shift, and so neither null nor p.
    `p_holm` is p, corrected as :func:`with_holm` does.
    """
    counts = {"block": block, "resamples": resamples, "permutations": permutations}
    table = pd.DataFrame([_row(metric, **counts, rng=rng) for metric in metrics])
    table = with_holm(table)
    if max(len(g) for metric in metrics for g in metric.rows) == 1:
        log.warning(
            "No metric has a p value: each segment has 1 clip, but a shift needs at least 2. "
            "Combine the clips of a film in one segment"
        )
    smallest = table["p_min"].to_numpy(float)
    for p_min in np.unique(smallest[smallest > SIGNIFICANCE]).tolist():
        names = table["metric"][smallest == p_min].tolist()
        log.warning("%s", _too_few(names, p_min, permutations))
    return table


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column `p_holm` after `p`, where a table of an earlier version lacks it.

    All rows of a table are one family, those of subsets of clips and of random trials included:
    whoever looks for what is significant looks at all of them.
    """
    if "p_holm" in table:
        return table
    table = table.copy()
    table.insert(list(table.columns).index("p") + 1, "p_holm", holm(table["p"].to_numpy(float)))
    return table


def _too_few(names: list[str], p_min: float, permutations: int) -> str:
    needed = math.ceil(1 / SIGNIFICANCE)
    random = round(1 / p_min) == permutations + 1  # not all shifts
    limit, advice = (
        (f"permutations is {permutations}", f"set it to {needed - 1} at the very least")
        if random
        else (
            f"the segments allow {round(1 / p_min)} circular shifts",
            f"score more segments, or longer ones; {needed} shifts are needed, and segments "
            "of m and n clips allow m × n",
        )
    )
    return (
        f"p cannot be below {p_min:.2g}, and no effect can be significant at {SIGNIFICANCE:g}: "
        f"{', '.join(names)}. {limit[0].upper()}{limit[1:]}: {advice}"
    )


def _row(
    metric: Metric, *, block: int, resamples: int, permutations: int, rng: np.random.Generator
) -> dict:
    per_clip = [np.asarray(segment[0], np.float64) for segment in metric.scores]
    scored = ~np.isnan(np.concatenate(per_clip))
    value = float(np.concatenate(per_clip)[scored].mean())
    means = block_bootstrap(per_clip, block=block, resamples=resamples, rng=rng)
    low, high = confidence_interval(means)
    null = circular_null(metric.scores, permutations=permutations, rng=rng)
    null_mean, p, p_min = mean_of_shifts(metric.scores), null.p(metric.better), null.p_min
    if null.exact and len(null.values) == 1:  # the true order alone
        p = p_min = float("nan")
    rows = np.concatenate(metric.rows)[scored]
    ceiling = np.nan if metric.ceiling is None else float(metric.ceiling[rows].mean(dtype=float))
    log.info("%s: %.3f (%.3f to %.3f), null %.3f", metric.name, value, low, high, null_mean)
    return {
        "metric": metric.name,
        "definition": metric.definition,
        "n_clips": int(scored.sum()),
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "ceiling": ceiling,
        "chance": metric.chance,
        "null_mean": null_mean,
        "p": p,
        "p_min": p_min,
        "better": metric.better,
    }


def scores_per_clip(metric: Metric) -> np.ndarray:
    """Each clip's score, (n_rows,) in the order of the table of clips; NaN where it has none."""
    per_clip = np.concatenate([segment[0] for segment in metric.scores])
    return per_clip[np.argsort(np.concatenate(metric.rows))]
