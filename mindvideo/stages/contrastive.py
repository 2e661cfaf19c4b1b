"""Contrastive learning: align the fMRI encoder's embeddings with CLIP's."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mindvideo.errors import InputError
from mindvideo.io.clips import ClipFrames, load_frames
from mindvideo.io.sidecars import check_voxels, voxels_of
from mindvideo.io.tables import check_rows, load_table, rows_of
from mindvideo.metrics.embedding import identification
from mindvideo.models.checkpoints import load_autoencoder
from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_clip
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import ContrastiveSettings
from mindvideo.sizes import check_clip_width
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.stages._repetitions import windows_to_train_on
from mindvideo.stages._validation import all_or_none
from mindvideo.training.datasets import Examples, Reindexed
from mindvideo.training.loop import record_no_steps, train
from mindvideo.training.objectives.contrastive import ClipTargets, Contrast, FmriToClip
from mindvideo.training.sampling import Batches
from mindvideo.training.similarity import retrieval
from mindvideo.training.validation import Validation

logger = logging.getLogger(__name__)

RETRIEVAL = "fMRI to %s among the %d training clips: top-1 %.3f, top-5 %.3f (chance %.4f, %.4f)"


@chapter("training")
@makes("contrastive", made_from=["windows", "mbm_tuning", "clips", "latents", "embeddings"])
def main(
    *,
    windows: Input,
    repetitions: Input | None,
    table: Input,
    mbm: Input,
    clips: Inputs,
    latents_table: Input,
    text: Input,
    images: Input,
    texts: Input,
    validation_windows: Input | None,
    validation_table: Input | None,
    validation_latents_table: Input | None,
    validation_text: Input | None,
    validation_images: Input | None,
    validation_texts: Input | None,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: ContrastiveSettings,
) -> None:
    """Write the encoder's folder and its training curve; log retrieval on the training windows.

    `repetitions`, the windows of each repetition, are needed by `mix_repetitions` only.
    If nothing is trained (no modality, or no step), the encoder keeps the weights of masked brain
    modelling, with an untrained head.
    The files whose names start with `validation` are those of the validation segments; the loss and
    retrieval of their clips become part of the training curve.
    """
    paired = _pair(windows, table, latents_table, text)
    fmri, tokens = paired.fmri, paired.tokens
    scenes = paired.scenes if settings.apart else None
    batches = Batches.of(settings, len(fmri), scenes)
    to_train_on = windows_to_train_on(windows, fmri, repetitions, mix=settings.mix_repetitions)
    held_out = all_or_none(
        validation_windows=validation_windows,
        validation_table=validation_table,
        validation_latents_table=validation_latents_table,
        validation_text=validation_text,
        validation_images=validation_images,
        validation_texts=validation_texts,
    )

    encoder = _encoder(windows, fmri, tokens, mbm, settings)
    if not settings.trains:
        logger.info("contrastive learning: nothing is trained")
        leave_unless_first()
        record_no_steps(history, events)
        encoder.save_pretrained(model)
        return
    frames = load_frames(clips, paired.clips)
    targets = _targets(images, texts, latents_table, paired, frames, settings)
    tokens_in = f"the tokens in {text}"
    check_clip_width(settings.clip, targets.width, encoder.config["out_dim"], tokens_in)
    objective = Contrast(
        targets,
        settings.modalities,
        settings.sparsify,
        settings.crop,
        settings.align_tokens,
        settings.batch_size,
    )
    train(
        FmriToClip(encoder),
        objective,
        _examples(paired, settings, to_train_on),
        batches,
        settings,
        state=state,
        history=history,
        events=events,
        desc="contrastive learning",
        validation=_validation(held_out, objective, encoder, settings) if held_out else None,
    )
    leave_unless_first()
    _log_retrieval(encoder, fmri, targets, settings)
    encoder.save_pretrained(model)


@dataclass(frozen=True)
class Paired:
    """Windows, and the clips that they belong to.

    Attributes
    ----------
    fmri : ndarray, shape (n, w, v)
    clips : DataFrame
        Segment and number of the clip of each window.
    tokens : ndarray, shape (m, tokens, d)
        Text tokens, in the order of the latents.
    rows : ndarray of int, shape (n,)
        Row of the latents of each window's clip.
    scenes : ndarray of int, shape (n,)
    """

    fmri: np.ndarray
    clips: pd.DataFrame
    tokens: np.ndarray
    rows: np.ndarray
    scenes: np.ndarray

    @property
    def n_latents(self) -> int:
        return len(self.tokens)


def _pair(windows: Path, table: Path, latents_table: Path, text: Path) -> Paired:
    """Load windows and tokens, and find the clip of each window."""
    fmri, window_clips = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(window_clips))
    latent_clips = load_table(latents_table, ["segment", "clip", "scene"])
    tokens = np.load(text, mmap_mode="r")
    check_rows(text, tokens, latents_table, len(latent_clips))
    rows = rows_of(window_clips, latent_clips, latents_table)
    return Paired(fmri, window_clips, tokens, rows, latent_clips["scene"].to_numpy()[rows])


def _examples(paired: Paired, settings: ContrastiveSettings, fmri: np.ndarray) -> Examples:
    if not settings.align_tokens:
        return Examples(fmri=fmri)
    return Examples(fmri=fmri, text=Reindexed(paired.tokens, paired.rows))


def _validation(
    held_out: tuple[Path, ...],
    objective: Contrast,
    encoder: FmriEncoder,
    settings: ContrastiveSettings,
) -> Validation:
    """The objective on the validation clips, in batches as those of the training run."""
    windows, table, latents_table, text, images, texts = held_out
    paired = _pair(windows, table, latents_table, text)
    if paired.fmri.shape[1:] != (encoder.config["window_size"], encoder.config["num_voxels"]):
        raise InputError(
            f"{windows}: windows of shape {paired.fmri.shape[1:]}, unlike those of the training "
            "segments: cut both again"
        )
    targets = _targets(images, texts, latents_table, paired, None, settings)
    scenes = paired.scenes if settings.apart else np.arange(len(paired.fmri))
    size = min(settings.batch_size, len(np.unique(scenes)))
    batches = Batches(len(scenes), size, settings.seed, scenes)
    return Validation(
        replace(objective, targets=targets, sparsify=0.0, crop=0.0, batch_size=None),
        _examples(paired, settings, paired.fmri),
        [batches.batch_at(number) for number in range(batches.per_epoch)],
        settings.seed,
        measure=partial(_retrieval, encoder, paired.fmri, targets, settings),
    )


def _encoder(
    windows: Path, fmri: np.ndarray, tokens: np.ndarray, mbm: Path, settings: ContrastiveSettings
) -> FmriEncoder:
    """Build the encoder for these windows and tokens, from masked brain modelling's weights."""
    torch.manual_seed(settings.seed)
    autoencoder = load_autoencoder(mbm)
    _, window_size, n_voxels = fmri.shape
    if autoencoder.config["num_voxels"] != n_voxels:
        raise InputError(
            f"{mbm}: an autoencoder for {autoencoder.config['num_voxels']} voxels, but the windows "
            f"have {n_voxels}: tune it on this subject's windows first (stage `mbm` with --start)"
        )
    check_voxels(windows, autoencoder.config["voxels"], mbm)
    shape = settings.encoder
    encoder = FmriEncoder(
        num_voxels=n_voxels,
        window_size=window_size,
        patch_size=shape.patch_size,
        embed_dim=shape.embed_dim,
        depth=shape.depth,
        num_heads=shape.num_heads,
        mlp_ratio=shape.mlp_ratio,
        out_channel=tokens.shape[1],
        out_dim=tokens.shape[2],
        dropout=settings.dropout,
        project_embedding=settings.project_embedding,
        voxels=voxels_of(windows),
    )
    encoder.load_mbm(autoencoder)
    encoder.logit_scale.requires_grad_(settings.learn_scale)
    return encoder


