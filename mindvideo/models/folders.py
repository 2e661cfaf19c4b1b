"""Where a pretrained model's name leads: read by the plan too, so nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from mindvideo.paths import expand

ZOO = Path(__file__).parents[1] / "demo" / "zoo"


def pretrained_folder(name: str) -> Path:
    """Folder that a pretrained model's name stands for (of a hub name: one that is not there).

    Raises
    ------
    ValueError
        If it is a path with a variable that is not set.
    """
    return ZOO / name.removeprefix("zoo:") if name.startswith("zoo:") else Path(expand(name))
