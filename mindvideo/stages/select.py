"""Find the voxels whose response repeats, over the training segments."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import area_of
from mindvideo.fmri.reproducibility import over_segments, segment_z
from mindvideo.fmri.selection import select
from mindvideo.io.runs import read_labels, write_map
from mindvideo.progress import progress
from mindvideo.settings import Selection
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)


def main(
    *,
    cleaned: Inputs,
    regions: Input,
    r: Output,
    z: Output,
    t: Output,
    p: Output,
    mask: Output,
    voxels: Output,
    settings: Selection,
) -> None:
    """Write maps of r, z, t, p and of the voxels selected, and these as a table.

    Voxels that could not be tested have r = z = t = 0 and p = 1 in the maps. The table's rows run
    along the visual hierarchy; its `column` is the index into the voxel axis of the cleaned runs.
    """
    volume, grid = read_labels(regions)
    cortex = volume > 0
    labels = volume[cortex]
    values = []
    for path in progress(cleaned, desc="reproducibility", unit="segment"):
        repeats = np.load(path, mmap_mode="r")
        if repeats.shape[2] != len(labels):
            raise InputError(
                f"{path} has {repeats.shape[2]} voxels, the regions {len(labels)}: they belong to "
                "different subjects or grids. Clean the runs anew."
            )
        try:
            values.append(segment_z(repeats))
        except InputError as error:
            raise InputError(f"{path.stem}: {error}") from error
    result = over_segments(values, settings.tail)
    chosen = select(
        result,
        labels,
        alpha=settings.alpha,
        correction=settings.correction,
        share=settings.share,
        areas=settings.areas,
    )
    log.info(
        "%d voxels tested, %d significant (%s, P < %g), %d selected: r from %.3f to %.3f",
        chosen.n_tested, chosen.n_significant, settings.correction, settings.alpha,
        len(chosen.columns), result.r[chosen.columns].min(), result.r[chosen.columns].max(),
    )  # fmt: skip

    for path, statistic, untested in ((r, "r", 0), (z, "z", 0), (t, "t", 0), (p, "p", 1)):
        write_map(path, np.where(result.valid, getattr(result, statistic), untested), cortex, grid)
    is_chosen = np.zeros(len(labels), dtype=bool)
    is_chosen[chosen.columns] = True
    write_map(mask, is_chosen, cortex, grid)

    ijk = np.argwhere(cortex)[chosen.columns]
    pd.DataFrame(
        {
            "column": chosen.columns,
            **dict(zip("ijk", ijk.T)),
            "label": labels[chosen.columns],
            "area": [area_of(label) for label in labels[chosen.columns]],
            **{name: getattr(result, name)[chosen.columns] for name in ("r", "t", "p")},
        }
    ).to_csv(voxels, sep="\t", index=False, float_format="%.6g")
