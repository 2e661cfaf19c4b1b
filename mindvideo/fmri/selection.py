"""From the reproducibility of voxels to those that the encoder sees (paper 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy_order, labels_of
from mindvideo.fmri.reproducibility import Reproducibility

Correction = Literal["bonferroni", "fdr_bh"]


@dataclass(frozen=True)
class Selected:
    """The voxels chosen."""

    columns: np.ndarray
    """(n,) int, indices into the voxel axis, along the visual hierarchy."""
    n_tested: int
    """Voxels that the correction counts."""
    n_significant: int
    """Of these, how many pass it."""


def select(
    result: Reproducibility,
    labels: np.ndarray,
    *,
    alpha: float,
    correction: Correction,
    share: float,
    areas: Sequence[str] = (),
) -> Selected:
    """Significant voxels, of these the top `share` by t, in the order of the visual hierarchy.

    Parameters
    ----------
    result : Reproducibility
    labels : (n_voxels,) int
        Glasser labels 1…360.
    alpha : float
        Level after correction for the voxels tested.
    correction : {"bonferroni", "fdr_bh"}
    share : float
        Of the significant voxels, 0…1; at least one is kept.
    areas : sequence of str
        Only voxels of these are tested; empty: all.

    Raises
    ------
    InputError
        If no voxel is significant, or none can be tested.
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
    reject, corrected, _, _ = multipletests(result.p[columns], alpha=alpha, method=correction)
    significant = columns[reject]
    if not len(significant):
        best = int(np.argmin(result.p[columns]))
        raise InputError(
            f"No voxel responds reproducibly: of {len(columns)} tested, the best has "
            f"p = {result.p[columns][best]:.2g} (r = {result.r[columns][best]:.3f}), "
            f"{corrected[best]:.2g} after {correction}; selection.alpha is {alpha:g}. Check that "
            "the repeats of a segment show the same film and that dataset.timing is right; else "
            "raise selection.alpha, use correction: fdr_bh, or test fewer voxels "
            "(selection.areas: [V1, V2, V3, V4])."
        )
    n_kept = max(1, round(share * len(significant)))
    # Stable: among equal t, the first voxels of the grid.
    best_first = significant[np.argsort(-result.t[significant], kind="stable")]
    kept = np.sort(best_first[:n_kept])
    return Selected(kept[hierarchy_order(labels[kept])], len(columns), len(significant))
