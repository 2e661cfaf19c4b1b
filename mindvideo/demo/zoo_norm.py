"""A group norm that trains faster on a CPU, where torch's backward takes half of a step."""

from __future__ import annotations

import torch
from torch import nn


class _GroupNorm(torch.autograd.Function):
    """y = (x − μ)/σ · γ + β with μ, σ over a group; backward as two sums and one pass."""

    @staticmethod
    def forward(ctx, x, weight, bias, n_groups, eps):  # type: ignore[override]
        b, c = x.shape[:2]
        n = x[0, 0].numel()
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        y, mean, rstd = torch.native_group_norm(x, weight, bias, b, c, n, n_groups, eps)
        ctx.save_for_backward(x, weight, mean.float(), rstd.float())
        ctx.n_groups = n_groups
        return y

    @staticmethod
    def backward(ctx, dy):  # type: ignore[override]
        x, weight, mean, rstd = ctx.saved_tensors
        weight = weight.float()
        b, c = x.shape[:2]
        groups = (b, ctx.n_groups, c // ctx.n_groups)
        n = x[0, 0].numel() * groups[2]
        mean, rstd = (v.repeat_interleave(groups[2], 1) for v in (mean, rstd))
        dy = dy.to(x.dtype)
        d1 = dy.flatten(2).sum(-1).float()
        d2 = (dy * x).flatten(2).sum(-1).float()
        dx_hat = rstd * (d2 - mean * d1)  # Σ dy · (x − μ)/σ, for each channel
        a = (weight * d1).view(groups).sum(-1, keepdim=True).expand(groups).reshape(b, c) / n
        k = (weight * dx_hat).view(groups).sum(-1, keepdim=True).expand(groups).reshape(b, c) / n
        # dx = σ⁻¹ (γ dy − ā − x̂ k̄)
        slope = -rstd * rstd * k
        dx = torch.addcmul(_wide(-rstd * a - slope * mean, x), dy, _wide(rstd * weight, x))
        dx = torch.addcmul(dx, x, _wide(slope, x))
        return dx, dx_hat.sum(0), d1.sum(0), None, None


def _wide(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.to(like.dtype).view(*values.shape, *(1,) * (like.ndim - 2))


class FastGroupNorm(nn.GroupNorm):
    """:class:`torch.nn.GroupNorm` with the backward above."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return _GroupNorm.apply(input, self.weight, self.bias, self.num_groups, self.eps)


def quicken(model: nn.Module, fast: bool = True) -> nn.Module:
    """Swap the group norms of a model in place, keeping their weights; `fast=False` swaps back."""
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            module.__class__ = FastGroupNorm if fast else nn.GroupNorm
    return model
