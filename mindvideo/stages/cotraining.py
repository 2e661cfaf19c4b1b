"""Train fMRI encoder and video UNet together, from windows to clips."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, load_table, rows_of
from mindvideo.models.checkpoints import Encoder, load_fmri_encoder, load_video_unet
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import CotrainingSettings
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.stages._motion import motion_of
from mindvideo.stages._repetitions import windows_to_train_on
from mindvideo.stages._validation import all_or_none
from mindvideo.training.datasets import Array, Examples, Reindexed, load_latents
from mindvideo.training.loop import train
from mindvideo.training.objectives.denoising import (
    Denoising,
    FmriCondition,
    FmriToVideo,
    noise_schedule,
)
from mindvideo.training.sampling import Batches
from mindvideo.training.trained_parts import choose_trained
from mindvideo.training.validation import Validation, equal_parts


@chapter("training")
@makes(
    "cotraining",
    made_from=["windows", "latents", "clip_motion", "contrastive", "ridge", "video_tuning"],
)
def main(
    *,
    windows: Input,
    repetitions: Input | None,
    table: Input,
    latents: Input,
    latents_table: Input,
    clip_motion: Input | None,
    encoder: Input,
    unet: Input,
    validation_windows: Input | None,
    validation_table: Input | None,
    validation_latents: Input | None,
    validation_latents_table: Input | None,
    validation_clip_motion: Input | None,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: CotrainingSettings,
) -> None:
    """Write a folder with `fmri_encoder` and `unet`, and the training curve.

    `repetitions`, the windows of each repetition, are needed by `mix_repetitions` only, and
    `clip_motion`, the motion of the clips, by `moving_noise` only.
    The files whose names start with `validation` are those of the validation segments; the loss on
    them becomes part of the training curve.
    """
    held_out = all_or_none(
        validation_windows=validation_windows,
        validation_table=validation_table,
        validation_latents=validation_latents,
        validation_latents_table=validation_latents_table,
    )
    torch.manual_seed(settings.seed)
    fmri_encoder = load_fmri_encoder(encoder)
    video_unet = load_video_unet(unet)
    pair = partial(_pairs, channels=video_unet.latent_channels, settings=settings)
    fmri, films = pair(windows, table, latents, latents_table, clip_motion=clip_motion)
    to_train_on = windows_to_train_on(windows, fmri, repetitions, mix=settings.mix_repetitions)
    _check_window(windows, fmri, encoder, fmri_encoder)
    _check_width(encoder, fmri_encoder, unet, video_unet)
    updates = choose_trained(video_unet, settings, still=settings.still)
    _freeze(fmri_encoder, video_unet, settings.train)
    fmri_encoder.set_dropout(settings.dropout)
    scheduler = noise_schedule(load_stable_diffusion(settings.stable_diffusion, "scheduler"))
    objective = Denoising(
        scheduler, FmriCondition(settings.sparsify), settings.min_snr, settings.shared_noise
    )
    validation = None
    if held_out:
        held_out_fmri, held_out_films = pair(*held_out, clip_motion=validation_clip_motion)
        _check_window(held_out[0], held_out_fmri, encoder, fmri_encoder)
        held_out_examples = Examples(fmri=held_out_fmri, **held_out_films)
        validation = _validation(objective, held_out_examples, settings)
    train(
        FmriToVideo(fmri_encoder, video_unet),
        objective,
        Examples(fmri=to_train_on, **films),
        Batches.of(settings, len(fmri)),
        settings,
        state=state,
        history=history,
        events=events,
        desc="co-training",
        validation=validation,
    )
    leave_unless_first()
    if updates:
        updates.merge()
    fmri_encoder.save_pretrained(model / "fmri_encoder")
    video_unet.save_pretrained(model / "unet")


def _freeze(fmri_encoder: Encoder, video_unet: ClipDenoiser, trained: Collection[str]) -> None:
    """Freeze the embedding, and the model that is not trained."""
    fmri_encoder.freeze_embedding()
    for name, model in (("encoder", fmri_encoder), ("unet", video_unet)):
        if name not in trained:
            model.requires_grad_(False)


def _pairs(
    windows: Path,
    table: Path,
    latents: Path,
    latents_table: Path,
    *,
    clip_motion: Path | None,
    channels: int,
    settings: CotrainingSettings,
) -> tuple[np.ndarray, dict[str, Array]]:
    """Windows, and the latents of their clips with, if noise moves, the clips' motion."""
    keys = ["segment", "clip"]
    fmri, window_clips = np.load(windows, mmap_mode="r"), load_table(table, keys)
    check_rows(windows, fmri, table, len(window_clips))
    films = load_latents(latents, channels, still=settings.still)
    latent_clips = load_table(latents_table, keys)
    check_rows(latents, films, latents_table, len(latent_clips))
    of_windows = Reindexed(films, rows_of(window_clips, latent_clips, latents_table))
    moves = motion_of(window_clips, clip_motion, moving=settings.moving_noise)
    return fmri, {"latents": of_windows, **moves}


def _validation(
    objective: Denoising, examples: Examples, settings: CotrainingSettings
) -> Validation:
    return Validation(
        replace(objective, condition=FmriCondition(sparsify=0.0)),
        examples,
        equal_parts(len(examples), settings.batch_size, settings.seed),
        settings.seed,
    )


def _check_window(windows: Path, fmri: np.ndarray, encoder: Path, loaded: Encoder) -> None:
    window_size, n_voxels = loaded.config["window_size"], loaded.config["num_voxels"]
    if fmri.shape[1:] != (window_size, n_voxels):
        raise InputError(
            f"{windows}: windows of {fmri.shape[1]} volumes and {fmri.shape[2]} voxels, but "
            f"{encoder} was trained on {window_size} volumes and {n_voxels} voxels: train it again "
            "on these windows"
        )
    check_voxels(windows, loaded.config["voxels"], encoder)


def _check_width(
    encoder: Path, fmri_encoder: Encoder, unet: Path, video_unet: ClipDenoiser
) -> None:
    width, needed = fmri_encoder.config["out_dim"], video_unet.condition_width
    if width != needed:
        raise InputError(
            f"{encoder}: tokens of width {width}, but {unet} is conditioned on width {needed}: "
            "train both with the same stable_diffusion"
        )
