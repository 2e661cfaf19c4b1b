"""Masked brain modelling: pre-train the fMRI autoencoder, or tune it on a subject."""

from __future__ import annotations

import logging
import resource
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, repeat

from mindvideo.errors import InputError
from mindvideo.io.sidecars import voxels_of
from mindvideo.models.checkpoints import load_autoencoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import EncoderShape, MbmSettings
from mindvideo.sizes import check_mask
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.training.datasets import Array, Concatenated, Examples, Reindexed, load_volumes
from mindvideo.training.loop import train
from mindvideo.training.objectives.mbm import MaskedModelling
from mindvideo.training.sampling import Batches, draw_evenly
from mindvideo.training.validation import Validation, equal_parts

logger = logging.getLogger(__name__)

EXAMPLES = 4
"""Volumes to plot, evenly spread over the samples."""


@chapter("training")
@makes("pretraining", made_from=["samples"], shared=True, section="pretraining")
@makes("mbm_tuning", made_from=["windows", "pretraining"], section="mbm_tuning")
def main(
    *,
    samples: Inputs,
    start: Input | None,
    validation_windows: Input | None,
    model: Output,
    history: Output,
    events: Output,
    examples: Output,
    state: State,
    settings: MbmSettings,
) -> None:
    """Write the autoencoder's folder, its training curve, and its reconstruction of some volumes.

    Samples are volumes (n, v), or windows (n, w, v) of which the first volume is an example, so
    that an epoch has each volume once. The files are memory-mapped and never copied into one array.
    Of more samples than `most`, that many are drawn, evenly over the files (subjects).
    With `start`, training begins from a pre-trained autoencoder, whose positional embeddings are
    interpolated to the samples' voxels.
    The loss on the volumes of `validation_windows` becomes part of the training curve.
    Examples are (n, 3, v): volumes, the same with NaN at hidden voxels, and the reconstructions;
    none if nothing is trained.
    """
    _allow_open_files(len(samples))
    every = load_volumes(samples)
    n_voxels = every.shape[1]
    volumes = _drawn(every, settings)
    torch.manual_seed(settings.seed)
    if start is None:
        autoencoder = MaskedAutoencoder(
            num_voxels=n_voxels, voxels=voxels_of(*samples), **settings.encoder.model_dump()
        )
    else:
        autoencoder = load_autoencoder(start)
        _check_shape(autoencoder, settings.encoder, start)
        autoencoder = autoencoder.resized(n_voxels, voxels_of(*samples))
    if settings.trains:
        check_mask(settings.mask_ratio, n_voxels, settings.encoder.patch_size)
    logger.info("%d volumes of %d voxels", len(volumes), n_voxels)
    objective = MaskedModelling(settings.mask_ratio, settings.encoder.patch_size)
    validation = None
    if validation_windows is not None:
        validation = _validation(validation_windows, n_voxels, objective, settings)
    train(
        autoencoder,
        objective,
        Examples(volumes=volumes),
        Batches.of(settings, len(volumes)),
        settings,
        state=state,
        history=history,
        events=events,
        desc="masked brain modelling",
        validation=validation,
    )
    leave_unless_first()
    autoencoder.save_pretrained(model)
    rebuilt = np.empty((0, 3, n_voxels), np.float32)
    if settings.trains:
        rows = np.linspace(0, len(volumes) - 1, EXAMPLES).astype(int)
        rebuilt = _rebuild(autoencoder, volumes[rows], settings)
    np.save(examples, rebuilt)


def _drawn(every: Concatenated, settings: MbmSettings) -> Array:
    """All samples, or those drawn; none is read before it is used."""
    if settings.most is None or len(every) <= settings.most:
        return every
    logger.info(
        "%d of %d samples are drawn, in proportion from all %d subjects (samples.most)",
        settings.most,
        len(every),
        len(every.lengths),
    )
    return Reindexed(every, draw_evenly(every.lengths, settings.most, settings.seed))


def _validation(
    windows: Path, n_voxels: int, objective: MaskedModelling, settings: MbmSettings
) -> Validation:
    volumes = load_volumes([windows])
    if volumes.shape[1] != n_voxels:
        raise InputError(
            f"{windows}: {volumes.shape[1]} voxels, but the samples have {n_voxels}: cut the "
            "windows of the validation segments again"
        )
    return Validation(
        objective,
        Examples(volumes=volumes),
        equal_parts(len(volumes), settings.batch_size, settings.seed),
        settings.seed,
    )


@torch.no_grad()
def _rebuild(
    autoencoder: MaskedAutoencoder, volumes: np.ndarray, settings: MbmSettings
) -> np.ndarray:
    """Volumes (n, v) → (n, 3, v): unchanged, with hidden voxels NaN, with these reconstructed."""
    given = torch.tensor(volumes, dtype=torch.float32, device=autoencoder.device)
    generator = torch.Generator().manual_seed(settings.seed)
    _, prediction, mask = autoencoder.masked(given, settings.mask_ratio, generator)
    hidden = repeat(mask.bool(), "n p -> n (p s)", s=prediction.shape[2])
    rebuilt = rearrange(prediction.float(), "n p s -> n (p s)").where(hidden, given)
    visible = given.masked_fill(hidden, torch.nan)
    return torch.stack([given, visible, rebuilt], dim=1).cpu().numpy()


OTHER_FILES = 256
"""Number of files that libraries may open in addition to the samples."""


def _allow_open_files(n: int) -> None:
    """Raise the limit of open files, usually 1024: each memory map keeps its file open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = n + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise InputError(
                f"{n} arrays of samples are memory-mapped at once, but this system allows a "
                f"process only {hard} open files: raise the limit (ulimit -Hn), or name fewer "
                "subjects in pretraining_data.subjects"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _check_shape(autoencoder: MaskedAutoencoder, shape: EncoderShape, start: Input) -> None:
    for name, expected in shape.model_dump().items():
        if (value := autoencoder.config[name]) != expected:
            raise InputError(
                f"{start}: an autoencoder with {name} {value}, but the settings have {expected}: "
                "use the same `encoder` settings for pre-training and tuning"
            )
