"""Selection of reproducible voxels for the encoder (paper 3.2).

The two most reproducible of four voxels, in the order of the hierarchy (label 4 is V2, 1 is V1):

>>> import numpy as np
>>> r = np.array([0.5, 0.1, 0.4, 0.2])
>>> result = Reproducibility(r, np.arctanh(r), t=10 * r, p=np.array([0.001, 0.4, 0.002, 0.2]))
>>> labels = np.array([4, 1, 1, 4])
>>> test = {"alpha": 0.01, "correction": "bonferroni", "fraction": 1.0}
>>> selected = select(result, labels, **test)
>>> selected.columns, selected.n_tested, selected.n_passed
(array([2, 0]), 4, 2)
>>> select(result, labels, **test, criterion="best", n_voxels=1).columns
array([0])
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy_order
from mindvideo.fmri.labels import labels_named
from mindvideo.fmri.networks import network_number
from mindvideo.fmri.reproducibility import Reproducibility

Correction = Literal["bonferroni", "fdr_bh"]
Criterion = Literal["significance", "threshold", "best"]

By = Literal["repeats", "areas", "subjects", "encoding"]

UNTESTED: dict[By, str] = {
    "repeats": "constant or not finite in at least one training run",
    "subjects": "constant or not finite in a training segment of this subject or of another, or "
    "another subject lacks it (all must be on one grid, in MNI152 space)",
    "encoding": "constant or not finite in at least one training segment",
}
"""Why a voxel was not tested."""
NONE_RESPONDS: dict[By, str] = {
    "repeats": "No voxel responds reproducibly",
    "subjects": "No voxel responds as in the other subjects",
    "encoding": "No voxel's response is predicted from the film",
}
CHECK: dict[By, str] = {
    "repeats": "Check that the repetitions of a segment show the same film and that dataset.timing "
    "is right",
    "subjects": "Check that all subjects saw the same film in a segment and that dataset.timing is "
    "right",
    "encoding": "Check that dataset.film names the films that were shown and that dataset.timing "
    "and dataset.lag are right",
}
FEW = 100
"""Fewer voxels than this have too little information for the encoder."""
REMEDY = (
    "take more training segments, lower the number of voxels tested (selection.areas), use "
    "correction: fdr_bh, or select without a test: selection.criterion: threshold or best "
    "(docs/explanation/fmri.md)"
)


@dataclass(frozen=True)
class Selected:
    """The selected voxels."""

    columns: np.ndarray
    """(n,) int, indices into the voxel axis, along the visual hierarchy."""
    n_tested: int
    """Number of voxels that could be selected, which is the number of tests for the correction."""
    n_passed: int
    """Number of these that are significant or reach the threshold; all for the criterion `best`."""
    n_chance: int
    """Number of voxels whose r is at least as far below 0 as the lowest selected r is above it:
    without a test, about as many of the selected voxels are false positives."""


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
    allowed: np.ndarray | None = None,
    own: Mapping[int, str] = MappingProxyType({}),
    by: By = "repeats",
) -> Selected:
    """Select the voxels that meet the criterion, in the order of the visual hierarchy.

    Parameters
    ----------
    result : Reproducibility
    labels : (n_voxels,) int
        Glasser labels 1…360, or some of `own`.
    alpha : float
        Level after correction for the voxels tested.
    correction : {"bonferroni", "fdr_bh"}
    fraction : float
        Fraction of the significant voxels that is kept, those of highest t, 0…1; at least one
        voxel is kept.
    areas : sequence of str
        Only voxels of these areas are tested; if empty, all are.
    criterion : {"significance", "threshold", "best"}
        The top `fraction` of the significant voxels; all voxels of mean r `min_r` or more; or the
        `n_voxels` of highest mean r. The last two need no `alpha`, `correction` or `fraction`.
    min_r : float, optional
    n_voxels : int, optional
    allowed : (n_voxels,) bool, optional
        Only these voxels are tested.
    own : mapping
        Labels of areas that are not Glasser's, with their names.
    by : {"repeats", "subjects", "encoding"}
        What `result` is of, for messages.

    Returns
    -------
    Selected

    Raises
    ------
    InputError
        If no voxel meets the criterion, or none can be tested.
    """
    tested = result.valid & in_areas(labels, areas, own)
    if allowed is not None:
        tested &= allowed
    columns = np.flatnonzero(tested)
    if not len(columns):
        where = f" in the areas {', '.join(areas)}" if areas else ""
        raise InputError(
            f"None of {len(labels)} voxels can be tested{where}: each is {UNTESTED[by]}. Check the "
            "runs and selection.areas."
        )
    if criterion == "significance":
        passed = _significant(result, columns, alpha, correction, by)
        kept = _highest(result.t, passed, max(1, round(fraction * len(passed))))
    elif criterion == "threshold":
        assert min_r is not None
        passed = kept = _above(result.r, columns, min_r, by)
    else:
        assert n_voxels is not None
        check_count(n_voxels, len(columns))
        passed, kept = columns, _highest(result.r, columns, n_voxels)
    kept = np.sort(kept)
    by_chance = int((result.r[columns] <= -result.r[kept].min()).sum())
    ordered = kept[hierarchy_order(labels[kept])]
    return Selected(ordered, len(columns), len(passed), by_chance)


def select_all(
    labels: np.ndarray,
    allowed: np.ndarray,
    areas: Sequence[str] = (),
    own: Mapping[int, str] = MappingProxyType({}),
) -> Selected:
    """Select all voxels that are allowed, in the order of the visual hierarchy.

    Parameters
    ----------
    labels : (n_voxels,) int
        Glasser labels 1…361.
    allowed : (n_voxels,) bool
    areas : sequence of str
        Only voxels of these areas; if empty, of all.
    own : mapping
        Labels of areas that are not Glasser's, with their names.

    Raises
    ------
    InputError
        If there are none.
    """
    columns = np.flatnonzero(allowed & in_areas(labels, areas, own))
    if not len(columns):
        raise InputError(
            f"None of {len(labels)} voxels is in the areas {', '.join(areas) or '(all)'} and has a "
            "signal in all segments, after selection.networks, mask and min_tsnr. Check the runs "
            "and these settings."
        )
    ordered = columns[hierarchy_order(labels[columns])]
    return Selected(ordered, len(columns), len(columns), 0)


def in_areas(
    labels: np.ndarray, areas: Sequence[str], own: Mapping[int, str] = MappingProxyType({})
) -> np.ndarray:
    """Whether voxels belong to any of these areas, (n_voxels,) bool; all do if none is named.

    `own` are labels of areas that are not Glasser's, with their names.
    """
    if not areas:
        return np.ones(len(labels), dtype=bool)
    return np.isin(labels, [label for area in areas for label in labels_named(area, own)])


def in_networks(numbers: np.ndarray, networks: Sequence[str]) -> np.ndarray:
    """Whether voxels belong to any of these networks; all do if none is named.

    Parameters
    ----------
    numbers : (n_voxels,) int
        Network of each voxel, 1…24; 0 is none.
    networks : sequence of str

    Raises
    ------
    InputError
        If no voxel does, or there is no network of a name.
    """
    if not networks:
        return np.ones(len(numbers), dtype=bool)
    inside = np.isin(numbers, [network_number(name) for name in networks])
    if not inside.any():
        raise InputError(
            f"None of {len(numbers)} voxels is in the networks {', '.join(networks)} "
            "(selection.networks)."
        )
    return inside


def above_tsnr(tsnr: np.ndarray, min_tsnr: float | None, among: np.ndarray) -> np.ndarray:
    """Whether voxels have at least this temporal SNR; all do without a floor.

    Parameters
    ----------
    tsnr : (n_voxels,) float
    min_tsnr : float or None
    among : (n_voxels,) bool
        Voxels that meet all other conditions.

    Raises
    ------
    InputError
        If none of these does.
    """
    if min_tsnr is None:
        return np.ones(len(among), dtype=bool)
    above = tsnr >= min_tsnr
    if among.any() and not (above & among).any():
        raise InputError(
            f"No voxel has a temporal SNR of {min_tsnr:g} (selection.min_tsnr): of {among.sum()}, "
            f"the highest is {tsnr[among].max():.1f}. Lower selection.min_tsnr. A temporal SNR "
            "near 0 is that of runs whose mean was removed earlier: then leave out the floor."
        )
    return above


def _significant(
    result: Reproducibility, columns: np.ndarray, alpha: float, correction: Correction, by: By
) -> np.ndarray:
    check_floor(result.smallest_p, len(columns), alpha, correction)
    reject, corrected, _, _ = multipletests(result.p[columns], alpha=alpha, method=correction)
    if not reject.any():
        best = int(np.argmin(result.p[columns]))
        raise InputError(
            f"{NONE_RESPONDS[by]}: of {len(columns)} tested, the best has "
            f"p = {result.p[columns][best]:.2g} (r = {result.r[columns][best]:.3f}), "
            f"{corrected[best]:.2g} after {correction}; selection.alpha is {alpha:g}. {CHECK[by]}; "
            f"otherwise raise selection.alpha, or {REMEDY}."
        )
    return columns[reject]


def _above(r: np.ndarray, columns: np.ndarray, min_r: float, by: By) -> np.ndarray:
    if not (passed := r[columns] >= min_r).any():
        raise InputError(
            f"No voxel has a mean r of {min_r:g} (selection.min_r): of {len(columns)}, the best "
            f"has {r[columns].max():.3f}. {CHECK[by]}; otherwise lower selection.min_r."
        )
    return columns[passed]


def _highest(values: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    # Stable: among equal values, the first voxels of the grid.
    return columns[np.argsort(-values[columns], kind="stable")][:n]


# --- checks before the runs are read --------------------------------------------------------------


def check_count(n_voxels: int, n_tested: int) -> None:
    """Raise an error if more voxels are requested than exist.

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
    """Raise an error if the smallest p of a test would not pass the correction.

    Parameters
    ----------
    smallest_p : float
        From :func:`mindvideo.fmri.reproducibility.smallest_p`.
    n_tested : int
        Number of voxels tested. Bonferroni's correction divides alpha by it; that of Benjamini and
        Hochberg leaves the smallest p unchanged if all voxels have it.
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
            f"{smallest_p:.3g}, but selection.alpha {alpha:g} ({correction}, {n_tested} voxels) "
            f"requires {level:.2g}: no voxel can be selected. Use at least {more} more training "
            "segments, set selection.statistic: t, or select without a test: selection.criterion: "
            "threshold or best (docs/explanation/fmri.md)."
        )
