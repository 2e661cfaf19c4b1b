"""Similarity of matching rows of two matrices against all other pairs (paper 3.3, Eq. 3)."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor


def clip_loss(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """L_CLIP(a, b) = CrossEntropy(ε·a·bᵀ, [0, 1, …, n−1]), averaged over both directions.

    The paper writes one direction and cites CLIP (Radford et al. 2021), whose loss is the mean of
    the cross-entropies over rows and over columns, as here.

    Parameters
    ----------
    a, b : Tensor, shape (n, d)
        Embeddings of unit length; row i of both belongs to example i.
    scale : Tensor, shape ()
        ε of the paper.
    """
    logits = scale * a @ b.T
    labels = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def retrieval(a: Tensor, b: Tensor, k: int) -> Tensor:
    """Top-k accuracy: fraction of rows of a (n, d) whose match in b (n, d) is among the k nearest.

    Similarity is the inner product. Rows of b that are exactly as similar as the match do not
    count against it, so that clips with equal captions are all correct.
    """
    similarity = a @ b.T
    better = (similarity > similarity.diagonal()[:, None]).sum(dim=1)
    return (better < k).float().mean()


def gather(rows: Tensor) -> Tensor:
    """Gather rows (b, d) of all processes, (n_processes·b, d), with gradients to each process's."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    gathered = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, rows.detach().contiguous())
    # Each process computes the whole loss, but only its rows carry a gradient there. Scaled by the
    # number of processes, the mean over processes is the gradient of the whole loss.
    fixed = rows.detach()
    gathered[dist.get_rank()] = fixed + dist.get_world_size() * (rows - fixed)
    return torch.cat(gathered)
