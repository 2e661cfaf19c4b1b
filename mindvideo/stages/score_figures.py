"""Draw the worst cases, the distributions of scores, and their courses along the films."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.scores import Level, draw_distributions, draw_time_courses
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.style import metric_label
from mindvideo.io.clips import load_clips, load_stimuli
from mindvideo.io.figures import save_figure
from mindvideo.io.tables import load_table
from mindvideo.metrics.names import current_name
from mindvideo.settings.evaluation import ScoreFigureSettings
from mindvideo.stages import Input, Inputs, Outputs, chapter, makes


@chapter("evaluation")
@makes("figures", made_from=["scoring"])
def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    metrics: Input,
    per_clip: Input,
    worst: Outputs,
    distributions: Outputs,
    time_courses: Outputs,
    settings: ScoreFigureSettings,
) -> None:
    """Write three figures, each as PNG and as PDF."""
    reconstructed = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    stimuli = load_stimuli(reconstructed, listing, clips)
    summary = load_table(metrics, ["metric", "chance", "null_mean", "better"]).set_index("metric")
    scores = load_table(per_clip, ["segment", "clip"])
    names = [name for name in scores.columns if name not in ("segment", "clip")]
    levels = {name: _level(summary, name) for name in names}

    by = settings.worst_by or names[0]
    if by not in names:
        by = current_name(by)
    if by not in names:
        raise InputError(
            f"figures.worst_by: {by} is no metric of {per_clip}, which has {', '.join(names)}"
        )
    ranked = listing[["segment", "clip"]].merge(scores, "left", ["segment", "clip"])[by]
    ranked = ranked if summary.loc[by, "better"] == "higher" else -ranked
    chosen = ranked.dropna().sort_values(kind="stable").index[: settings.worst].to_numpy()
    if not len(chosen):
        raise InputError(f"{per_clip}: no clip has a score of {by}: name another, figures.worst_by")
    labels = [
        f"{row['segment']}, clip {row['clip']}   {metric_label(by)} {abs(ranked[i]):.2f}"
        for i, row in zip(chosen, listing.iloc[chosen].to_dict("records"))
    ]
    caption = f"The {len(chosen)} worst of {ranked.notna().sum()} clips by {metric_label(by)}."
    save_figure(draw_strip(stimuli[chosen], reconstructed[chosen], labels, caption=caption), worst)

    values = {name: scores[name].to_numpy(float) for name in names}
    save_figure(draw_distributions(values, levels), distributions)
    courses = {name: _by_segment(scores, name) for name in names[: settings.courses]}
    save_figure(draw_time_courses(courses, levels, tr=settings.seconds), time_courses)


def _by_segment(scores: pd.DataFrame, name: str) -> dict[str, np.ndarray]:
    return {
        str(segment): part.sort_values("clip")[name].to_numpy(float)
        for segment, part in scores.groupby("segment", sort=True)
    }


def _level(summary: pd.DataFrame, metric: str) -> Level:
    chance = float(summary["chance"][metric])
    return ("null", float(summary["null_mean"][metric])) if np.isnan(chance) else ("chance", chance)
