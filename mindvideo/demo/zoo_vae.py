"""The zoo's autoencoder: 64 × 64 pictures ↔ latents of 4 × 16 × 16, as Stable Diffusion's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models import AutoencoderKL
from torch import nn

from mindvideo.demo.zoo_examples import Pictures, as_tensor
from mindvideo.demo.zoo_norm import quicken
from mindvideo.demo.zoo_training import fit

Model = Any  # an AutoencoderKL, whose wrapped methods type checkers cannot follow
# Weight of the Kullback-Leibler term: large enough to keep latents near unit variance and the
# decoder robust to small errors of a denoiser, too small to blur.
KL_WEIGHT = 5e-4
NOISE = 0.05  # on unit latents, while the decoder is tuned


def new_vae() -> Model:
    """The untrained model."""
    widths = (32, 64, 64)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=16,
        sample_size=64,
    )


def train(pictures: Pictures, *, steps: int, batch_size: int, seed: int, state: Path) -> Model:
    """Train on pictures, then set the scaling factor that gives latents unit variance."""
    torch.manual_seed(seed)
    model = new_vae().to(memory_format=torch.channels_last)
    quicken(model)

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        images = _pictures(pictures, rows)
        posterior = model.encode(images).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=rng)
        decoded = model.decode(posterior.mean + posterior.std * noise).sample.float()
        divergence = posterior.kl().float().mean() / posterior.mean[0].numel()
        return _distance(decoded, images) + KL_WEIGHT * divergence

    fit(
        model,
        objective,
        name="vae",
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(pictures.images),
        lr=2e-3,
        seed=seed,
    )
    quicken(model, fast=False)
    model.register_to_config(scaling_factor=1 / float(encode(model, pictures.images[:2000]).std()))
    return model


def tune_decoder(
    model: Model, pictures: Pictures, *, steps: int, batch_size: int, seed: int, state: Path
) -> None:
    """Train the decoder further, in place; the latents stay the same for the denoiser."""
    quicken(model.to(memory_format=torch.channels_last))
    decoder = nn.ModuleList([model.post_quant_conv, model.decoder])

    def objective(rows: np.ndarray, rng: torch.Generator) -> torch.Tensor:
        images = _pictures(pictures, rows)
        with torch.no_grad():
            mean = model.encode(images).latent_dist.mean
            noise = NOISE / model.config.scaling_factor * torch.randn(mean.shape, generator=rng)
        return _distance(model.decode(mean + noise).sample.float(), images)

    fit(
        decoder,
        objective,
        name="decoder",
        state=state,
        steps=steps,
        batch_size=batch_size,
        n_examples=len(pictures.images),
        lr=1.5e-3,
        seed=seed + 1,
    )
    quicken(model.eval(), fast=False)


def _pictures(pictures: Pictures, rows: np.ndarray) -> torch.Tensor:
    images = 2 * as_tensor(pictures.images[rows]) - 1
    return images.contiguous(memory_format=torch.channels_last)


def _distance(decoded: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    error = decoded - images
    # Errors of edges count too: eyes and classifiers rely on edges.
    edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.abs().mean() + error.square().mean() + 0.5 * edges


@torch.no_grad()
def encode(model: Model, images: np.ndarray) -> torch.Tensor:
    """Means of the latents of uint8 pictures, not scaled, (n, 4, 16, 16)."""
    return torch.cat(
        [
            model.encode(2 * as_tensor(part) - 1).latent_dist.mean
            for part in np.array_split(images, max(1, len(images) // 100))
        ]
    )


@torch.no_grad()
def psnr(model: Model, images: np.ndarray) -> float:
    """Mean peak signal-to-noise ratio of decoded pictures [dB]."""
    decoded = torch.cat([model.decode(z).sample for z in encode(model, images).split(100)])
    error = (0.5 * decoded.clamp(-1, 1) + 0.5 - as_tensor(images)).square().mean(dim=(1, 2, 3))
    return float((-10 * error.log10()).mean())
