"""Import the clips of one segment that others have prepared."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.errors import InputError, named
from mindvideo.io.given import by_segment, open_array
from mindvideo.io.tables import save_table
from mindvideo.settings.given import GivenClipSettings
from mindvideo.stages import Inputs, Output, chapter, imports


@chapter("stimuli")
@imports("clips")
def main(
    *,
    arrays: Inputs,
    clips: Output,
    changes: Output,
    segment: str,
    settings: GivenClipSettings,
) -> None:
    """Write the clips, uint8 (n_clips, n_frames, h, w, 3), and an empty table of picture changes.

    The frames between those of the clips are not known, so that no picture changes can be measured:
    cuts are found by the captions alone.
    """
    parts = by_segment([open_array(path) for path in arrays], settings.clips_of(segment), arrays)
    part = parts[segment]
    expected = (settings.num_frames, settings.size, settings.size, 3)
    if part.dtype != np.uint8 or part.shape[1:] != expected:
        with named(arrays[0]):
            raise InputError(
                f"{segment}: {part.dtype} of shape {part.shape}; expected clips, uint8 of shape "
                f"(clips, {', '.join(map(str, expected))}): frames (clips.fps × dataset.tr), "
                "height and width (clips.size), colours from 0 to 255. Correct these settings, or "
                "convert the array"
            )
    np.save(clips, part)
    save_table(changes, pd.DataFrame({"time": [], "score": []}))
