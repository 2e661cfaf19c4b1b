"""Untrained models of a few weights, and windows to give them."""

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.video_unet import inflate


def untrained_unet() -> UNet2DConditionModel:
    """An image UNet, not inflated, whose conditions have 12 dimensions."""
    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=12,
        attention_head_dim=2,
    )


def untrained_vae() -> AutoencoderKL:
    """A VAE of 4 latent channels, which halves height and width."""
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    )


def untrained_encoder() -> FmriEncoder:
    """An encoder of two volumes of 32 voxels as 5 tokens of 12 dimensions."""
    return FmriEncoder(
        num_voxels=32, patch_size=8, embed_dim=8, depth=1, num_heads=2, out_channel=5, out_dim=12
    )


def write_untrained(folder: Path, n_windows: int = 3) -> Path:
    """Write windows, a null window, and the folders of co-training and of a Stable Diffusion."""
    torch.manual_seed(0)
    inflate(untrained_unet()).save_pretrained(folder / "model" / "unet")
    untrained_encoder().save_pretrained(folder / "model" / "fmri_encoder")
    untrained_vae().save_pretrained(folder / "sd" / "vae")
    # Stable Diffusion 1.5 comes with this sampler.
    PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True).save_pretrained(
        folder / "sd" / "scheduler"
    )
    rng = np.random.default_rng(0)
    np.save(folder / "windows.npy", rng.normal(size=(n_windows, 2, 32)).astype(np.float32))
    np.save(folder / "null.npy", rng.normal(size=(2, 32)).astype(np.float32))
    return folder
