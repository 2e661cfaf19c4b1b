"""Figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from mindvideo.figures.style import style

METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
DPI = {".png": 160, ".pdf": 300}
"""In a PDF, only of what is painted in place of thousands of shapes."""


def save_figure(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure in the format of each path: .png for a screen, .pdf for a paper.

    Files have neither date nor version: the same figure gives the same bytes.
    """
    with style():
        for path in paths:
            metadata, dpi = METADATA[path.suffix], DPI[path.suffix]
            figure.savefig(path, format=path.suffix[1:], dpi=dpi, metadata=metadata)


def save_animation(figures: Sequence[Figure], path: Path, *, fps: float) -> None:
    """Write figures of one size as an animated WebP that repeats; the same figures, the same bytes.

    Parameters
    ----------
    figures : sequence of Figure
        One for each frame.
    path : Path
    fps : float
        Frames per second.
    """
    frames = []
    with style():
        for figure in figures:
            figure.set_dpi(DPI[".png"])
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))
    first, *others = frames
    first.save(
        path,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=round(1000 / fps),
        loop=0,
        quality=80,
        method=4,
    )
