"""Denoising of video latents under a condition: captions, then fMRI (paper 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from einops import rearrange
from torch import Tensor, nn

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.video_unet import VideoUNet
from mindvideo.sizes import check_prediction
from mindvideo.training.augment import chosen, sparsify
from mindvideo.training.datasets import Batch

Condition = Callable[[Batch, torch.Generator], Tensor]


class FmriToVideo(nn.Module):
    """Encoder and UNet as one model, with the calling convention of the UNet alone."""

    def __init__(self, encoder: FmriEncoder, unet: VideoUNet) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = unet

    def forward(self, latents: Tensor, timesteps: Tensor, fmri: Tensor) -> Tensor:
        """(b, c, f, h, w), (b,), (b, w, v) → (b, c, f, h, w)"""
        return self.unet(latents, timesteps, self.encoder(fmri))


@dataclass(frozen=True)
class TextCondition:
    """The `text` tokens (b, tokens, d) of a batch, some replaced by those of the empty caption.

    Attributes
    ----------
    empty : Tensor, shape (tokens, d)
    drop : float
        Probability of the replacement (Ho & Salimans 2022), drawn for each example.
    """

    empty: Tensor
    drop: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        text = batch["text"]
        dropped = torch.tensor(chosen(len(text), self.drop, generator), device=text.device)
        return torch.where(rearrange(dropped, "b -> b 1 1"), self.empty.to(text), text)


@dataclass(frozen=True)
class FmriCondition:
    """The windows `fmri` (b, w, v) of a batch, with a share of their voxels at zero."""

    sparsify: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        return sparsify(batch["fmri"], self.sparsify, generator)


@dataclass(frozen=True)
class Denoising:
    """Mean squared error of the predicted noise at a random time (Ho et al. 2020, Eq. 14).

    The batch's `latents` are (b, f, c, h, w), scaled as the UNet wants them. All frames of a clip
    share one time step.

    Attributes
    ----------
    scheduler : DDPMScheduler
        Noise schedule and meaning of the prediction (`epsilon` or `v_prediction`).
    condition : Condition
        Batch → what the model gets beside latents and times.
    min_snr : float, optional
        Weigh a time's error by min(SNR, min_snr) / SNR (Hang et al. 2023, Eq. 8), where SNR is
        that of the latents at that time; for velocities over SNR + 1. Without, all weigh alike.
    """

    scheduler: Any  # a DDPMScheduler; diffusers' own types lack what its decorators add
    condition: Condition
    min_snr: float | None = None
    decomposes: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents = rearrange(batch["latents"], "b f c h w -> b c f h w")
        steps = self.scheduler.config.num_train_timesteps
        times = torch.randint(steps, (len(latents),), generator=generator).to(latents.device)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        condition = self.condition(batch, generator)
        noisy = self.scheduler.add_noise(latents, noise, times)
        predicted = model(noisy, times, condition)
        target = self._target(latents, noise, times)
        errors = F.mse_loss(predicted.float(), target, reduction="none").flatten(1).mean(dim=1)
        return (self._weights(times) * errors).mean(), {}

    def _weights(self, times: Tensor) -> Tensor:
        """(b,) → (b,)"""
        if self.min_snr is None:
            return torch.ones(len(times), device=times.device)
        signal = self.scheduler.alphas_cumprod.to(times.device)[times]
        snr = signal / (1 - signal)
        is_velocity = self.scheduler.config.prediction_type == "v_prediction"
        return snr.clamp(max=self.min_snr) / (snr + is_velocity)

    def _target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        if self.scheduler.config.prediction_type == "v_prediction":
            return self.scheduler.get_velocity(latents, noise, times)
        return noise


def noise_schedule(scheduler: Any) -> Any:
    """The DDPMScheduler of the process that a sampler (DDIM, PNDM, …) undoes.

    Raises
    ------
    InputError
        If its model predicts something else than noise or velocity.
    """
    made: Any = DDPMScheduler.from_config(scheduler.config)  # type: ignore[attr-defined]
    check_prediction(made.config.prediction_type)
    return made
