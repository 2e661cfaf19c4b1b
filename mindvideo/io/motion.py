"""Decoders of the motion of whole clips: arrays that map a window of fMRI to its clip's motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mindvideo.errors import InputError

MOTION = ["right", "down", "expansion"]
"""Translation to the right and down [widths and heights of the picture per frame], and expansion
[fraction per frame]."""


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