def _targets(
    images: Path,
    texts: Path,
    table: Path,
    paired: Paired,
    frames: ClipFrames | None,
    settings: ContrastiveSettings,
) -> ClipTargets:
    """Load the CLIP embeddings that are the encoder's targets, in the order of the windows.

    Without `frames`, none can be cropped.
    """
    arrays = [np.load(path, mmap_mode="r") for path in (images, texts)]
    for path, array in zip((images, texts), arrays):
        check_rows(path, array, table, paired.n_latents)
    frame_embeddings, text_embeddings = (
        torch.tensor(array[paired.rows], device=device()) for array in arrays
    )
    if "image" not in settings.modalities or not settings.crop or frames is None:
        return ClipTargets(frame_embeddings, text_embeddings)
    clip = load_clip(settings.clip)
    put(clip.model.requires_grad_(False), settings.precision)
    embed = partial(embed_frames, clip)
    return ClipTargets(frame_embeddings, text_embeddings, frames, embed)


def _log_retrieval(
    encoder: FmriEncoder, fmri: np.ndarray, targets: ClipTargets, settings: ContrastiveSettings
) -> None:
    values, n_clips = _retrieval(encoder, fmri, targets, settings), len(fmri)
    for modality in settings.modalities:
        top1, top5 = (values[f"{modality}_retrieval_{k}"] for k in (1, 5))
        logger.info(RETRIEVAL, modality, n_clips, top1, top5, 1 / n_clips, 5 / n_clips)


def _retrieval(
    encoder: FmriEncoder, fmri: np.ndarray, targets: ClipTargets, settings: ContrastiveSettings
) -> dict[str, float]:
    """Identification, and top-1 and top-5 retrieval of the clips, among all of them."""
    fmri_embeddings, values = encoder.embed(fmri), {}
    for modality in settings.modalities:
        clip_embeddings = _candidates(targets, modality)
        similarity = (fmri_embeddings @ clip_embeddings.T).cpu().numpy()
        values[f"{modality}_identification"] = float(identification(similarity).diagonal().mean())
        for k in (1, 5):
            top = retrieval(fmri_embeddings, clip_embeddings, k)
            values[f"{modality}_retrieval_{k}"] = float(top)
    return values


def _candidates(targets: ClipTargets, modality: str) -> torch.Tensor:
    """Embeddings (n, d) of the captions, or of the middle frames."""
    return targets.texts if modality == "text" else targets.images[:, targets.n_frames // 2]
