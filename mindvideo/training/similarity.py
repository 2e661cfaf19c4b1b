"""Rows of two matrices that belong together, against all that do not (paper 3.3, Eq. 3)."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def clip_loss(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """CrossEntropy(scale·a·bᵀ, [0, 1, …, n−1]), averaged over both directions.

    The paper writes one direction and cites CLIP (Radford et al. 2021), whose loss is the mean of
    those over rows and over columns; so is this.

    Parameters
    ----------
    a, b : Tensor, shape (n, d)
        Of unit length; row i of both belongs to example i.
    scale : Tensor, shape ()
    """
    logits = scale * a @ b.T
    labels = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def retrieval(a: Tensor, b: Tensor, k: int) -> Tensor:
    """Share of the rows of a (n, d) whose own row of b (n, d) is among the k most similar.

    Similarity is the inner product; rows of b that are as similar as the own one do not count
    against it, so that equal captions are all right answers.
    """
    similarity = a @ b.T
    better = (similarity > similarity.diagonal()[:, None]).sum(dim=1)
    return (better < k).float().mean()


def gather(rows: Tensor) -> Tensor:
    """Rows (b, d) of all processes, (processes·b, d); gradients flow back to where they belong."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    others = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(others, rows.detach().contiguous())
    # Each process computes the whole loss but only its own rows carry a gradient, once in each
    # process: times the number of processes, the mean over them is the gradient of the whole.
    fixed = rows.detach()
    others[dist.get_rank()] = fixed + dist.get_world_size() * (rows - fixed)
    return torch.cat(others)
