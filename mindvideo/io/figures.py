"""Figures as files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure without date and version: the same figure gives the same file."""
    figure.savefig(path, format="png", dpi=160, metadata={"Software": None})
