"""Train fMRI encoder and video UNet together, from windows to clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, load_table, rows_of
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import VideoUNet
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import CotrainingSettings
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.training.datasets import Examples, Reindexed, check_latents, middle_frames
from mindvideo.training.loop import train
from mindvideo.training.objectives.denoising import (
    Denoising,
    FmriCondition,
    FmriToVideo,
    noise_schedule,
)
from mindvideo.training.sampling import Batches


@chapter("training")
@makes("cotraining", made_from=["windows", "latents", "contrastive", "video_tuning"])
def main(
    *,
    windows: Input,
    table: Input,
    latents: Input,
    latents_table: Input,
    encoder: Input,
    unet: Input,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: CotrainingSettings,
) -> None:
    """Write a folder with `fmri_encoder` and `unet`, and the training curve."""
    keys = ["segment", "clip"]
    fmri, window_clips = np.load(windows, mmap_mode="r"), load_table(table, keys)
    check_rows(windows, fmri, table, len(window_clips))
    films, latent_clips = np.load(latents, mmap_mode="r"), load_table(latents_table, keys)
    check_rows(latents, films, latents_table, len(latent_clips))
    rows = rows_of(window_clips, latent_clips, latents_table)

    torch.manual_seed(settings.seed)
    fmri_encoder = FmriEncoder.from_pretrained(encoder)
    video_unet = VideoUNet.from_pretrained(unet)
    check_latents(latents, films, video_unet.config["in_channels"])
    if settings.still:
        films = middle_frames(films)
    _check_window(windows, fmri, encoder, fmri_encoder)
    _check_width(encoder, fmri_encoder, unet, video_unet)
    video_unet.freeze_all_but_attention(still=settings.still)
    fmri_encoder.logit_scale.requires_grad_(False)  # only contrastive learning uses it
    fmri_encoder.set_dropout(settings.dropout)
    scheduler = noise_schedule(load_stable_diffusion(settings.stable_diffusion, "scheduler"))
    train(
        FmriToVideo(fmri_encoder, video_unet),
        Denoising(scheduler, FmriCondition(settings.sparsify), settings.min_snr),
        Examples(fmri=fmri, latents=Reindexed(films, rows)),
        Batches.of(settings, len(fmri)),
        settings,
        state=state,
        history=history,
        events=events,
        desc="co-training",
    )
    leave_unless_first()
    fmri_encoder.save_pretrained(model / "fmri_encoder")
    video_unet.save_pretrained(model / "unet")


def _check_window(windows: Path, fmri: np.ndarray, encoder: Path, loaded: FmriEncoder) -> None:
    window_size, n_voxels = loaded.config["window_size"], loaded.config["num_voxels"]
    if fmri.shape[1:] != (window_size, n_voxels):
        raise InputError(
            f"{windows}: windows of {fmri.shape[1]} volumes and {fmri.shape[2]} voxels, but "
            f"{encoder} was trained on {window_size} volumes and {n_voxels} voxels: train it again "
            "on these windows"
        )
    check_voxels(windows, loaded.config["voxels"], encoder)


def _check_width(
    encoder: Path, fmri_encoder: FmriEncoder, unet: Path, video_unet: VideoUNet
) -> None:
    width, needed = fmri_encoder.config["out_dim"], video_unet.config["cross_attention_dim"]
    if width != needed:
        raise InputError(
            f"{encoder}: tokens of width {width}, but {unet} is conditioned on width {needed}: "
            "train both with the same stable_diffusion"
        )
