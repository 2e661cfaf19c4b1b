"""The motion of clips, with which the noise of their training examples moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.motion import load_motion


def motion_of(clips: pd.DataFrame, path: Path | None, *, moving: bool) -> dict[str, np.ndarray]:
    """The array `motion` of training examples (n, 3) if noise is to move, or else no array.

    Parameters
    ----------
    clips : DataFrame
        With columns `segment` and `clip`: the clip of each example.
    path : Path or None
        What the stage `clip_motion` writes.
    moving : bool
        The setting `moving_noise`.

    Raises
    ------
    InputError
        If motion is needed and missing, or is not that of these clips.
    """
    if not moving:
        return {}
    if path is None:
        raise InputError(
            "moving_noise: true needs the motion of the clips: compute it with `mindvideo "
            "clip-motion` from the same clips as the latents, and pass it as --clip-motion (that "
            "of validation segments as --validation-clip-motion)"
        )
    return {"motion": load_motion(path, clips).astype(np.float32)}
