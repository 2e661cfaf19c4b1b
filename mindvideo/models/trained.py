"""Inputs of every reconstruction: the pipeline, its negative condition, its noise."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.models.checkpoints import load_fmri_encoder, load_video_unet
from mindvideo.models.device import device
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.precision import dtype_of
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.record import Precision
from mindvideo.models.schedulers import make_scheduler


def load_pipeline(
    model: Path, stable_diffusion: str, scheduler: str = "ddim", precision: Precision = "fp32"
) -> MindVideoPipeline:
    """Join the models of co-training with the VAE and the noise schedule of Stable Diffusion.

    A folder of a whole checkpoint, with ``vae/`` and ``scheduler/``, has its own.
    The named scheduler determines the steps (paper 4.2: DDIM), whatever the sampler of Stable
    Diffusion. The pipeline is on the device of all networks, in the given precision.

    Raises
    ------
    InputError
        If the precision needs a GPU, and there is none.
    """
    dtype = dtype_of(precision)
    whole = all((model / part).is_dir() for part in ("vae", "scheduler"))
    source = str(model) if whole else stable_diffusion
    pipeline = MindVideoPipeline(
        vae=load_stable_diffusion(source, "vae"),
        unet=load_video_unet(model),
        fmri_encoder=load_fmri_encoder(model),
        scheduler=make_scheduler(scheduler, load_stable_diffusion(source, "scheduler")),
    )
    return pipeline.in_precision(dtype).to(device())


def load_saved_pipeline(folder: Path, precision: Precision = "fp32") -> MindVideoPipeline:
    """Load a whole pipeline, saved or released, with its own sampler; else as `load_pipeline`."""
    dtype = dtype_of(precision)
    return MindVideoPipeline.from_pretrained(folder).in_precision(dtype).to(device())


def noise_generator(seed: int, *place: int) -> torch.Generator:
    """A random generator for the noise at one `place`, such as the number of a clip.

    On the CPU, so that it is the same on every device. Zeros at the end of `place` are ignored.
    """
    (state,) = np.random.SeedSequence([seed, *place]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def negative_window(
    kind: Literal["null-window", "zero", "none"],
    null_window: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray | None:
    """The window of the negative condition ``(w, v)``; none without guidance.

    Other kinds are tokens (:mod:`mindvideo.models.conditions`).

    Raises
    ------
    InputError
        If the null window is not of the other windows' `shape`.
    """
    if kind == "none":
        return None
    if kind == "zero":
        return np.zeros(shape, np.float32)
    if null_window.shape != shape:
        raise InputError(
            f"the null window has shape {null_window.shape}, but the windows have {shape}: compute "
            "both from the same run of the stage `windows`"
        )
    return null_window
