"""Decode how the test clips move, from their windows, by ridge regression on the training's."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
import pandas as pd

from mindvideo.fmri.decoding import decode
from mindvideo.io.clips import load_frames
from mindvideo.io.kept import compute_rows, keep_array
from mindvideo.io.motion import MOTION, motion_table
from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.metrics.motion import mean_motion, optical_flow
from mindvideo.settings import Motion
from mindvideo.stages import Input, Inputs, Output, State

log = logging.getLogger(__name__)


def main(
    *,
    train_windows: Input,
    train_table: Input,
    test_windows: Input,
    test_table: Input,
    clips: Inputs,
    motion: Output,
    decoding: Output,
    state: State,
    settings: Motion,
) -> None:
    """Write a row a test window, and how well each column is decoded in training segments left out.

    Columns: to the right and down [frame's widths and heights a frame], growth [share a frame].
    The motion of each training clip and what each regression predicts is kept, so that a run that
    was killed computes only the rest.
    """
    windows, requested = np.load(train_windows), np.load(test_windows)
    listing = load_table(train_table, ["segment", "clip"])
    requested_listing = load_table(test_table)
    check_rows(train_windows, windows, train_table, len(listing))
    check_rows(test_windows, requested, test_table, len(requested_listing))
    frames = load_frames(clips, listing)

    def estimate(rows: range) -> dict[str, np.ndarray]:
        return {"motion": np.stack([mean_motion(optical_flow(frames[row])) for row in rows])}

    kept = compute_rows(state, "motion", len(listing), estimate, desc="optical flow", unit="clip")
    decoded = decode(
        windows,
        kept.array("motion"),
        listing["segment"].to_numpy(),
        requested,
        stretch=settings.stretch,
        keep=partial(keep_array, state),
    )
    log.info("r of %s", dict(zip(MOTION, decoded.correlation.round(3).tolist())))
    save_table(motion, motion_table(requested_listing, decoded.values))
    save_table(decoding, pd.DataFrame({"column": MOTION, "r": decoded.correlation}))
