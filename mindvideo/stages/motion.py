"""Decode how the test clips move, from their windows, by ridge regression on the training's."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.fmri.decoding import decode
from mindvideo.io.clips import load_frames
from mindvideo.io.motion import MOTION, motion_table
from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.metrics.motion import mean_motion, optical_flow
from mindvideo.progress import progress
from mindvideo.settings import Motion
from mindvideo.stages import Input, Inputs, Output

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
    settings: Motion,
) -> None:
    """Write a row a test window, and how well each column is told of training segments left out.

    Columns: to the right and down [frame's widths and heights a frame], growth [share a frame].
    """
    windows, asked = np.load(train_windows), np.load(test_windows)
    listing, wanted = load_table(train_table, ["segment", "clip"]), load_table(test_table)
    check_rows(train_windows, windows, train_table, len(listing))
    check_rows(test_windows, asked, test_table, len(wanted))
    frames = load_frames(clips, listing)
    rows = progress(range(len(listing)), desc="optical flow", unit="clip")
    shown = np.stack([mean_motion(optical_flow(frames[row])) for row in rows])
    segments = listing["segment"].to_numpy()
    decoded = decode(windows, shown, segments, asked, stretch=settings.stretch)
    log.info("r of %s", dict(zip(MOTION, decoded.correlation.round(3).tolist())))
    save_table(motion, motion_table(wanted, decoded.values))
    save_table(decoding, pd.DataFrame({"column": MOTION, "r": decoded.correlation}))
