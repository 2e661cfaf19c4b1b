"""Checkpoints: a folder `step-N` in the state folder, written completely or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mindvideo.errors import InputError


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


def restore(folder: Path, model: nn.Module, parts: dict[str, Stateful]) -> int:
    """Load the newest checkpoint into a model and the parts that :func:`save` was given.

    Returns
    -------
    int
        Steps done so far. Without a checkpoint it is 0, and nothing is loaded.
    """
    newest = max(_checkpoints(folder), key=_number, default=None)
    if newest is None:
        return 0
    weights = load_file(newest / "weights.safetensors")
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    expected = {name: tuple(weight.shape) for name, weight in trainable_state(model).items()}
    names = shapes.keys() | expected.keys()
    if mismatches := sorted(name for name in names if shapes.get(name) != expected.get(name)):
        first = mismatches[0]
        raise InputError(
            f"{newest}: a checkpoint of another training run: {len(mismatches)} weights differ, "
            f"first {first} (found {shapes.get(first, 'none')}, expected "
            f"{expected.get(first, 'none')}). Delete its folder to train from scratch, or restore "
            "its settings and inputs."
        )
    model.load_state_dict(weights, strict=False)
    states = torch.load(newest / "training.pt", map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return states["step"]


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("step-*") if path.suffix != ".part"]


def _number(path: Path) -> int:
    return int(path.name.removeprefix("step-"))
