"""Denoising of video latents conditioned on captions, then on fMRI (paper 3.4).

===========  ==================================  ===================================
symbol       source                              here
===========  ==================================  ===================================
x_0          Ho et al. 2020, Eq. 14              ``latents`` (b, c, f, h, w)
ε, t         Ho et al. 2020, Eq. 14              ``noise``, ``times``
x_t          Ho et al. 2020, Eq. 4               ``noisy``
ε_θ(x_t, c)  paper, Eq. 5                        ``predicted``, given ``condition``
ᾱ_t          Ho et al. 2020, Eq. 4               ``scheduler.alphas_cumprod[times]``
v            Salimans & Ho 2022, appendix D      ``scheduler.get_velocity(…)``
SNR(t), γ    Hang et al. 2023, Eq. 8             ``snr``, ``min_snr``
===========  ==================================  ===================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from einops import rearrange
from torch import Tensor, nn

from mindvideo.models.checkpoints import Encoder
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.noise import noise_of_clips
from mindvideo.models.transfer import sent
from mindvideo.sizes import check_prediction
from mindvideo.training.augment import chosen, mix_repetitions, sparsify
from mindvideo.training.datasets import Batch

Condition = Callable[[Batch, torch.Generator], Tensor]


class FmriToVideo(nn.Module):
    """Encoder and UNet as one model, with the calling convention of the UNet alone."""

    def __init__(self, encoder: Encoder, unet: ClipDenoiser) -> None:
        super().__init__()
        self.encoder = encoder
        self.unet = unet

    def forward(self, latents: Tensor, timesteps: Tensor, fmri: Tensor) -> Tensor:
        """Latents (b, c, f, h, w), times (b,), windows (b, w, v) → prediction (b, c, f, h, w)."""
        return self.unet(latents, timesteps, self.encoder(fmri))


@dataclass(frozen=True)
class TextCondition:
    """The `text` tokens (b, tokens, d) of a batch; some become those of the empty caption.

    Attributes
    ----------
    empty : Tensor, shape (tokens, d)
    drop : float
        Probability of the replacement, for each example independently (Ho & Salimans 2022).
    """

    empty: Tensor
    drop: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        text = batch["text"]
        dropped = sent(torch.tensor(chosen(len(text), self.drop, generator)), text.device)
        empty = sent(self.empty, text.device).to(text)
        return torch.where(rearrange(dropped, "b -> b 1 1"), empty, text)


@dataclass(frozen=True)
class FmriCondition:
    """The windows of a batch, with a fraction `sparsify` of voxels set to zero.

    `fmri` is (b, w, v), or (b, r, w, v) with repetitions, which are averaged with random weights.
    """

    sparsify: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        return sparsify(mix_repetitions(batch["fmri"], generator), self.sparsify, generator)


@dataclass(frozen=True)
class Denoising:
    """Mean squared error of the noise predicted at a random time (Ho et al. 2020, Eq. 14).

    The batch's `latents` are (b, f, c, h, w), scaled as the UNet expects. All frames of a clip
    have the same time. If the batch has the `motion` of its clips (b, 3), the noise that their
    frames share moves with it (Burgert et al., "Go-with-the-Flow", 2025); motion is on the CPU.

    Attributes
    ----------
    scheduler : DDPMScheduler
        Noise schedule and type of prediction (`epsilon` or `v_prediction`).
    condition : Condition
        Batch → condition of the model.
    min_snr : float, optional
        Weight of an error: min(SNR, min_snr) / SNR at its time, or / (SNR + 1) for velocities
        (Hang et al. 2023, Eq. 8). By default all weights are 1.
    shared_noise : float
        Fraction of the noise's variance that the frames of a clip share
        (:func:`~mindvideo.models.noise.noise_of_clips`).
    """

    scheduler: Any  # a DDPMScheduler; diffusers' own types lack what its decorators add
    condition: Condition
    min_snr: float | None = None
    shared_noise: float = 0.0
    decomposes: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        latents = rearrange(batch["latents"], "b f c h w -> b c f h w")
        steps = self.scheduler.config.num_train_timesteps
        place = latents.device
        times = sent(torch.randint(steps, (len(latents),), generator=generator), place)
        noise = sent(self.noise_of(batch, generator), place).to(latents)
        condition = self.condition(batch, generator)
        noisy = self.scheduler.add_noise(latents, noise, times)  # Eq. 4 of Ho et al.
        predicted = model(noisy, times, condition)
        target = self._target(latents, noise, times)
        errors = F.mse_loss(predicted.float(), target, reduction="none").flatten(1).mean(dim=1)
        return (self._weights(times) * errors).mean(), {}  # Eq. 14 of Ho et al.

    def noise_of(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Noise (b, c, f, h, w) for a batch, on the CPU: it is the same for every device."""
        b, f, c, h, w = batch["latents"].shape
        motion = batch["motion"].numpy() if "motion" in batch else None
        return noise_of_clips((b, c, f, h, w), generator, shared=self.shared_noise, motion=motion)

    def _weights(self, times: Tensor) -> Tensor:
        """Weights (b,) of the errors at times (b,)."""
        if self.min_snr is None:
            return torch.ones(len(times), device=times.device)
        signal = self.scheduler.alphas_cumprod.to(times.device)[times]
        snr = signal / (1 - signal)
        is_velocity = self.scheduler.config.prediction_type == "v_prediction"
        return snr.clamp(max=self.min_snr) / (snr + is_velocity)  # Eq. 8 of Hang et al.

    def _target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        if self.scheduler.config.prediction_type == "v_prediction":
            return self.scheduler.get_velocity(latents, noise, times)
        return noise


def noise_schedule(scheduler: Any) -> Any:
    """The DDPMScheduler of the forward process that a sampler (DDIM, PNDM, …) reverses.

    Raises
    ------
    InputError
        If its model predicts neither noise nor velocity.
    """
    ddpm: Any = DDPMScheduler.from_config(scheduler.config)  # type: ignore[attr-defined]
    check_prediction(ddpm.config.prediction_type)
    return ddpm
