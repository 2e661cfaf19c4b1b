"""Masked brain modelling: pre-train the fMRI autoencoder, or tune it on a subject."""

from __future__ import annotations

import logging
import resource

import torch

from mindvideo.errors import InputError
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.settings import EncoderShape, MbmSettings
from mindvideo.stages import Input, Inputs, Output, State
from mindvideo.training.datasets import Examples, load_volumes
from mindvideo.training.loop import train
from mindvideo.training.objectives.mbm import MaskedModelling
from mindvideo.training.sampling import Batches

logger = logging.getLogger(__name__)


def main(
    *,
    samples: Inputs,
    start: Input | None,
    model: Output,
    history: Output,
    events: Output,
    state: State,
    settings: MbmSettings,
) -> None:
    """Write the autoencoder's folder and its training curve.

    Samples are volumes (n, v) or windows (n, w, v), whose volumes are then taken one by one. The
    arrays are memory-mapped, and are one array to the training: nothing is copied together.
    With `start`, a pre-trained autoencoder, its positions are interpolated to the samples' voxels.
    """
    _allow_open_files(len(samples))
    volumes = load_volumes(samples)
    n_voxels = volumes.shape[1]
    torch.manual_seed(settings.seed)
    if start is None:
        autoencoder = MaskedAutoencoder(num_voxels=n_voxels, **settings.encoder.model_dump())
    else:
        autoencoder = MaskedAutoencoder.from_pretrained(start)
        _check_shape(autoencoder, settings.encoder, start)
        autoencoder = autoencoder.resized(n_voxels)
    _check_mask(n_voxels, settings)
    logger.info("%d volumes of %d voxels", len(volumes), n_voxels)
    train(
        autoencoder,
        MaskedModelling(settings.mask_ratio),
        Examples(volumes=volumes),
        Batches(len(volumes), settings.batch_size, settings.seed),
        settings,
        state=state,
        history=history,
        events=events,
        desc="masked brain modelling",
    )
    autoencoder.save_pretrained(model)


OTHER_FILES = 256
"""What libraries may hold open besides the samples."""


def _allow_open_files(n: int) -> None:
    """A memory map holds its file open, and systems allow 1024 unless they are asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = n + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise InputError(
                f"{n} arrays of samples are memory-mapped at once, and this system lets a process "
                f"open {hard} files: have the limit raised (ulimit -Hn), or name fewer subjects in "
                "pretraining_data.subjects"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _check_shape(autoencoder: MaskedAutoencoder, shape: EncoderShape, start: Input) -> None:
    for name, wanted in shape.model_dump().items():
        if (found := autoencoder.config[name]) != wanted:
            raise InputError(
                f"{start}: an autoencoder with {name} {found}, but the settings say {wanted}: "
                "give pre-training and tuning the same `encoder` settings"
            )


def _check_mask(n_voxels: int, settings: MbmSettings) -> None:
    patches = n_voxels // settings.encoder.patch_size
    if not 0 < int(patches * (1 - settings.mask_ratio)) < patches:
        raise InputError(
            f"mask_ratio: {settings.mask_ratio} of {patches} patches ({n_voxels} voxels): at least "
            "one patch must be hidden and one be left; change mask_ratio, or use more voxels"
        )
