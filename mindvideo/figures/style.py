"""One look for all figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

INK = "#1c1e21"
SOFT = "#5f656d"
BLUE = "#2f6f9f"
ORANGE = "#d9762b"


@contextmanager
def style() -> Iterator[None]:
    """Draw inside this: sans-serif, light axes, no frame at the top and right."""
    settings: Any = {
        "font.size": 9,
        "axes.titlesize": 9,
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
        "figure.facecolor": "white",
    }
    with mpl.rc_context(settings):
        yield


CAPITALS = ("ssim", "psnr", "clip")


def metric_label(name: str) -> str:
    """Write a metric's name as people do: "video_2_way" → "video 2-way", "ssim" → "SSIM"."""
    words = re.sub(r"(\d+)_way", r"\1-way", name).replace("_top_", " top-").split("_")
    return " ".join(word.upper() if word in CAPITALS else word for word in words)
