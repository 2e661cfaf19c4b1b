"""Transformer blocks over patches of fMRI, shared by encoder and autoencoder.

The names of the parts are those of the released weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.sizes import check_heads


class PatchEmbed(nn.Module):
    """Voxels → tokens: one linear map of each group of `patch_size` consecutive voxels."""

    def __init__(self, patch_size: int, embed_dim: int, in_chans: int = 1) -> None:
        super().__init__()
        self.proj = nn.Conv1d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, volumes: Tensor) -> Tensor:
        """(b, v) → (b, p, d)"""
        return rearrange(self.proj(rearrange(volumes, "b v -> b 1 v")), "b d p -> b p d")


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q·kᵀ / √d)·v: queries (b, h, n, d), keys and values (b, h, t, d) → (b, h, n, d)

    Where a processor trains in bf16, attention is computed in fp32: torch's backward pass of it is
    several times slower in bf16, and would take a third of a step.
    """
    if q.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled():
        with torch.autocast("cpu", enabled=False):
            return F.scaled_dot_product_attention(q.float(), k.float(), v.float()).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        check_heads(dim, num_heads)
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = rearrange(self.qkv(x), "b n (t h d) -> t b h n d", t=3, h=self.num_heads)
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """(b, n, d) → (b, n, d)"""
        out = attend(*self._heads(x))
        return self.proj(rearrange(out, "b h n d -> b n (h d)"))

    def weights(self, x: Tensor) -> Tensor:
        """The attention map ``(b, h, n, n)``, rows summing to 1: a slow path, for drawing only."""
        q, k, _ = self._heads(x)
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)


class Mlp(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(…, d) → (…, d)"""
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """Spatial attention → temporal attention (optional) → MLP; pre-norm, residual.

    Spatial attention is between the patches of one volume, temporal attention between the volumes
    of the window for one patch (paper 3.3). Temporal attention starts as the identity: its output
    projection is zero, so that a block that was trained without it is initially unchanged.
    """

    def __init__(
        self, dim: int, num_heads: int, mlp_ratio: float, *, use_temp_attn: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.use_temp_attn = use_temp_attn
        if use_temp_attn:
            self.norm_temp = nn.LayerNorm(dim)
            self.attn_temp = Attention(dim, num_heads)

    def forward(self, x: Tensor, window: int = 1) -> Tensor:
        """((b w), p, d) → ((b w), p, d), with `window` volumes w"""
        patches = x.shape[1]
        x = x + self.attn(self.norm1(x))  #                                (b w) p d
        if self.use_temp_attn:
            x = rearrange(x, "(b w) p d -> (b p) w d", w=window)  #        (b p) w d
            x = x + self.attn_temp(self.norm_temp(x))  #                   (b p) w d
            x = rearrange(x, "(b p) w d -> (b w) p d", p=patches)  #       (b w) p d
        return x + self.mlp(self.norm2(x))  #                              (b w) p d


def init_blocks(root: nn.Module) -> None:
    """Initialise the weights of `root` as in masked autoencoders (He et al. 2022, A.1); in place.

    Linear maps and the patch embedding: Xavier uniform, bias zero; layer norms: one and zero;
    then the output projections of temporal attention: zero.
    """
    for module in root.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, PatchEmbed):
            nn.init.xavier_uniform_(module.proj.weight.flatten(1))
    for module in root.modules():
        if isinstance(module, Block) and module.use_temp_attn:
            nn.init.zeros_(module.attn_temp.proj.weight)
            nn.init.zeros_(module.attn_temp.proj.bias)


def count_patches(num_voxels: int, patch_size: int) -> int:
    """Number of patches in a volume, which the voxels must fill.

    Raises
    ------
    InputError
        If `num_voxels` is not a multiple of `patch_size`.
    """
    if num_voxels <= 0 or num_voxels % patch_size:
        raise InputError(
            f"{num_voxels} voxels do not fill patches of {patch_size}: pad them with zeros to "
            f"{-(-max(num_voxels, 1) // patch_size) * patch_size} (the stage `windows` does)"
        )
    return num_voxels // patch_size
