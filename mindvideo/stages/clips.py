"""Cut the film of one segment into clips."""

from __future__ import annotations

from mindvideo.io.films import cut_clips
from mindvideo.io.tables import save_table
from mindvideo.settings.stimuli import ClipSettings
from mindvideo.stages import Input, Output, chapter, makes


@chapter("stimuli")
@makes("clips", shared=True)
def main(*, film: Input, clips: Output, changes: Output, settings: ClipSettings) -> None:
    """Write the clips, uint8 (n_clips, n_frames, h, w, 3), and the table of picture changes."""
    table = cut_clips(
        film,
        clips,
        seconds=settings.seconds,
        fps=settings.fps,
        size=settings.size,
        n_clips=settings.n_clips,
        fit=settings.fit,
        start=settings.start,
    )
    save_table(changes, table)
