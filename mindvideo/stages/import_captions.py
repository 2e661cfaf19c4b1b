"""Import the captions of one segment from another captioner."""

from __future__ import annotations

from mindvideo.io.given import by_segment, frames_of_captions, load_texts
from mindvideo.io.tables import save_table
from mindvideo.settings.given import GivenCaptionSettings
from mindvideo.stages import Inputs, Output, chapter, imports


@chapter("stimuli")
@imports("captions")
def main(
    *,
    arrays: Inputs,
    captions: Output,
    segment: str,
    settings: GivenCaptionSettings,
) -> None:
    """Write one row per clip: the caption of each of its frames.

    `arrays` are arrays of strings with one caption for each frame or for each clip, or tables.
    """
    parts = by_segment([load_texts(path) for path in arrays], settings.clips_of(segment), arrays)
    save_table(captions, frames_of_captions(parts[segment], settings.num_frames, arrays[0]))
