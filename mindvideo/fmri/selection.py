"""From the reproducibility of voxels to those that the encoder sees (paper 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy_order, labels_of
from mindvideo.fmri.reproducibility import Reproducibility, Tail

Correction = Literal["bonferroni", "fdr_bh"]
Criterion = Literal["significance", "threshold", "best"]

FEW = 100
"""An encoder of fewer voxels has next to nothing to read."""
REACHABLE_R = 0.3
"""An r between showings that responsive voxels can have; few have more."""
REMEDY = (
    "take more training segments, lower the number of voxels tested (selection.areas), use "
    "correction: fdr_bh, or select without a test: selection.criterion: threshold or best "
    "(docs/fmri.md)"
)


@dataclass(frozen=True)
class Selected:
    """The voxels chosen."""

    columns: np.ndarray
    """(n,) int, indices into the voxel axis, along the visual hierarchy."""
    n_tested: int
    """Voxels that could be selected: those that the correction counts."""
    n_passed: int
    """Of these, how many are significant, reach the threshold, or may be among the best (all)."""
    n_chance: int
    """Of those tested, how many have an r as far below 0 as the lowest selected is above it: about
    as many of the selected are there by chance, where no test kept them out."""


def select(
    result: Reproducibility,
    labels: np.ndarray,
    *,
    alpha: float,
    correction: Correction,
    fraction: float,
    areas: Sequence[str] = (),
    criterion: Criterion = "significance",
    min_r: float | None = None,
    n_voxels: int | None = None,
) -> Selected:
    """Voxels that meet the criterion, in the order of the visual hierarchy.

    Parameters
    ----------
    result : Reproducibility
    labels : (n_voxels,) int
        Glasser labels 1…360.
    alpha : float
        Level after correction for the voxels tested.
    correction : {"bonferroni", "fdr_bh"}
    fraction : float
        Of the significant voxels, those of highest t, 0…1; at least one is kept.
    areas : sequence of str
        Only voxels of these are tested; empty: all.
    criterion : {"significance", "threshold", "best"}
        The top `fraction` of the significant voxels; all voxels of mean r `min_r` or more; or the
        `n_voxels` of highest mean r. The last two need no `alpha`, `correction` or `fraction`.
    min_r : float, optional
    n_voxels : int, optional

    Raises
    ------
    InputError
        If no voxel meets the criterion, or none can be tested.
    """
    tested = result.valid.copy()
    if areas:
        tested &= np.isin(labels, [label for area in areas for label in labels_of(area)])
    columns = np.flatnonzero(tested)
    if not len(columns):
        raise InputError(
            f"None of {len(labels)} voxels can be tested"
            + (f" in the areas {', '.join(areas)}" if areas else "")
            + ": each is constant or not finite in some training run. Check the runs and "
            "selection.areas."
        )
    if criterion == "significance":
        passed = _significant(result, columns, alpha, correction)
        kept = _highest(result.t, passed, max(1, round(fraction * len(passed))))
    elif criterion == "threshold":
        assert min_r is not None
        passed = kept = _above(result.r, columns, min_r)
    else:
        assert n_voxels is not None
        check_count(n_voxels, len(columns))
        passed, kept = columns, _highest(result.r, columns, n_voxels)
    kept = np.sort(kept)
    by_chance = int((result.r[columns] <= -result.r[kept].min()).sum())
    ordered = kept[hierarchy_order(labels[kept])]
    return Selected(ordered, len(columns), len(passed), by_chance)


def _significant(
    result: Reproducibility, columns: np.ndarray, alpha: float, correction: Correction
) -> np.ndarray:
    check_floor(result.smallest_p, len(columns), alpha, correction)
    reject, corrected, _, _ = multipletests(result.p[columns], alpha=alpha, method=correction)
    if not reject.any():
        best = int(np.argmin(result.p[columns]))
        raise InputError(
            f"No voxel responds reproducibly: of {len(columns)} tested, the best has "
            f"p = {result.p[columns][best]:.2g} (r = {result.r[columns][best]:.3f}), "
            f"{corrected[best]:.2g} after {correction}; selection.alpha is {alpha:g}. Check that "
            "the repeats of a segment show the same film and that dataset.timing is right; else "
            f"raise selection.alpha, or {REMEDY}."
        )
    return columns[reject]


def _above(r: np.ndarray, columns: np.ndarray, min_r: float) -> np.ndarray:
    if not (reached := r[columns] >= min_r).any():
        raise InputError(
            f"No voxel has a mean r of {min_r:g} (selection.min_r): of {len(columns)}, the best "
            f"has {r[columns].max():.3f}. Check that the repeats of a segment show the same film "
            "and that dataset.timing is right; else lower selection.min_r."
        )
    return columns[reached]


def _highest(values: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    # Stable: among equal values, the first voxels of the grid.
    return columns[np.argsort(-values[columns], kind="stable")][:n]


# --- what can be known before the runs are read ---------------------------------------------------


def check_count(n_voxels: int, n_tested: int) -> None:
    """Refuse to select more voxels than there are.

    Raises
    ------
    InputError
    """
    if n_voxels > n_tested:
        raise InputError(
            f"selection.n_voxels is {n_voxels}, but there are only {n_tested} voxels to select "
            "from: lower it, or widen selection.areas"
        )


def check_floor(smallest_p: float, n_tested: int, alpha: float, correction: Correction) -> None:
    """Refuse a test whose smallest p would not pass the correction.

    Parameters
    ----------
    smallest_p : float
        From :func:`mindvideo.fmri.reproducibility.smallest_p`.
    n_tested : int
        Voxels tested. Bonferroni divides alpha by it; of Benjamini and Hochberg's p values, those
        that all voxels share stay as they are.
    alpha : float
    correction : {"bonferroni", "fdr_bh"}

    Raises
    ------
    InputError
    """
    level = alpha / n_tested if correction == "bonferroni" else alpha
    if smallest_p > level:
        more = max(1, math.ceil(math.log2(smallest_p / level)))
        raise InputError(
            f"Wilcoxon's signed ranks over so few training segments give no p below "
            f"{smallest_p:.3g}, and selection.alpha {alpha:g} ({correction}, {n_tested} voxels) "
            f"asks for {level:.2g}: no voxel can be selected. At least {more} more training "
            "segments are needed; else set selection.statistic: t, or select without a test: "
            "selection.criterion: threshold or best (docs/fmri.md)."
        )


@dataclass(frozen=True)
class Demand:
    """What a test asks of a voxel."""

    t: float
    r: float
    """In every segment, if its Fisher z scatters between segments as chance alone makes it."""

    def __str__(self) -> str:
        return f"t of {self.t:.3g}, which takes an r of about {self.r:.2f} in every segment"


def demand(
    n_segments: int,
    n_volumes: int,
    n_pairs: int,
    n_tested: int,
    *,
    alpha: float,
    correction: Correction,
    tail: Tail,
) -> Demand:
    """What Student's t-test over segments asks of a voxel.

    t = mean(z) · sqrt(n_segments) / SD(z), with SD(z) = 1 / sqrt((n_volumes - 3) · n_pairs), that
    of Fisher's z of independent volumes. Volumes are not independent, so more than this is needed.

    Parameters
    ----------
    n_segments : int
        At least 2: the test has n_segments - 1 degrees of freedom.
    n_volumes : int
        Of a segment.
    n_pairs : int
        Pairs of repeats of a segment.
    n_tested : int
        Voxels tested. With ``fdr_bh`` the level is that of the :data:`FEW`-th best of them.
    alpha : float
    correction : {"bonferroni", "fdr_bh"}
    tail : {"two-sided", "greater"}
    """
    together = 1 if correction == "bonferroni" else min(FEW, n_tested)
    sides = 1 if tail == "greater" else 2
    t = float(stats.t.isf(alpha * together / n_tested / sides, n_segments - 1))
    scatter = 1 / math.sqrt(max(n_volumes - 3, 1) * max(n_pairs, 1))
    return Demand(t, math.tanh(t * scatter / math.sqrt(n_segments)))


def segments_needed(
    n_volumes: int,
    n_pairs: int,
    n_tested: int,
    *,
    alpha: float,
    correction: Correction,
    tail: Tail,
    most: int = 200,
) -> int | None:
    """The fewest segments with which :data:`REACHABLE_R` is enough; None beyond `most`."""
    for n in range(2, most + 1):
        found = demand(
            n, n_volumes, n_pairs, n_tested, alpha=alpha, correction=correction, tail=tail
        )
        if found.r <= REACHABLE_R:
            return n
    return None
