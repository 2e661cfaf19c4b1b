"""Similarity of matching rows of two matrices against all other pairs (paper 3.3, Eq. 3)."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from mindvideo.training.shares import sizes_of_shares


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


def n_processes() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(rows: Tensor, total: int) -> Tensor:
    """Gather the rows (b, d) of all processes, with gradients to each process's.

    Parameters
    ----------
    rows : Tensor, shape (b, d)
        Those of this process's share of the batch
        (:func:`mindvideo.training.shares.sizes_of_shares`).
    total : int
        Examples in the batch of all processes.

    Returns
    -------
    Tensor, shape (total, d)
    """
    if n_processes() == 1:
        return rows
    sizes = sizes_of_shares(total, n_processes())
    fixed = rows.detach()
    padded = fixed.new_zeros(max(sizes), *rows.shape[1:])  # all_gather needs equal shapes
    padded[: len(rows)] = fixed
    gathered = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(gathered, padded)
    gathered = [share[:size] for share, size in zip(gathered, sizes)]
    # Each process computes the whole loss, but only its rows carry a gradient there. Scaled by the
    # number of processes, the mean over processes is the gradient of the whole loss.
    gathered[dist.get_rank()] = fixed + n_processes() * (rows - fixed)
    return torch.cat(gathered)
