"""Posters: a still picture of each video, which a page shows before the video plays.

>>> write_poster(Path("clip.webp"), np.zeros((6, 32, 48, 3), np.uint8))
>>> Image.open("clip.webp").size
(48, 32)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_poster(path: Path, frames: np.ndarray, *, quality: int = 80) -> None:
    """Write the middle frame as WebP; the same frames give the same bytes.

    Parameters
    ----------
    path : Path
    frames : ndarray, uint8, (n_frames, h, w, 3)
    quality : int
        From 0 to 100.
    """
    Image.fromarray(frames[len(frames) // 2]).save(path, "WEBP", quality=quality, method=4)
