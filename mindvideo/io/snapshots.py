"""Snapshots: the state of a computation in one file, written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save_snapshot(path: Path, state: dict[str, Any]) -> None:
    """Write a state, and replace the previous one only when the new one is on the disk.

    Parameters
    ----------
    path : Path
    state : dict
        Tensors, numbers and text, in dictionaries and lists.
    """
    partial = path.with_name(f"{path.name}.part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # the name must not be on the disk before the content
    os.replace(partial, path)


def load_snapshot(path: Path) -> dict[str, Any] | None:
    """Read a state, with its tensors on the CPU; None if none was saved."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)
