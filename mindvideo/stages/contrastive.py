"""Contrastive learning: align the fMRI encoder's embeddings with CLIP's."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.io.clips import ClipFrames, load_frames
from mindvideo.io.sidecars import check_voxels, voxels_of
from mindvideo.io.tables import check_rows, load_table, rows_of
from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_clip
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import ContrastiveSettings
from mindvideo.sizes import check_clip_width
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.training.datasets import Examples, Reindexed
from mindvideo.training.loop import record_no_steps, train
from mindvideo.training.objectives.contrastive import ClipTargets, Contrast, FmriToClip
from mindvideo.training.sampling import Batches
from mindvideo.training.similarity import retrieval

logger = logging.getLogger(__name__)

RETRIEVAL = "fMRI to %s among the %d training clips: top-1 %.3f, top-5 %.3f (chance %.4f, %.4f)"


@chapter("training")
@makes("contrastive", made_from=["windows", "mbm_tuning", "clips", "latents", "embeddings"])
def main(
    *,
    windows: Input,
    table: Input,
    mbm: Input,
    clips: Inputs,
    latents_table: Input,
    text: Input,
    images: Input,
    texts: Input,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: ContrastiveSettings,
) -> None:
    """Write the encoder's folder and its training curve; log retrieval on the training windows.

    If nothing is trained (no modality, or no step), the encoder keeps the weights of masked brain
    modelling, with an untrained head.
    """
    fmri, window_clips = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(window_clips))
    latent_clips = load_table(latents_table, ["segment", "clip", "scene"])
    tokens = np.load(text, mmap_mode="r")
    check_rows(text, tokens, latents_table, len(latent_clips))
    rows = rows_of(window_clips, latent_clips, latents_table)
    scenes = latent_clips["scene"].to_numpy()[rows] if settings.apart else None
    batches = Batches.of(settings, len(fmri), scenes)

    encoder = _encoder(windows, fmri, tokens, mbm, settings)
    if not settings.trains:
        logger.info("contrastive learning: nothing is trained")
        leave_unless_first()
        record_no_steps(history, events)
        encoder.save_pretrained(model)
        return
    frames = load_frames(clips, window_clips)
    targets = _targets(images, texts, latents_table, len(latent_clips), rows, frames, settings)
    tokens_in = f"the tokens in {text}"
    check_clip_width(settings.clip, targets.width, encoder.config["out_dim"], tokens_in)
    examples = Examples(fmri=fmri)
    if settings.align_tokens:
        examples = Examples(fmri=fmri, text=Reindexed(tokens, rows))
    train(
        FmriToClip(encoder),
        Contrast(
            targets,
            settings.modalities,
            settings.sparsify,
            settings.crop,
            settings.align_tokens,
        ),
        examples,
        batches,
        settings,
        state=state,
        history=history,
        events=events,
        desc="contrastive learning",
    )
    leave_unless_first()
    _log_retrieval(encoder, fmri, targets, settings)
    encoder.save_pretrained(model)


def _encoder(
    windows: Path, fmri: np.ndarray, tokens: np.ndarray, mbm: Path, settings: ContrastiveSettings
) -> FmriEncoder:
    """Build the encoder for these windows and tokens, from masked brain modelling's weights."""
    torch.manual_seed(settings.seed)
    autoencoder = MaskedAutoencoder.from_pretrained(mbm)
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
    n_clips: int,
    rows: np.ndarray,
    frames: ClipFrames,
    settings: ContrastiveSettings,
) -> ClipTargets:
    """Load the CLIP embeddings that are the encoder's targets, in the order of the windows."""
    arrays = [np.load(path, mmap_mode="r") for path in (images, texts)]
    for path, array in zip((images, texts), arrays):
        check_rows(path, array, table, n_clips)
    frame_embeddings, text_embeddings = (
        torch.tensor(array[rows], device=device()) for array in arrays
    )
    if "image" not in settings.modalities or not settings.crop:
        return ClipTargets(frame_embeddings, text_embeddings)
    clip = load_clip(settings.clip)
    clip.model.requires_grad_(False)
    embed = partial(embed_frames, clip)
    return ClipTargets(frame_embeddings, text_embeddings, frames, embed)


def _log_retrieval(
    encoder: FmriEncoder, fmri: np.ndarray, targets: ClipTargets, settings: ContrastiveSettings
) -> None:
    fmri_embeddings = encoder.embed(fmri)
    n_clips = len(fmri_embeddings)
    for modality in settings.modalities:
        if modality == "text":
            clip_embeddings = targets.texts
        else:
            clip_embeddings = targets.images[:, targets.n_frames // 2]  # of the middle frames
        top1, top5 = (float(retrieval(fmri_embeddings, clip_embeddings, k)) for k in (1, 5))
        logger.info(RETRIEVAL, modality, n_clips, top1, top5, 1 / n_clips, 5 / n_clips)
