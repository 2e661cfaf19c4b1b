"""Draw the clips that the video model generated from captions during its tuning."""

from __future__ import annotations

from mindvideo.errors import InputError
from mindvideo.figures.drawings import draw_drawings
from mindvideo.io.clips import load_clips
from mindvideo.io.figures import save_figure
from mindvideo.io.tables import load_table
from mindvideo.settings.evaluation import DrawingSettings
from mindvideo.stages import Input, Outputs, chapter, makes


@chapter("training")
@makes("figures", made_from=["video_tuning"])
def main(
    *, generated: Input, generated_table: Input, drawings: Outputs, settings: DrawingSettings
) -> None:
    """Write one figure, as PNG and as PDF: a column for each moment of the tuning."""
    clips, listing = load_clips(generated), load_table(generated_table, ["moment", "caption"])
    if len(clips) != len(listing):
        raise InputError(
            f"{generated}: {len(clips)} clips, but {len(listing)} rows in {generated_table}: the "
            "stage `video_tuning` makes both; run it again"
        )
    groups = {str(m): rows.index for m, rows in listing.groupby("moment", sort=False)}
    captions = listing["caption"][next(iter(groups.values()))].astype(str).tolist()
    figure = draw_drawings({moment: clips[rows] for moment, rows in groups.items()}, captions)
    save_figure(figure, drawings)
