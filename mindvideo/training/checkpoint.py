"""Checkpoints: a folder `step-N` in the state folder, written completely or not at all."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mindvideo.errors import InputError

PATIENCE = 90.0
"""How long a file system may take to show one machine what another has written [s]."""


class Stateful(Protocol):
    """An optimizer or a gradient scaler."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


def trainable_state(model: nn.Module) -> dict[str, Tensor]:
    """State of a model without its frozen parameters.

    Frozen parameters are loaded again from the inputs, since a state belongs to one set of inputs.
    """
    frozen = {n for n, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def save(folder: Path, step: int, model: nn.Module, parts: dict[str, Stateful]) -> None:
    """Write a checkpoint next to the last one, move it into place, then delete the last one.

    Parameters
    ----------
    folder : Path
        The state folder.
    step : int
        Steps done so far.
    model : nn.Module
        Its trainable weights go to `weights.safetensors`.
    parts : dict of Stateful
        Their states go to `training.pt`.
    """
    partial, final = folder / f"step-{step}.part", folder / f"step-{step}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    weights = trainable_state(model)
    weights = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    save_file(weights, partial / "weights.safetensors")
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"step": step, **states}, partial / "training.pt")
    for path in partial.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())  # the content must be on disk before the name is
    shutil.rmtree(final, ignore_errors=True)
    os.replace(partial, final)
    for older in _checkpoints(folder):
        if older != final:
            shutil.rmtree(older)


def newest(folder: Path) -> int:
    """Steps done at the newest checkpoint in a state folder; 0 if there is none."""
    return max(map(_number, _checkpoints(folder)), default=0)


def restore(
    folder: Path, model: nn.Module, parts: dict[str, Stateful], step: int | None = None
) -> int:
    """Load a checkpoint into a model and the parts that :func:`save` was given.

    Parameters
    ----------
    folder : Path
        The state folder. If another machine has written the checkpoint, it may appear here later.
    model : nn.Module
    parts : dict of Stateful
    step : int, optional
        Steps done at the checkpoint, by default the newest; with 0, nothing is loaded.

    Returns
    -------
    int
        Steps done so far.

    Raises
    ------
    InputError
        If the checkpoint does not appear, or its weights are not those of this model.
    """
    step = newest(folder) if step is None else step
    if not step:
        return 0
    path = folder / f"step-{step}"
    _wait_for(path)
    weights = load_file(path / "weights.safetensors")
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    expected = {name: tuple(weight.shape) for name, weight in trainable_state(model).items()}
    names = shapes.keys() | expected.keys()
    if mismatches := sorted(name for name in names if shapes.get(name) != expected.get(name)):
        first = mismatches[0]
        raise InputError(
            f"{path}: a checkpoint of another training run: {len(mismatches)} weights differ, "
            f"first {first} (found {shapes.get(first, 'none')}, expected "
            f"{expected.get(first, 'none')}). Delete its folder to train from scratch, or restore "
            "its settings and inputs."
        )
    model.load_state_dict(weights, strict=False)
    states = torch.load(path / "training.pt", map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return states["step"]


def _wait_for(path: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not path.is_dir():
        if time.monotonic() > end:
            raise InputError(
                f"{path}: the first process of this training run has this checkpoint, and this "
                f"process, on {socket.gethostname()}, has not found it for {PATIENCE:.0f} s. All "
                "nodes must have the folder of results on one shared file system."
            )
        time.sleep(0.5)


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if path.suffix != ".part"]


def _number(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
