"""Draw the strip of reconstructions, still and animated."""

from __future__ import annotations

import numpy as np

from mindvideo.figures.layout import even_columns
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.style import metric_label
from mindvideo.io.clips import load_clips, load_stimuli
from mindvideo.io.figures import save_animation, save_figure
from mindvideo.io.tables import load_table
from mindvideo.settings.evaluation import StripSettings
from mindvideo.stages import Input, Inputs, Output, Outputs, chapter, makes

PREVIEW_COLUMNS = 6
COLUMNS = ("metric", "n_clips", "value", "chance", "null_mean")


@chapter("evaluation")
@makes("figures", made_from=["scoring"])
def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    metrics: Input,
    per_clip: Input,
    strip: Outputs,
    preview: Output,
    settings: StripSettings,
) -> None:
    """Write the strip as PNG and as PDF, and its clips as an animated WebP."""
    reconstructed = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    stimuli = load_stimuli(reconstructed, listing, clips)
    chosen = np.arange(0, len(reconstructed), settings.every)
    scores = load_table(per_clip, ["segment", "clip", "ssim"])
    listing = listing[["segment", "clip"]].merge(scores, "left", ["segment", "clip"])
    rows = listing.iloc[chosen].to_dict("records")
    labels = [_label(row) for row in rows]
    results = load_table(metrics, COLUMNS)
    of_all = results[results["n_clips"] == results["n_clips"].max()]
    with_reference = of_all["chance"].notna() | of_all["metric"].isin(["ssim", "psnr"])
    of_all = of_all[with_reference & ~of_all["metric"].str.startswith("retrieval")]
    summary = ";  ".join(_result(row) for row in of_all.to_dict("records"))
    save_figure(draw_strip(stimuli[chosen], reconstructed[chosen], labels, caption=summary), strip)
    save_animation(
        [
            draw_strip(
                stimuli[chosen, frame : frame + 1],
                reconstructed[chosen, frame : frame + 1],
                [_name(row) for row in rows],
                columns=even_columns(len(rows), PREVIEW_COLUMNS),
            )
            for frame in range(reconstructed.shape[1])
        ],
        preview,
        fps=settings.fps,
    )


def _label(row: dict) -> str:
    """Name the clip, and its SSIM unless it was left out of the scores."""
    name = _name(row)
    return name if np.isnan(row["ssim"]) else f"{name}   SSIM {row['ssim']:.2f}"


def _name(row: dict) -> str:
    return f"{row['segment']}, clip {row['clip']}"


def _result(row: dict) -> str:
    """Write a metric with its chance level, or the mean of its null where chance has no formula."""
    other = "null" if np.isnan(row["chance"]) else "chance"
    against = row["null_mean" if other == "null" else "chance"]
    words = f"{metric_label(row['metric'])} {row['value']:.2f} ({other} {against:.2f})"
    return words.replace(" ", "\N{NO-BREAK SPACE}")
