"""Masked brain modelling: the loss of the masked autoencoder (paper 3.3; He et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from mindvideo.training.datasets import Batch


@dataclass(frozen=True)
class MaskedModelling:
    """Mean squared error over the hidden patches of `volumes` (b, v).

    Attributes
    ----------
    mask_ratio : float
        Fraction of the patches that are hidden.
    """

    mask_ratio: float
    decomposes: ClassVar[bool] = True  # each volume hides the same number of patches

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss; logs the correlation of hidden voxels with their reconstruction."""
        volumes = batch["volumes"]
        loss, prediction, mask = model(volumes, self.mask_ratio, generator=generator)
        patches = rearrange(volumes, "b (p s) -> b p s", p=mask.shape[1])
        return loss, {"correlation": masked_correlation(prediction.detach(), patches, mask)}


def masked_correlation(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """Pearson correlation over all elements of the patches (b, p, s) where mask (b, p) is 1."""
    hidden = mask.bool()
    a, b = a[hidden].flatten().float(), b[hidden].flatten().float()
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12)
