"""One style for all figures: fonts, sizes, and a colour for each condition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

FONT = "DejaVu Sans"
"""Ships with matplotlib, so that a figure is the same on every machine."""
SIZE, SMALL, TINY = 9.0, 8.0, 7.0
"""Of text; of labels within panels; of labels that stand close to each other [point]."""

INK, SOFT, GROUND = "#1c1e21", "#5f656d", "#e7e9ec"
"""Text; labels; where a map has no value."""

# Colours of Okabe and Ito (2008), which readers with a colour-vision deficiency tell apart. A
# test holds it. None is green: red and green do not stand for different things in any figure.
BLUE, ORANGE, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9"

CONDITIONS = {
    "stimulus": INK,
    "reconstruction": BLUE,
    "control": ORANGE,
    "baseline": PURPLE,
    "chance": VERMILION,
    "published": "#d3d9de",
}
"""By condition. "chance" is also the mean of a null, uniform attention, and random voxels."""
MODALITIES = {"frame": BLUE, "caption": PURPLE}
TRAINING_STAGES = {"mbm": "#c3dcec", "contrastive": SKY, "cotraining": BLUE}
"""The later, the darker."""
LAYERS = ("#ecd0df", PURPLE, "#87446a")
"""The deeper, the darker."""


@contextmanager
def style() -> Iterator[None]:
    """Draw and save inside this: sans-serif, light axes, no frame at the top and right.

    Saving belongs inside since matplotlib makes most ticks, and chooses how to embed fonts, only
    then.
    """
    settings: Any = {
        "font.family": FONT,
        "font.size": SIZE,
        "axes.titlesize": SIZE,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.labelcolor": SOFT,
        "axes.edgecolor": "#b9bec5",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "text.color": INK,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "figure.facecolor": "white",
        "pdf.fonttype": 42,  # TrueType, which editors of vector graphics can edit
    }
    with mpl.rc_context(settings):
        yield


CAPITALS = ("ssim", "psnr", "clip")
UNITS = {"psnr": "dB", "flow_error": "px per frame"}
"""Of the metrics that have one."""


def metric_label(name: str) -> str:
    """Write a metric's name as people do: "video_2_way" → "video 2-way", "ssim" → "SSIM"."""
    words = re.sub(r"(\d+)_way", r"\1-way", name).replace("_top_", " top-").split("_")
    return " ".join(word.upper() if word in CAPITALS else word for word in words)


def metric_axis(name: str) -> str:
    """Write a metric's name with its unit: "psnr" → "PSNR [dB]"."""
    unit = UNITS.get(name.removesuffix("_unseen"))
    return metric_label(name) + (f" [{unit}]" if unit else "")
