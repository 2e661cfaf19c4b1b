"""Figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

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
