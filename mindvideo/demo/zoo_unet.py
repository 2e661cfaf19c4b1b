"""The zoo's text-to-image denoiser: Stable Diffusion 1.5's parts, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch.nn import functional as F
from transformers import CLIPTextModel, CLIPTokenizer

from mindvideo.demo.zoo_clip import PARAPHRASES, tokenize
from mindvideo.demo.zoo_norm import quicken
from mindvideo.demo.zoo_training import fit

Model = Any  # a diffusers model, whose wrapped methods type checkers cannot follow
MAX_SNR = 5.0
DROP_CAPTION = 0.1  # fraction of empty captions, for guidance (Ho & Salimans 2022)


def new_unet(text_width: int, sample_size: int) -> Model:
    """The untrained model."""
    return UNet2DConditionModel(
        sample_size=sample_size,
        in_channels=4,
        out_channels=4,
        # Attention only at 8 × 8: at 16 × 16 it would double the time of every step.
        block_out_channels=(64, 96),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_scheduler() -> Any:
    """Stable Diffusion 1.5's noise schedule."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def train(
    latents: torch.Tensor,
    texts: torch.Tensor,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    *,
    steps: int,
    batch_size: int,
    seed: int,
    state: Path,
) -> Model:
    """Train to predict the noise in scaled latents (n, 4, h, w), given texts (n, captions, 32)."""
    torch.manual_seed(seed)
    model = new_unet(text_encoder.config.hidden_size, latents.shape[-1])
    quicken(model.to(memory_format=torch.channels_last))
    scheduler = new_scheduler()
    empty = tokenize(tokenizer, [""])
    # Min-SNR weights (Hang 2023): without them, nearly clean latents dominate the training.
    snr = scheduler.alphas_cumprod / (1 - scheduler.alphas_cumprod)
    weights = snr.clamp(max=MAX_SNR) / snr

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        text = texts[rows, torch.randint(PARAPHRASES, (len(rows),), generator=rng)]
        dropped = torch.rand(len(rows), 1, generator=rng) < DROP_CAPTION
        with torch.no_grad():
            condition = text_encoder(torch.where(dropped, empty, text)).last_hidden_state
        clean = latents[rows].contiguous(memory_format=torch.channels_last)
        noise = torch.randn(clean.shape, generator=rng)
        times = torch.randint(1000, (len(rows),), generator=rng)
        noisy = scheduler.add_noise(clean, noise, times)
        error = F.mse_loss(model(noisy, times, condition).sample.float(), noise, reduction="none")
        return (weights[times] * error.mean(dim=(1, 2, 3))).mean()

    fit(
        model,
        objective,
        name="unet",
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(latents),
        lr=1e-3,
        seed=seed,
    )
    quicken(model, fast=False)
    return model


@torch.no_grad()
def generate_images(
    captions: list[str],
    *,
    unet: Model,
    vae: Model,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    steps: int = 25,
    guidance: float = 4.0,
    seed: int = 0,
) -> np.ndarray:
    """Generate pictures from captions, uint8 (n, h, w, 3): DDIM with classifier-free guidance."""
    scheduler = new_scheduler()
    scheduler.set_timesteps(steps)
    tokens = tokenize(tokenizer, captions + [""] * len(captions))
    condition = text_encoder(tokens).last_hidden_state
    size = unet.config.sample_size
    x = torch.randn(len(captions), 4, size, size, generator=torch.Generator().manual_seed(seed))
    for t in scheduler.timesteps:
        with_text, without = unet(torch.cat([x, x]), t, condition).sample.chunk(2)
        x = scheduler.step(without + guidance * (with_text - without), t, x).prev_sample
    images = vae.decode(x / vae.config.scaling_factor).sample
    return ((images.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
