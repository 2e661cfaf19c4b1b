"""Reconstruct the clips of the test windows, from fMRI alone."""

from __future__ import annotations

import logging

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.models.device import device
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import VideoUNet
from mindvideo.progress import progress
from mindvideo.settings import ReconstructionSettings
from mindvideo.stages import Input, Output

PRECISIONS = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

log = logging.getLogger(__name__)


def main(
    *,
    windows: Input,
    null_window: Input,
    model: Input,
    reconstructions: Output,
    settings: ReconstructionSettings,
) -> None:
    """Write a clip a window, uint8 (n, f, h, w, 3).

    Noise is drawn from the seed and a clip's number alone, so that neither the batch size nor the
    other windows matter.
    """
    fmri = np.load(windows, mmap_mode="r")
    negative = _negative(fmri, np.load(null_window), settings)
    where = device()
    if settings.precision == "fp16" and where.type == "cpu":
        raise InputError("precision: fp16 needs a GPU, and none is here: set bf16 or no")
    pipeline = load_pipeline(model, settings.stable_diffusion, settings.scheduler)
    pipeline.in_precision(PRECISIONS[settings.precision]).to(where)
    pipeline.set_progress_bar_config(disable=True)
    size, n = settings.size, len(fmri)
    shape = (n, settings.num_frames, size, size, 3)
    clips = np.lib.format.open_memmap(reconstructions, mode="w+", dtype=np.uint8, shape=shape)
    guidance = 1.0 if negative is None else settings.guidance
    log.info(
        "%d clips, %d steps of %s, guidance %g", n, settings.steps, settings.scheduler, guidance
    )

    with progress(range(n), desc="reconstruct", unit="clip") as bar:
        for start in range(0, n, settings.batch_size):
            batch = range(start, min(start + settings.batch_size, n))
            clips[batch.start : batch.stop] = pipeline(
                np.array(fmri[batch.start : batch.stop]),
                negative,
                num_frames=settings.num_frames,
                height=size,
                width=size,
                num_inference_steps=settings.steps,
                guidance_scale=guidance,
                generator=[clip_generator(settings.seed, clip) for clip in batch],
                shared_noise=settings.shared_noise,
            )
            bar.update(len(batch))
    clips.flush()


def load_pipeline(
    model: Input, stable_diffusion: str, scheduler: str = "ddim"
) -> MindVideoPipeline:
    """Join what co-training made with the VAE and the noise schedule of Stable Diffusion.

    Steps are those of the scheduler named (paper 4.2: DDIM's), whatever sampler the Stable
    Diffusion comes with.
    """
    return MindVideoPipeline(
        vae=load_stable_diffusion(stable_diffusion, "vae"),
        unet=VideoUNet.from_pretrained(model / "unet"),
        fmri_encoder=FmriEncoder.from_pretrained(model / "fmri_encoder"),
        scheduler=make_scheduler(scheduler, load_stable_diffusion(stable_diffusion, "scheduler")),
    )


def clip_generator(seed: int, clip: int) -> torch.Generator:
    """A generator for one clip's noise; on the CPU, so that it is the same on every device."""
    (state,) = np.random.SeedSequence([seed, clip]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def _negative(
    fmri: np.ndarray, null_window: np.ndarray, settings: ReconstructionSettings
) -> np.ndarray | None:
    if settings.negative == "none":
        return None
    if settings.negative == "zero":
        return np.zeros(fmri.shape[1:], np.float32)
    if null_window.shape != fmri.shape[1:]:
        raise InputError(
            f"the null window has shape {null_window.shape}, the windows {fmri.shape[1:]}: "
            "make both with the same stage `windows`"
        )
    return null_window
