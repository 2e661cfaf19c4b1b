"""Noise → latents → frames, under adversarial guidance (paper 3.4, Eq. 6).

==============  =========================  =========================================================
paper           here                       meaning
==============  =========================  =========================================================
z_t             ``latents``                noisy latents at time `t`: (b, c, f, h, w)
ε_θ(·)          ``unet``                   predicts the noise in latents under a condition
c, x            ``condition[b:]``          tokens of the windows to reconstruct: (b, tokens, d)
c̄, x̄            ``condition[:b]``          tokens of the negative condition: (b, tokens, d)
s               ``scale``                  guidance scale; 1 is no guidance (paper B: 12.5)
ε_θ(z_t, c)     ``positive``               noise under the condition
ε_θ(z_t, c̄)     ``negative``               noise under the negative condition
ε̂_θ             :func:`guided_noise`       guided noise (Eq. 6)
==============  =========================  =========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.sizes import check_steps

DECODED_AT_ONCE = 8
"""Frames that the VAE decodes together; limits its memory, which is larger than the UNet's."""


@torch.no_grad()
def guided_noise(
    unet: nn.Module,
    scheduler: Any,
    latents: Tensor,
    t: Tensor,
    condition: Any,
    scale: float,
) -> Tensor:
    """Noise in latents: ``ε(negative) + scale·(ε(positive) − ε(negative))``, both in one batch.

    Parameters
    ----------
    unet
        A denoiser of clips; its inputs are converted to its precision.
    scheduler
        Scales the input of the UNet.
    latents
        ``(b, c, f, h, w)`` at time `t`.
    condition
        ``(2·b, tokens, d)``, the negative ones first; without guidance ``(b, tokens, d)``. Or
        what the denoiser has projected of them, in its precision.
    scale
        s; 1 is no guidance.

    Returns
    -------
    Tensor ``(b, c, f, h, w)``
        In the precision of `latents`.

    Examples
    --------
    A UNet that predicts the mean of its condition, as 1 under the negative condition and as 3
    under the other:

    >>> class Mean(torch.nn.Linear):
    ...     def forward(self, latents, t, condition):
    ...         return latents * 0 + condition.mean((1, 2))[:, None, None, None, None]
    >>> from diffusers import DDIMScheduler
    >>> condition = torch.stack([torch.full((5, 8), 1.0), torch.full((5, 8), 3.0)])
    >>> latents, t = torch.zeros(1, 4, 2, 8, 8), torch.tensor(10)
    >>> guided_noise(Mean(1, 1), DDIMScheduler(), latents, t, condition, scale=2.0).unique()
    tensor([5.])
    """
    dtype, guided = next(unet.parameters()).dtype, scale != 1
    x = repeat(latents, "b ... -> (n b) ...", n=2 if guided else 1)
    x = scheduler.scale_model_input(x, t).to(dtype)  #                   (1 or 2)·b c f h w
    if isinstance(condition, Tensor):
        condition = condition.to(dtype)
    noise = unet(x, t, condition).to(latents.dtype)
    if not guided:
        return noise
    negative, positive = noise.chunk(2)  #                                      b c f h w
    return negative + scale * (positive - negative)  #                   Eq. 6: b c f h w


@torch.no_grad()
def denoise(
    unet: ClipDenoiser,
    scheduler: Any,
    latents: Tensor,
    condition: Tensor,
    scale: float,
    steps: int,
    bar: Callable[[Any], Iterable[Any]] = iter,
) -> Tensor:
    """Noise of standard deviation 1 → clean latents, both ``(b, c, f, h, w)``.

    `condition` and `scale` as in :func:`guided_noise`; `bar` may show the progress of the steps.
    """
    check_steps(steps, scheduler.config.num_train_timesteps)
    projected = unet.project(condition.to(unet.dtype))
    scheduler.set_timesteps(steps, device=latents.device)
    latents = latents * scheduler.init_noise_sigma
    for t in bar(scheduler.timesteps):
        noise = guided_noise(unet, scheduler, latents, t, projected, scale)
        latents = scheduler.step(noise, t, latents).prev_sample
    return latents


@torch.no_grad()
def decode_latents(vae: Any, latents: Tensor) -> np.ndarray:
    """Latents ``(b, c, f, h, w)`` → frames, uint8 ``(b, f, height, width, 3)``."""
    images = rearrange(latents, "b c f h w -> (b f) c h w") / vae.config["scaling_factor"]
    frames = []
    for batch in images.to(vae.dtype).split(DECODED_AT_ONCE):
        pixels = (vae.decode(batch).sample.float() + 1) * 127.5  # the VAE's output is in -1…1
        frames.append(pixels.round().clamp(0, 255).to(torch.uint8).cpu())
    clips = rearrange(torch.cat(frames), "(b f) c h w -> b f h w c", b=len(latents))
    return np.ascontiguousarray(clips.numpy())
