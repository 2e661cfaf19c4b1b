"""Motion of whole clips: tables of what was measured, and decoders that map a window to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, rows_of, save_table

MOTION = ["right", "down", "expansion"]
"""Translation to the right and down [widths and heights of the picture per frame], and expansion
[fraction per frame]."""


def save_motion(path: Path, clips: pd.DataFrame, motion: np.ndarray) -> None:
    """Write a table of clips (`segment`, `clip`) and their motion (n, 3)."""
    save_table(path, clips.assign(**dict(zip(MOTION, motion.T))))


def load_motion(path: Path, clips: pd.DataFrame) -> np.ndarray:
    """The motion (n, 3) of the clips that a table lists, in its order.

    Raises
    ------
    InputError
        If a clip is missing, or the motion of any is not finite.
    """
    table = load_table(path, ["segment", "clip", *MOTION])
    motion = table[MOTION].to_numpy(np.float64)[rows_of(clips, table, path)]
    if not np.isfinite(motion).all():
        raise InputError(
            f"{path}: values that are missing or not finite: compute it again with `mindvideo "
            "clip-motion`"
        )
    return motion


def save_decoder(path: Path, coef: np.ndarray, intercept: np.ndarray) -> None:
    """Write coefficients (3, n_features) and intercepts (3,) as one array (3, n_features + 1)."""
    np.save(path, np.column_stack([coef, intercept]))


def load_decoder(path: Path, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (3, n_features) and intercepts (3,), in the order of `MOTION`.

    Raises
    ------
    InputError
        If the array is for windows of another size.
    """
    both = np.load(path)
    if both.shape != (len(MOTION), n_features + 1):
        raise InputError(
            f"{path} has shape {both.shape}; expected {(len(MOTION), n_features + 1)}, since the "
            f"windows have {n_features} values each. Run the stage `motion` again on training "
            "windows of the same voxels and size"
        )
    return both[:, :-1], both[:, -1]
