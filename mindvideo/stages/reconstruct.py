"""Reconstruct the clips of the test windows, from fMRI alone."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.motion import load_motion
from mindvideo.io.tables import check_rows
from mindvideo.models.trained import load_pipeline, negative_window, noise_generator
from mindvideo.progress import progress
from mindvideo.provenance import check_voxels
from mindvideo.settings import ReconstructionSettings
from mindvideo.stages import Input, Output

log = logging.getLogger(__name__)


def main(
    *,
    windows: Input,
    null_window: Input,
    model: Input,
    motion: Input | None,
    reconstructions: Output,
    settings: ReconstructionSettings,
) -> None:
    """Write a clip a window, uint8 (n, f, h, w, 3).

    `motion` is the table of how each clip moves, needed if noise is to move.

    Noise is drawn from the seed and a clip's number alone, so that neither the batch size nor the
    other windows matter.
    """
    fmri = np.load(windows, mmap_mode="r")
    negative = negative_window(settings.negative, np.load(null_window), fmri.shape[1:])
    pipeline = load_pipeline(
        model, settings.stable_diffusion, settings.scheduler, settings.precision
    )
    moves = _motion(motion, windows, fmri) if settings.moving_noise else None
    check_voxels(windows, pipeline.fmri_encoder.config["voxels"], model)
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
                generator=[noise_generator(settings.seed, clip) for clip in batch],
                shared_noise=settings.shared_noise,
                motion=None if moves is None else moves[batch.start : batch.stop],
            )
            bar.update(len(batch))
    clips.flush()


def _motion(path: Input | None, windows: Input, fmri: np.ndarray) -> np.ndarray:
    if path is None:
        raise InputError(
            "moving_noise: true, but no table of motion was given: make it with `mindvideo motion` "
            "and give it by --motion"
        )
    motion = load_motion(path)
    check_rows(windows, fmri, path, len(motion))
    return motion
