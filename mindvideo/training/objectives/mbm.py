"""Masked brain modelling: the loss of the masked autoencoder (paper 3.3; He et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from mindvideo.models.masked_autoencoder import draw_order
from mindvideo.models.transfer import sent
from mindvideo.training.datasets import Batch


@dataclass(frozen=True)
class MaskedModelling:
    """Mean squared error over the hidden patches of `volumes` (b, v).

    Attributes
    ----------
    mask_ratio : float
        Fraction of the patches that are hidden.
    patch_size : int
        Voxels in a patch.
    """

    mask_ratio: float
    patch_size: int
    decomposes: ClassVar[bool] = True  # each volume hides the same number of patches

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss; logs the correlation of hidden voxels with their reconstruction."""
        volumes = batch["volumes"]
        patches = rearrange(volumes, "b (p s) -> b p s", s=self.patch_size)
        n, count = patches.shape[:2]
        order, keep = draw_order(n, count, self.mask_ratio, generator)
        order = sent(order, volumes.device)
        loss, prediction, _ = model(volumes, order, keep)
        hidden = order[:, keep:].sort(dim=1).values
        return loss, {"correlation": hidden_correlation(prediction.detach(), patches, hidden)}


def hidden_correlation(a: Tensor, b: Tensor, hidden: Tensor) -> Tensor:
    """Pearson correlation over all elements of the `hidden` (b, h) of the patches (b, p, s)."""
    places = repeat(hidden, "b h -> b h s", s=a.shape[2])  # a mask would have a GPU count first
    a, b = a.gather(1, places).flatten().float(), b.gather(1, places).flatten().float()
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12)
