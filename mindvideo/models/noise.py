"""Starting noise that the frames of a clip share, and that moves from frame to frame."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d

FINE = 4
"""Number of parts per side of an element of moving noise, which moves by whole parts."""


def moving_noise(
    shape: tuple[int, ...], motion: np.ndarray, generator: Generator | None = None
) -> Tensor:
    """White noise that moves from frame to frame as a whole.

    The low frequencies of the starting noise determine where a U-Net places the content of a frame,
    so content follows noise that moves. The noise is drawn on a grid that is finer than the
    latents. Each frame is a window onto this grid, and an element of the latents is the sum of its
    parts (noise as an integral: Chang et al., "How I warped your noise", 2024). After a translation
    by any number of parts the noise is white; after an expansion or contraction, its standard
    deviation is set to 1 again.

    Parameters
    ----------
    shape
        Of a clip's latents, ``(c, f, h, w)``.
    motion : ndarray, shape (3,)
        Translation to the right and down [widths and heights of the picture per frame], and
        expansion [fraction per frame].
    generator
        Of the random draws; the noise is on its device.

    Returns
    -------
    Tensor, float32, ``(c, f, h, w)``
        The frame in the middle is not displaced.

    Examples
    --------
    Latents of 4 × 8 × 8 that move to the right by one of their 8 columns per frame:

    >>> motion = np.array([1 / 8, 0, 0])
    >>> noise = moving_noise((4, 6, 8, 8), motion, torch.Generator().manual_seed(0))
    >>> noise.shape
    torch.Size([4, 6, 8, 8])
    >>> torch.allclose(noise[:, 3, :, 1:], noise[:, 2, :, :-1], atol=1e-6)
    True
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
    """Coordinates relative to the centre → rows or columns of the field, which is periodic."""
    return ((centred + (size - 1) / 2).round().long() + size) % (3 * size)
