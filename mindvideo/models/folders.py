"""Where a pretrained model's name leads: read by the plan too, so nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

ZOO = Path(__file__).parents[1] / "demo" / "zoo"


def pretrained_folder(name: str) -> Path:
    """Folder that a pretrained model's name stands for (of a hub name: one that is not there)."""
    return ZOO / name.removeprefix("zoo:") if name.startswith("zoo:") else Path(name).expanduser()
