"""Tune the inflated Stable Diffusion on the training clips and their captions."""

from __future__ import annotations

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import VideoUNet, inflate
from mindvideo.settings import VideoTuningSettings
from mindvideo.stages import Input, Output, State
from mindvideo.training.datasets import Examples, check_latents, check_rows
from mindvideo.training.loop import train
from mindvideo.training.objectives.denoising import (
    Denoising,
    TextCondition,
    noise_schedule,
)
from mindvideo.training.sampling import Batches


def main(
    *,
    latents: Input,
    text: Input,
    empty_text: Input,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: VideoTuningSettings,
) -> None:
    """Write the UNet's folder and its training curve."""
    films, tokens = np.load(latents, mmap_mode="r"), np.load(text, mmap_mode="r")
    check_rows(latents, films, text, len(tokens))
    torch.manual_seed(settings.seed)
    unet: VideoUNet = inflate(load_stable_diffusion(settings.stable_diffusion, "unet"))
    check_latents(latents, films, unet.config["in_channels"])
    if tokens.shape[2] != (width := unet.config["cross_attention_dim"]):
        raise InputError(
            f"{text}: tokens of width {tokens.shape[2]}, but the UNet of "
            f"{settings.stable_diffusion} is conditioned on {width}: make them again with the "
            "same stable_diffusion"
        )
    unet.freeze_all_but_attention()
    empty = torch.from_numpy(np.load(empty_text)).float()
    scheduler = noise_schedule(load_stable_diffusion(settings.stable_diffusion, "scheduler"))
    train(
        unet,
        Denoising(scheduler, TextCondition(empty, settings.drop_condition), settings.min_snr),
        Examples(latents=films, text=tokens),
        Batches(len(films), settings.batch_size, settings.seed),
        settings,
        state=state,
        history=history,
        events=events,
        desc="video tuning",
    )
    unet.save_pretrained(model)
