"""What all encoders of windows have in common, whatever is between window and tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mindvideo.errors import InputError


class WindowEncoder(ABC):
    """Base of the models that encode a window as tokens, and as an embedding in CLIP's space.

    To be combined with a diffusers model whose configuration has `window_size`, `num_voxels`,
    `out_channel` and `out_dim` (number and width of the tokens), and `voxels` (digest of the table
    of voxels that the windows were cut from, if known).
    """

    config: Mapping[str, Any]
    dtype: torch.dtype
    device: torch.device

    @abstractmethod
    def embedding_of(self, fmri: Tensor) -> Tensor:
        """Windows (b, w, v) → their embeddings (b, o), of any length."""

    @abstractmethod
    def freeze_embedding(self) -> None:
        """Freeze what only the embedding depends on, and not the tokens; in place."""

    @abstractmethod
    def set_dropout(self, p: float) -> None:
        """Change the probability of dropout in the head; in place."""

    @torch.no_grad()
    def embed(self, windows: np.ndarray, batch_size: int = 64) -> Tensor:
        """Embeddings (n, o) of unit length of windows (n, w, v), which may lie on disk."""
        parts = []
        for start in range(0, len(windows), batch_size):
            part = torch.tensor(windows[start : start + batch_size], dtype=self.dtype)
            parts.append(F.normalize(self.embedding_of(part.to(self.device)).float(), dim=-1))
        return torch.cat(parts)

    def check_windows(self, fmri: Tensor) -> int:
        """The number of volumes in a window.

        Raises
        ------
        InputError
            If windows do not have the size of the encoder's input.
        """
        expected = (self.config["window_size"], self.config["num_voxels"])
        if fmri.ndim != 3 or tuple(fmri.shape[1:]) != expected:
            raise InputError(
                f"fMRI of shape {tuple(fmri.shape)}; the encoder needs (windows, {expected[0]} "
                f"volumes, {expected[1]} voxels): use windows of the subject and of the window "
                "size that it was trained with"
            )
        return expected[0]
