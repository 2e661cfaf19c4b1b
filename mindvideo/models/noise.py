"""Starting noise that a clip's frames have in common, and that moves from one to the next."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d

FINE = 4
"""Parts along a side into which an element of moving noise is cut: it moves by whole parts."""


def moving_noise(
    shape: tuple[int, ...], motion: np.ndarray, generator: Generator | None = None
) -> Tensor:
    """White noise that moves from frame to frame as one picture.

    What a U-Net makes of noise stands where the noise has its blobs, so if these move, it moves.
    The noise is drawn on a grid that is finer than the latents; each frame looks at another part
    of it, and sums what lies in an element (noise as an integral: Chang et al., "How I warped your
    noise", 2024). Shifted by any number of parts it stays white; as it grows or shrinks, its
    standard deviation is set to 1 anew.

    Parameters
    ----------
    shape
        Of a clip's latents, ``(c, f, h, w)``.
    motion : ndarray, shape (3,)
        Translation to the right and down [widths and heights of the picture per frame], and
        expansion [fraction per frame].
    generator
        Source of the draw; the noise is on its device.

    Returns
    -------
    Tensor, float32, ``(c, f, h, w)``
        The frame in the middle is where it was drawn; those before and after it have moved.
    """
    c, f, h, w = shape
    high, wide = FINE * h, FINE * w
    device = generator.device if generator else None
    size = (c, 3 * high, 3 * wide)  # a frame more on each side
    field = torch.randn(size, generator=generator, device=device)
    right, down, expansion = motion.tolist()
    y = torch.arange(high) - (high - 1) / 2
    x = torch.arange(wide) - (wide - 1) / 2
    frames = []
    for t in (i - (f - 1) / 2 for i in range(f)):
        scale = math.exp(expansion * t)
        rows = _places((y - down * high * t) / scale, high)
        columns = _places((x - right * wide * t) / scale, wide)
        frame = avg_pool2d(field[:, rows[:, None], columns], FINE) * FINE  #            c h w
        frames.append(frame / frame.std() if expansion else frame)
    return torch.stack(frames, dim=1)


def _places(centred: Tensor, size: int) -> Tensor:
    """Coordinates about the middle → rows or columns of the field, which begins anew at its end."""
    return ((centred + (size - 1) / 2).round().long() + size) % (3 * size)
