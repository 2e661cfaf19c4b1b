"""Fit a ridge regression from training windows to the motion of their clips."""

from __future__ import annotations

import logging
from functools import partial

import numpy as np
import pandas as pd

from mindvideo.fmri.decoding import fit_decoder
from mindvideo.io.kept import keep_array
from mindvideo.io.motion import MOTION, load_motion, save_decoder
from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.settings.evaluation import Motion
from mindvideo.stages import Input, Output, State, chapter, makes

log = logging.getLogger(__name__)


@chapter("reconstruction")
@makes("motion", made_from=["windows", "clip_motion"])
def main(
    *,
    windows: Input,
    table: Input,
    clip_motion: Input,
    decoder: Output,
    decoding: Output,
    state: State,
    settings: Motion,
) -> None:
    """Write the decoder, (3, n_features + 1) float64, and its correlations by cross-validation.

    Its rows are motion to the right and down [widths and heights of a frame per frame] and
    expansion [fraction per frame]; its columns are the coefficients of a window's values, and the
    intercept. Segments are left out in turn. The result of each regression is saved as it is
    computed: an interrupted stage computes only the rest.
    """
    fmri = np.load(windows)
    clip_table = load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(clip_table))
    fitted = fit_decoder(
        fmri,
        load_motion(clip_motion, clip_table),
        clip_table["segment"].to_numpy(),
        stretch=settings.stretch,
        keep=partial(keep_array, state),
    )
    log.info("r of %s", dict(zip(MOTION, fitted.correlation.round(3).tolist())))
    save_decoder(decoder, fitted.coef, fitted.intercept)
    save_table(decoding, pd.DataFrame({"column": MOTION, "r": fitted.correlation}))
