"""Reconstruct the clips of an evaluated segment, from fMRI alone."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.decoding import predict
from mindvideo.io.kept import compute_rows
from mindvideo.io.motion import load_decoder
from mindvideo.io.tables import check_rows, find_segment, load_table
from mindvideo.models.trained import noise_generator
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.stages._generator import load_generator

log = logging.getLogger(__name__)


@chapter("reconstruction")
@makes("reconstruction", made_from=["windows", "motion", "latents", "cotraining"])
def main(
    *,
    windows: Input,
    table: Input,
    null_window: Input,
    model: Input,
    motion: Input | None,
    train_windows: Input | None,
    empty_text: Input | None,
    reconstructions: Output,
    state: State,
    segment: str,
    settings: ReconstructionSettings,
) -> None:
    """Write a clip for each window of a segment, uint8 (n, f, h, w, 3).

    `motion` is the decoder of the clips' motion (stage `motion`), needed for moving noise. The
    training windows are needed for the mean of their tokens, `empty_text` for the empty caption as
    the negative condition. Clips that all have the mean of the tokens as their condition also have
    the motion of the mean training window. A model of still images generates one, which is
    repeated.

    The noise of a clip depends only on the seed and on the clip's number among all evaluated clips,
    so that neither the batch size nor the other windows matter. Clips are saved as they are
    computed.
    """
    fmri = np.load(windows, mmap_mode="r")
    listing = load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    places = find_segment(listing, segment)
    pipeline, conditions = load_generator(
        model,
        settings,
        windows,
        fmri.shape[1:],
        null_window=null_window,
        train_windows=train_windows,
        empty_text=empty_text,
    )
    motions = None
    if settings.moving_noise:
        responses = np.array(fmri[places])
        if conditions.window is not None:
            responses = np.broadcast_to(conditions.window, responses.shape)
        motions = _motion(motion, responses)
    pipeline.set_progress_bar_config(disable=True)
    guidance = 1.0 if conditions.negative is None else settings.guidance
    log.info(
        "%d clips, %d steps of %s, guidance %g",
        len(places),
        settings.steps,
        settings.scheduler,
        guidance,
    )

    def reconstruct(rows: range) -> dict[str, np.ndarray]:
        batch = places[rows.start : rows.stop]
        clips = pipeline(
            conditions.of(np.array(fmri[batch]), len(batch)),
            conditions.negative,
            num_frames=1 if settings.still else settings.num_frames,
            height=settings.size,
            width=settings.size,
            num_inference_steps=settings.steps,
            guidance_scale=guidance,
            generator=[noise_generator(settings.seed, settings.first + place) for place in batch],
            shared_noise=settings.shared_noise,
            motion=None if motions is None else motions[rows.start : rows.stop],
        )
        frames = np.asarray(clips)
        if settings.still:
            frames = frames.repeat(settings.num_frames, axis=1)
        return {"clips": frames}

    size = settings.batch_size
    kept = compute_rows(state, "rows", len(places), reconstruct, size=size, desc=segment)
    kept.publish("clips", reconstructions)


def _motion(path: Input | None, windows: np.ndarray) -> np.ndarray:
    if path is None:
        raise InputError(
            "moving_noise: true needs a decoder of motion: compute it with `mindvideo motion`, and "
            "pass it as --motion"
        )
    return predict(windows, *load_decoder(path, windows[0].size))
