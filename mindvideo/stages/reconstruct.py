"""Reconstruct the clips of an evaluated segment, from fMRI alone."""

from __future__ import annotations

import logging

import numpy as np

from mindvideo.decoding.generator import load_generator
from mindvideo.io.kept import compute_rows
from mindvideo.io.tables import check_rows, find_segment, load_table
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.stages import Input, Output, State, chapter, makes

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
    generator = load_generator(
        model,
        settings,
        windows,
        fmri.shape[1:],
        null_window=null_window,
        train_windows=train_windows,
        empty_text=empty_text,
        motion=motion,
    )
    motions = generator.motion_of(np.array(fmri[places])) if settings.moving_noise else None
    generator.pipeline.set_progress_bar_config(disable=True)
    log.info(
        "%d clips, %d steps of %s, guidance %g",
        len(places),
        settings.steps,
        settings.scheduler,
        generator.guidance,
    )

    def reconstruct(rows: range) -> dict[str, np.ndarray]:
        batch = places[rows.start : rows.stop]
        moving = None if motions is None else motions[rows.start : rows.stop]
        numbers = [settings.first + place for place in batch]
        return {"clips": generator.generate(np.array(fmri[batch]), numbers, moving)}

    size = settings.batch_size
    kept = compute_rows(state, "rows", len(places), reconstruct, size=size, desc=segment)
    kept.publish("clips", reconstructions)
