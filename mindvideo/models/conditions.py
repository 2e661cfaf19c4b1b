"""Conditions given as tokens, in place of windows that the encoder turns into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mindvideo.models.precision import beside


@dataclass(frozen=True)
class Tokens:
    """Conditions of some clips, as the UNet reads them.

    Attributes
    ----------
    values : Tensor, shape (b, tokens, d)

    Examples
    --------
    >>> tokens = Tokens(torch.zeros(1, 77, 768)).repeated(4)
    >>> len(tokens), len(tokens[[0, 2]])
    (4, 2)
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Sequence[int] | np.ndarray | slice) -> Tokens:
        return Tokens(self.values[rows])

    def repeated(self, n: int) -> Tokens:
        """One condition (b = 1) for n clips."""
        return Tokens(self.values.expand(n, -1, -1))


@torch.no_grad()
def mean_tokens(encoder: nn.Module, windows: np.ndarray, batch_size: int = 64) -> Tokens:
    """Mean of an encoder's tokens over windows (n, w, v), which may lie on disk: b = 1.

    It is not the tokens of the mean window, since the encoder is not linear.
    """
    total: Tensor | float = 0.0
    for start in range(0, len(windows), batch_size):
        tokens = encoder(beside(encoder, torch.tensor(windows[start : start + batch_size])))
        total = total + tokens.cpu().double().sum(dim=0, keepdim=True)  #           1 tokens d
    return Tokens(torch.as_tensor(total / len(windows)).float())
