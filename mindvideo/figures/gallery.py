"""The page that shows all reconstructions: one HTML file, plain script and style, no network."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mindvideo.figures.pages import embedded_json, render
from mindvideo.figures.style import metric_label

MAIN = re.compile(
    r"identification_(video|frame)|(video|frame)_\d+_way|clip_similarity|ssim|.*_accuracy"
)
"""Metrics that come first: at the top of the page and under each clip; accuracies after others."""

UNDER_A_CLIP = 6
"""Metrics under a clip; the others are folded away."""


ON_AXIS = ("value", "ci_low", "ci_high", "chance", "null_mean")
CLIP_IN_SCRIPT = ("id", "segment", "clip", "seconds", "caption", "scene", "models")
METRIC_IN_SCRIPT = ("index", "label", "about", "way", "low", "high", "tick", "tick_is")


@dataclass(frozen=True)
class OtherModel:
    """Another model with a page of its own.

    `name` is "sub1" or "sub1/variants/NAME"; `folder` is that of its page, relative to this page.
    """

    name: str
    label: str
    folder: str


@dataclass(frozen=True)
class About:
    """What a page is of, and what it links to.

    Parameters
    ----------
    title : str
    note : str
        A remark below the title; "" for none.
    name : str
        Of the model: "sub1", "sub1/variants/NAME", or "" for clips of another method.
    facts : mapping of str to str
        Stand below the title: {"Subject": "sub1", …}. Empty ones are left out.
    links : mapping of str to str
        Addresses relative to the page, by their text. All of them exist.
    perhaps : mapping of str to str
        The same, of pages and pictures that may not exist yet.
    models : sequence of OtherModel
        Their pages are linked if they exist when this page is opened.
    compared : mapping of str to str
        Names of those models whose means get a column of the table, with the column's heading.
    missing : mapping of str to str
        Commands that compute these models, shown where their pages do not exist.
    """

    title: str
    note: str = ""
    name: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    perhaps: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[OtherModel] = ()
    compared: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def gallery_page(
    about: About,
    clips: Sequence[Mapping[str, Any]],
    metrics: Sequence[Mapping[str, Any]],
    per_clip: Sequence[str],
    *,
    width: int,
    height: int,
    fps: float,
) -> str:
    """Write the page.

    Parameters
    ----------
    about : About
    clips : sequence of mapping
        In the order of the films: `segment`, `clip` (its number), `seconds` (when it was
        presented), `caption`, `scene` (its number in the film, or None), and `models`: by the name
        of the variant ("" for the full model) the scores, a list in the order of `per_clip`, None
        where there is none.
    metrics : sequence of mapping
        Rows of the table of metrics: `metric`, `definition`, whether "higher" or "lower" is
        `better`, and `value`, `ci_low`, `ci_high`, `chance`, `null_mean`, `p`, `p_holm`, `p_min`,
        NaN where there is none.
    per_clip : sequence of str
        Names of the metrics that clips have scores by.
    width, height : int
        Of the videos [px].
    fps : float
        Frames per second of the videos.

    Returns
    -------
    str
        HTML. Posters and captions are in the page itself, the rest of a clip's card is built when
        it comes near the screen, so that a page of a thousand clips opens at once.
    """
    clips = [_card(clip, i) for i, clip in enumerate(clips)]
    rows = [_metric(row, clips, per_clip) for row in metrics]
    rows.sort(key=lambda row: (not row["main"], row["name"].endswith("_accuracy")))  # stable
    data = {
        "fps": fps,
        "under": UNDER_A_CLIP,
        "models": list(dict.fromkeys(name for clip in clips for name in clip["models"])),
        "metrics": [
            {name: row[name] for name in METRIC_IN_SCRIPT}
            for row in rows
            if row["index"] is not None
        ],
        "clips": [{name: clip[name] for name in CLIP_IN_SCRIPT} for clip in clips],
        "others": [vars(model) for model in about.models],
    }
    return render(
        "gallery",
        styles=["means", "gallery"],
        about=about,
        facts={name: fact for name, fact in about.facts.items() if fact},
        clips=clips,
        metrics=[row for row in rows if not math.isnan(row["value"])],
        p_min=max((row["p_min"] for row in rows if not math.isnan(row["p_min"])), default=math.nan),
        width=width,
        height=height,
        data=embedded_json(data),
    )


def summary_script(name: str, metrics: Sequence[Mapping[str, Any]]) -> str:
    """The means of a model as a script, which pages of other models read if it exists.

    A script, since a page that was opened from the disk may load scripts but no data.
    """
    means = {str(m["metric"]): number_text(m["value"]) for m in metrics}
    return f"mindvideoSummary({json.dumps({'name': name, 'means': means})});\n"


def other_models(name: str, names: Sequence[str]) -> list[OtherModel]:
    """Models that a page links to: those of the same subject, and the same of other subjects.

    >>> [m.label for m in other_models("sub1", ["sub1", "sub1/variants/v", "sub2"])]
    ['v', 'sub2']
    >>> other_models("sub1/variants/v", ["sub1", "sub1/variants/v"])[0].folder
    '../../../../sub1/videos/'
    """
    subject, _, variant = name.partition("/variants/")
    root = "../" * (name.count("/") + 2)
    others = []
    for other in names:
        other_subject, _, other_variant = other.partition("/variants/")
        same = other_subject == subject
        if other != name and (same or other_variant == variant):
            label = (other_variant or "full model") if same else other_subject
            others.append(OtherModel(other, label, f"{root}{other}/videos/"))
    return others


def scale(values: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis of a metric: fixed for fractions and cosines, otherwise from 0.

    >>> scale([0.7, 0.8]), scale([-0.1, 0.4]), scale([8, 14.2]), scale([])
    ((0.0, 1.0), (-1.0, 1.0), (0.0, 20.0), (0.0, 1.0))
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0:
        return 0.0, 1.0 if high <= 1 else _round_up(high)
    largest = max(-low, high)
    largest = 1.0 if largest <= 1 else _round_up(largest)
    return -largest, largest


def number_text(value: float) -> str:
    """A mean as the table has it: three digits after the point, one from ten on."""
    text = f"{value:.{1 if abs(value) >= 10 else 3}f}".replace("-", "−")
    return "–" if math.isnan(value) else text


def _p_text(p: float) -> str:
    return "–" if math.isnan(p) else f"{p:.2g}"


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    power = 10 ** math.floor(math.log10(value))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= value))


def _card(clip: Mapping[str, Any], index: int) -> dict[str, Any]:
    first = next(iter(clip["models"]))
    return {
        **clip,
        "index": index,
        "id": f"{clip['segment']}-{clip['clip']}",
        "stem": file_stem(first, clip["segment"], clip["clip"]),
        "time": f"{int(clip['seconds'] // 60)}:{clip['seconds'] % 60:04.1f}",
    }


def file_stem(variant: str, segment: str, clip: int) -> str:
    """The name of a clip's files, without ending; gallery.js has the same rule."""
    return f"{f'{variant}_' if variant else ''}{segment}_{clip:04d}"


