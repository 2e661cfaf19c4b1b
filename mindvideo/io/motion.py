"""Tables of how clips move as a whole: a row a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.io.tables import load_table

MOTION = ["right", "down", "growth"]
"""To the right and down [frame's widths and heights a frame], growth [share a frame]."""


def motion_table(clips: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    """The columns of `clips`, and `MOTION` of values (n, 3)."""
    return clips.join(pd.DataFrame(values, columns=MOTION, index=clips.index))


def load_motion(path: Path) -> np.ndarray:
    """Motion of each clip, (n, 3), in the order of `MOTION`.

    Raises
    ------
    InputError
        If a column is missing.
    """
    return load_table(path, MOTION)[MOTION].to_numpy(np.float64)
