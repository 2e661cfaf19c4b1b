"""Noise that the frames of a clip share, and that moves from frame to frame.

For the noise that denoising starts from, and that of the training examples.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from torch import Generator, Tensor
from torch.nn.functional import avg_pool2d

from mindvideo.errors import InputError

FINE = 4
"""Number of parts per side of an element of moving noise, which moves by whole parts."""


def noise_of_clips(
    shape: tuple[int, ...],
    generator: Generator | list[Generator] | None = None,
    *,
    shared: float = 0.0,
    motion: np.ndarray | None = None,
    device: torch.device | str = "cpu",
) -> Tensor:
    """White noise for the latents of several clips, of which frames share a part.

    ``√shared · common + √(1 − shared) · independent`` ("mixed noise"; Ge et al., "Preserve your own
    correlation", 2023).

    Parameters
    ----------
    shape
        ``(b, c, f, h, w)``.
    generator
        One per clip, or one for all.
    shared
        Fraction of the variance that the frames of a clip share, 0…1.
    motion : ndarray, shape (b, 3), optional
        Motion of the shared part in each clip, in the units of :func:`moving_noise`; by default it
        does not move.
    device
        Of the result.

    Returns
    -------
    Tensor, float32, ``(b, c, f, h, w)``

    Raises
    ------
    InputError
        If motion is of another shape, not finite, or of noise that is not shared.
    """
    if motion is not None:
        _check_motion(motion, shape[0], shared)
    place = torch.device(device)
    independent = randn_tensor(shape, generator=generator, device=place, dtype=torch.float32)
    if not shared:
        return independent
    if motion is None:
        one_frame = (*shape[:2], 1, *shape[3:])
        common = randn_tensor(one_frame, generator=generator, device=place, dtype=torch.float32)
    else:
        generators = generator if isinstance(generator, list) else [generator] * shape[0]
        moving = [moving_noise(shape[1:], *pair) for pair in zip(motion, generators)]
        common = torch.stack(moving).to(independent)
    return shared**0.5 * common + (1 - shared) ** 0.5 * independent


def _check_motion(motion: np.ndarray, clips: int, shared: float) -> None:
    if motion.shape != (clips, 3):
        raise InputError(
            f"motion of shape {motion.shape} for {clips} clips; expected ({clips}, 3): motion to "
            "the right, down, and expansion of each"
        )
    if not np.isfinite(motion).all():
        raise InputError("motion contains values that are not finite: compute it again")
    if not shared:
        raise InputError("motion needs shared_noise above 0: only noise that frames share can move")


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
