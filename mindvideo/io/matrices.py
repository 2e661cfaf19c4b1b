"""Runs that are a matrix (volumes, voxels): pairs of GIFTI files, and plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Matrix:
    """A run's values in a file, which is read when they are needed."""

    shape: tuple[int, int]
    """(n_volumes, n_voxels)"""
    read: Callable[[], np.ndarray]
    """Reads all of them."""

    def columns(self, index: np.ndarray) -> np.ndarray:
        """Some voxels, (n_volumes, n) float32; those of each are contiguous in memory."""
        chosen = self.read()[:, index]
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(chosen.T, dtype=np.float32).T
