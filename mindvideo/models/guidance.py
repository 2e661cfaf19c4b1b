"""Noise → latents → frames, away from one condition and towards another (paper 3.4, Eq. 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from mindvideo.sizes import check_steps

DECODED_AT_ONCE = 8
"""Frames that the VAE decodes together: bounds its memory, which is larger than the UNet's."""


@torch.no_grad()
def guided_noise(
    unet: nn.Module, scheduler: Any, latents: Tensor, t: Tensor, condition: Tensor, scale: float
) -> Tensor:
    """Noise in latents: ``ε(away) + scale·(ε(towards) − ε(away))``, both in one batch.

    Parameters
    ----------
    unet
        A video UNet; what it is given is in its precision.
    scheduler
        Scales its input.
    latents
        ``(b, c, f, h, w)`` at time `t`.
    condition
        ``(2·b, tokens, d)``: first those to go away from; without guidance ``(b, tokens, d)``.
    scale
        1 is no guidance.

    Returns
    -------
    Tensor ``(b, c, f, h, w)``
        In the precision of `latents`.
    """
    dtype, guided = next(unet.parameters()).dtype, scale != 1
    x = repeat(latents, "b ... -> (n b) ...", n=2 if guided else 1)
    x = scheduler.scale_model_input(x, t).to(dtype)  #                   (1 or 2)·b c f h w
    noise = unet(x, t, condition.to(dtype)).to(latents.dtype)
    if not guided:
        return noise
    away, towards = noise.chunk(2)  #                                           b c f h w
    return away + scale * (towards - away)  #                                   b c f h w


@torch.no_grad()
def denoise(
    unet: nn.Module,
    scheduler: Any,
    latents: Tensor,
    condition: Tensor,
    scale: float,
    steps: int,
    bar: Callable[[Any], Iterable[Any]] = iter,
) -> Tensor:
    """Noise of standard deviation 1 → clean latents, both ``(b, c, f, h, w)``.

    `condition` and `scale` as in :func:`guided_noise`; `bar` may watch the steps.
    """
    check_steps(steps, scheduler.config.num_train_timesteps)
    scheduler.set_timesteps(steps, device=latents.device)
    latents = latents * scheduler.init_noise_sigma
    for t in bar(scheduler.timesteps):
        noise = guided_noise(unet, scheduler, latents, t, condition, scale)
        latents = scheduler.step(noise, t, latents).prev_sample
    return latents


@torch.no_grad()
def decode_latents(vae: Any, latents: Tensor) -> np.ndarray:
    """Latents ``(b, c, f, h, w)`` → frames, uint8 ``(b, f, height, width, 3)``."""
    images = rearrange(latents, "b c f h w -> (b f) c h w") / vae.config["scaling_factor"]
    frames = []
    for some in images.to(vae.dtype).split(DECODED_AT_ONCE):
        pixels = (vae.decode(some).sample.float() + 1) * 127.5  # the VAE's are in -1…1
        frames.append(pixels.round().clamp(0, 255).to(torch.uint8).cpu())
    clips = rearrange(torch.cat(frames), "(b f) c h w -> b f h w c", b=len(latents))
    return np.ascontiguousarray(clips.numpy())
