"""Masked brain modelling: pre-train the fMRI autoencoder, or tune it on a subject."""

from __future__ import annotations

import logging
import resource

import numpy as np
import torch
from einops import rearrange, repeat

from mindvideo.errors import InputError
from mindvideo.io.sidecars import voxels_of
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import EncoderShape, MbmSettings
from mindvideo.sizes import check_mask
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.training.datasets import Examples, load_volumes
from mindvideo.training.loop import train
from mindvideo.training.objectives.mbm import MaskedModelling
from mindvideo.training.sampling import Batches

logger = logging.getLogger(__name__)

EXAMPLES = 4
"""Volumes to look at, evenly spread over the samples."""


@chapter("training")
@makes("pretraining", made_from=["samples"], shared=True, section="pretraining")
@makes("mbm_tuning", made_from=["windows", "pretraining"], section="mbm_tuning")
def main(
    *,
    samples: Inputs,
    start: Input | None,
    model: Output,
    history: Output,
    events: Output,
    examples: Output,
    state: State,
    settings: MbmSettings,
) -> None:
    """Write the autoencoder's folder, its training curve, and what it makes of some volumes.

    Samples are volumes (n, v) or windows (n, w, v), whose volumes are then taken one by one. The
    arrays are memory-mapped, and are one array to the training: nothing is copied together.
    With `start`, a pre-trained autoencoder, its positions are interpolated to the samples' voxels.
    Examples are (n, 3, v): volumes, the same with NaN where they were hidden, and rebuilt.
    """
    _allow_open_files(len(samples))
    volumes = load_volumes(samples)
    n_voxels = volumes.shape[1]
    torch.manual_seed(settings.seed)
    if start is None:
        autoencoder = MaskedAutoencoder(
            num_voxels=n_voxels, voxels=voxels_of(*samples), **settings.encoder.model_dump()
        )
    else:
        autoencoder = MaskedAutoencoder.from_pretrained(start)
        _check_shape(autoencoder, settings.encoder, start)
        autoencoder = autoencoder.resized(n_voxels, voxels_of(*samples))
    check_mask(settings.mask_ratio, n_voxels, settings.encoder.patch_size)
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
    leave_unless_first()
    autoencoder.save_pretrained(model)
    chosen = np.linspace(0, len(volumes) - 1, EXAMPLES).astype(int)
    np.save(examples, _rebuild(autoencoder, volumes[chosen], settings))


@torch.no_grad()
def _rebuild(
    autoencoder: MaskedAutoencoder, volumes: np.ndarray, settings: MbmSettings
) -> np.ndarray:
    """Hide and rebuild volumes (n, v); hidden patches are the model's, the others as they were."""
    given = torch.tensor(volumes, dtype=torch.float32, device=autoencoder.device)
    generator = torch.Generator().manual_seed(settings.seed)
    _, prediction, mask = autoencoder(given, settings.mask_ratio, generator=generator)
    hidden = repeat(mask.bool(), "n p -> n (p s)", s=prediction.shape[2])
    rebuilt = rearrange(prediction.float(), "n p s -> n (p s)").where(hidden, given)
    left = given.masked_fill(hidden, torch.nan)
    return torch.stack([given, left, rebuilt], dim=1).cpu().numpy()


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
