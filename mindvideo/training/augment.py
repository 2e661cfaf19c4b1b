"""Augmentations of the contrastive stage (paper B). All random numbers come from a generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mindvideo.models.transfer import sent


def sparsify(fmri: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Set a fraction of the voxels of each example to zero, in all volumes of its window.

    Parameters
    ----------
    fmri : Tensor, shape (b, ..., v)
        Windows or volumes; not changed.
    fraction : float
        Fraction of the voxels, rounded to whole voxels.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (b, ..., v)
    """
    n_examples, n_voxels = fmri.shape[0], fmri.shape[-1]
    n_zero = round(fraction * n_voxels)
    if not n_zero:
        return fmri
    order = torch.rand(n_examples, n_voxels, generator=generator).argsort(dim=1)
    keep = torch.ones(n_examples, n_voxels).scatter_(1, order[:, :n_zero], 0.0)
    shape = (n_examples, *[1] * (fmri.ndim - 2), n_voxels)
    return fmri * sent(keep.view(shape), fmri.device).to(fmri)


def mix_repetitions(fmri: Tensor, generator: torch.Generator) -> Tensor:
    """Average the repetitions of each example with random weights.

    The weights of an example are uniform among all that are positive and sum to 1.

    Parameters
    ----------
    fmri : Tensor, shape (b, r, w, v) or (b, w, v)
        Windows of each repetition. Windows that are averaged already are returned unchanged.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (b, w, v)
    """
    if fmri.ndim == 3:
        return fmri
    weights = torch.empty(fmri.shape[:2]).exponential_(generator=generator)
    weights /= weights.sum(dim=1, keepdim=True)  # Dirichlet, with all parameters 1
    return torch.einsum("b r w v, b r -> b w v", fmri, sent(weights, fmri.device).to(fmri))


def crop(frame: np.ndarray, generator: torch.Generator, side: float = 0.8) -> np.ndarray:
    """Cut a window out of a frame, at a random place.

    Parameters
    ----------
    frame : array, shape (h, w, 3)
    generator : torch.Generator
    side : float
        Height and width of the window, as fractions of the frame's (0.8: Chen et al., CVPR 2023).

    Returns
    -------
    array, shape (round(side·h), round(side·w), 3)
        A view.
    """
    height, width = round(side * frame.shape[0]), round(side * frame.shape[1])
    top = draw(frame.shape[0] - height + 1, generator)
    left = draw(frame.shape[1] - width + 1, generator)
    return frame[top : top + height, left : left + width]


def chosen(n: int, probability: float, generator: torch.Generator) -> list[bool]:
    """Choose each of n examples independently, with the same probability."""
    return (torch.rand(n, generator=generator) < probability).tolist()


def draw(n: int, generator: torch.Generator) -> int:
    """Draw one of 0, …, n−1 at random."""
    return int(torch.randint(n, (), generator=generator))