def _metric(
    row: Mapping[str, Any], clips: Sequence[Mapping[str, Any]], per_clip: Sequence[str]
) -> dict[str, Any]:
    """A metric as template and script need it; `tick` is chance, or else the mean of the null."""
    name = str(row["metric"])
    numbers = {key: float(row[key]) for key in (*ON_AXIS, "p", "p_holm", "p_min")}
    index = per_clip.index(name) if name in per_clip else None
    scores = [] if index is None else [s[index] for c in clips for s in c["models"].values()]
    ends = [numbers[key] for key in ON_AXIS if not math.isnan(numbers[key])]
    low, high = scale([*ends, *(score for score in scores if score is not None)])
    is_chance = not math.isnan(numbers["chance"])
    tick = numbers["chance" if is_chance else "null_mean"]
    return {
        "name": name,
        "index": index,
        "label": metric_label(name),
        "about": row["definition"],
        "way": -1 if row["better"] == "lower" else 1,
        "main": bool(MAIN.fullmatch(name)),
        "low": low,
        "high": high,
        "tick": None if math.isnan(tick) else tick,
        "tick_is": "chance" if is_chance else "mean of the permutation null",
        "value": numbers["value"],
        "p_min": numbers["p_min"],
        "text": {key: number_text(numbers[key]) for key in ON_AXIS},
        "p_text": _p_text(numbers["p"]),
        "p_holm_text": _p_text(numbers["p_holm"]),
        # percent of the axis
        "places": {
            key: round(100 * (numbers[key] - low) / (high - low), 2)
            for key in ON_AXIS
            if not math.isnan(numbers[key])
        },
    }
