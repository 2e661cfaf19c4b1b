"""Draw the clips of subjects and variants below the stimuli, and SSIM next to other methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.panel import draw_panel
from mindvideo.figures.scores import draw_bars
from mindvideo.io.clips import gather_clips, load_clips
from mindvideo.io.figures import save_figure
from mindvideo.io.published import number, read_published
from mindvideo.io.tables import load_table
from mindvideo.metrics.statistics import block_bootstrap, confidence_interval
from mindvideo.settings.evaluation import PanelSettings
from mindvideo.stages import Inputs, Outputs, chapter

Models = dict[str, tuple[np.ndarray, pd.DataFrame]]
"""Reconstructions and the table of their clips, by row of Table 1."""

N_CLIPS = 6
"""Clips of a panel."""


@chapter("evaluation")
def main(
    *,
    reconstructions: Inputs,
    listings: Inputs,
    metrics: Inputs,
    per_clip: Inputs,
    clips: Inputs,
    subjects: Outputs,
    variants: Outputs,
    ssim: Outputs,
    settings: PanelSettings,
) -> None:
    """Write three figures, each as PNG and as PDF.

    The inputs but `clips` are those of the rows that are configured.
    """
    rows = [row for row in settings.rows if row.owner is not None]
    if {len(rows)} != set(map(len, (reconstructions, listings, metrics, per_clip))):
        raise InputError(f"{len(rows)} rows need as many reconstructions and tables")
    models = {
        row.label: (load_clips(reconstructed), load_table(table, ["segment", "clip"]))
        for row, reconstructed, table in zip(rows, reconstructions, listings)
    }
    films = {path.stem: load_clips(path) for path in clips}
    full = [row.label for row in rows if row.full]
    compared = [row.label for row in rows if row.full or row.baseline]
    save_figure(_panel({name: models[name] for name in full}, films), subjects)
    first = str(rows[0].owner)
    others = [r.label for r in rows if not r.full and str(r.owner).startswith(f"{first}/")]
    first_subject = {name: models[name] for name in (rows[0].label, *others)}
    save_figure(_panel(first_subject, films), variants)
    bars = _bars(dict(zip(models, metrics)), compared, per_clip[0], settings)
    save_figure(draw_bars(bars, "SSIM"), ssim)


def _panel(models: Models, films: dict[str, np.ndarray]):
    """Draw clips taken evenly from the first model's, by number and not by choice."""
    listing = next(iter(models.values()))[1].sort_values(["segment", "clip"])
    places = np.linspace(0, len(listing) - 1, min(N_CLIPS, len(listing))).round().astype(int)
    chosen = listing.iloc[places]
    segments, numbers = chosen["segment"].tolist(), chosen["clip"].tolist()
    truth = gather_clips(films, segments, numbers)
    by_model: dict[str, list[np.ndarray | None]] = {}
    for name, (reconstructed, table) in models.items():
        rows = {key: i for i, key in enumerate(zip(table["segment"], table["clip"]))}
        by_model[name] = [
            reconstructed[rows[k]] if k in rows else None for k in zip(segments, numbers)
        ]
    labels = [f"{segment}, clip {n}" for segment, n in zip(segments, numbers)]
    return draw_panel(truth, by_model, labels)


def _bars(
    metrics: dict[str, Path], compared: list[str], per_clip: Path, settings: PanelSettings
) -> dict[str, list[tuple[str, float, float, float]]]:
    """SSIM of the first subject in the first segment, and of all in all (paper, Fig. 6)."""
    nan = float("nan")
    published = read_published("comparison")
    scores = load_table(per_clip, ["segment", "clip", "ssim"]).sort_values("clip")
    segment = sorted(scores.dropna(subset="ssim")["segment"].unique())[0]
    values = scores[scores["segment"] == segment]["ssim"].to_numpy(float)
    rng = np.random.default_rng(0)
    means = block_bootstrap([values], block=settings.block, resamples=2000, rng=rng)
    mean = float(np.nanmean(values))
    one = [
        (str(row["method"]), number(row["ssim_test1"]), nan, nan)
        for row in published
        if row["ssim_test1"]
    ]
    every = [
        (str(row["method"]), number(row["ssim"]), nan, nan) for row in published if row["ssim"]
    ]
    for name in compared:
        columns = ["value", "ci_low", "ci_high"]
        row = load_table(metrics[name], ["metric", *columns]).set_index("metric")
        value, low, high = (float(row[column]["ssim"]) for column in columns)
        every.append((name, value, low, high))
    return {
        f"{compared[0]}, {segment}": [*one, (compared[0], mean, *confidence_interval(means))],
        f"All {settings.evaluate} clips of {settings.dataset}": every,
    }
