"""Fixed positions of patches along one axis."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor


def sincos_positions(n_patches: int, dim: int) -> Tensor:
    """One-dimensional sine-cosine positions, after a row of zeros for the class token.

    Row ``1 + n`` is ``[sin(n·ω), cos(n·ω)]`` with ``ω_k = 10000^(-k / (dim/2))``
    (Vaswani et al. 2017, 3.5, in the layout of masked autoencoders, He et al. 2022).

    Parameters
    ----------
    n_patches
        Number of patches.
    dim
        Width of a token; even.

    Returns
    -------
    Tensor ``(1, 1 + n_patches, dim)``, float32

    Examples
    --------
    >>> positions = sincos_positions(n_patches=3, dim=4)
    >>> positions.shape
    torch.Size([1, 4, 4])
    >>> positions[0, 1].tolist()  # of patch 0: sines of 0, cosines of 0
    [0.0, 0.0, 1.0, 1.0]
    """
    if dim % 2:
        raise ValueError(f"positions need an even width, got {dim}")
    omega = 10000.0 ** -(torch.arange(dim // 2, dtype=torch.float64) / (dim // 2))
    angles = torch.outer(torch.arange(n_patches, dtype=torch.float64), omega)
    patches = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.cat([torch.zeros(1, dim), patches.float()])[None]


def resize_positions(positions: Tensor, n_patches: int) -> Tensor:
    """Positions for another number of patches: nearest row; the row of the class token stays.

    Parameters
    ----------
    positions
        ``(1, 1 + p, d)``
    n_patches
        The new p.

    Returns
    -------
    Tensor ``(1, 1 + n_patches, d)``

    Examples
    --------
    >>> positions = torch.arange(5.0).reshape(1, 5, 1)
    >>> resize_positions(positions, 8).flatten().tolist()
    [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]
    """
    first, patches = positions[:, :1], positions[:, 1:]
    if patches.shape[1] == n_patches:
        return positions.clone()
    resized = F.interpolate(rearrange(patches, "1 p d -> 1 d p"), size=n_patches, mode="nearest")
    return torch.cat([first, rearrange(resized, "1 d p -> 1 p d")], dim=1)
