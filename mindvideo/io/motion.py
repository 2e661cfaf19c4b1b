"""Decoders of how clips move as a whole: arrays that map a window to its clip's motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.errors import InputError

MOTION = ["right", "down", "growth"]
"""To the right and down [frame's widths and heights a frame], growth [share a frame]."""


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
            f"{path} has shape {both.shape}, {(len(MOTION), n_features + 1)} was needed: the "
            f"windows have {n_features} values each. Run the stage `motion` again on training "
            "windows of the same voxels and size"
        )
    return both[:, :-1], both[:, -1]
