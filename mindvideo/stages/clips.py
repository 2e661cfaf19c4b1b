"""Cut the film of one segment into clips, one a volume."""

from __future__ import annotations

import numpy as np

from mindvideo.io.clips import decode_clips
from mindvideo.settings import ClipSettings
from mindvideo.stages import Input, Output


def main(*, film: Input, clips: Output, settings: ClipSettings) -> None:
    """Write the clips, uint8 (n_clips, n_frames, h, w, 3)."""
    frames = decode_clips(
        film,
        tr=settings.tr,
        fps=settings.fps,
        size=settings.size,
        n_clips=settings.n_clips,
    )
    np.save(clips, frames)
