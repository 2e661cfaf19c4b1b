"""Measure the motion of each clip: translation and expansion of the image."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.io.clips import load_clips
from mindvideo.io.kept import compute_rows
from mindvideo.io.motion import save_motion
from mindvideo.metrics.motion import mean_motion, optical_flow
from mindvideo.settings.stimuli import ClipMotion
from mindvideo.stages import Inputs, Output, State, chapter, makes


@chapter("stimuli")
@makes("clip_motion", made_from=["clips"], shared=True)
def main(*, clips: Inputs, motion: Output, state: State, settings: ClipMotion) -> None:
    """Write the table of the clips of all segments, in order, with their mean optical flow.

    Its columns are `segment`, `clip`, `right` and `down` [widths and heights of a frame per frame],
    and `expansion` [fraction per frame]. Segments are named after their files. Rows are saved as
    they are computed: an interrupted stage computes only the rest.
    """
    films = {path.stem: load_clips(path) for path in clips}
    frames = [clip for film in films.values() for clip in film]

    def estimate(rows: range) -> dict[str, np.ndarray]:
        return {"motion": np.stack([mean_motion(optical_flow(frames[row])) for row in rows])}

    kept = compute_rows(state, "motion", len(frames), estimate, desc="optical flow", unit="clip")
    listing = [(segment, clip) for segment, film in films.items() for clip in range(len(film))]
    save_motion(motion, pd.DataFrame(listing, columns=["segment", "clip"]), kept.array("motion"))
