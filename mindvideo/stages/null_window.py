"""Average windows into the null window, the negative condition (paper 3.4, B)."""

from __future__ import annotations

import numpy as np

from mindvideo.settings.fmri import NullWindowSettings
from mindvideo.stages import Input, Output, chapter, makes


@chapter("fMRI")
@makes("windows", made_from=["windows"])
def main(*, windows: Input, null_window: Output, settings: NullWindowSettings) -> None:
    """Write the mean (size, n_voxels) float32 of windows (n_windows, size, n_voxels)."""
    mean = np.load(windows, mmap_mode="r").mean(axis=0, dtype=np.float64)
    np.save(null_window, mean.astype(np.float32))
