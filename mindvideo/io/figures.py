"""Figures as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure; without a date or version in it, the same figure is the same file."""
    figure.savefig(path, format="png", dpi=160, metadata={"Software": None})
