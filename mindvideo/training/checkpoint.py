"""Checkpoints: a folder `step-N` in the state folder, there as a whole or not at all."""

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


def learned(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model without its frozen parameters.

    Those come back from where they came first: the state folder belongs to one set of inputs.
    """
    frozen = {n for n, p in model.named_parameters(remove_duplicate=False) if not p.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def save(folder: Path, step: int, model: nn.Module, parts: dict[str, Stateful]) -> None:
    """Write a checkpoint beside the last one, put it in place, and only then delete the last one.

    Parameters
    ----------
    folder : Path
        The state folder.
    step : int
        Steps that the training has behind it.
    model : nn.Module
        Its learned weights go to `weights.safetensors`.
    parts : dict of Stateful
        Their states go to `training.pt`.
    """
    beside, place = folder / f"step-{step}.part", folder / f"step-{step}"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    weights = {name: value.detach().cpu().contiguous() for name, value in learned(model).items()}
    save_file(weights, beside / "weights.safetensors")
    states = {name: part.state_dict() for name, part in parts.items()}
    torch.save({"step": step, **states}, beside / "training.pt")
    for path in beside.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())  # the name must not be on the disk before the content
    shutil.rmtree(place, ignore_errors=True)
    os.replace(beside, place)
    for older in _checkpoints(folder):
        if older != place:
            shutil.rmtree(older)


def restore(folder: Path, model: nn.Module, parts: dict[str, Stateful]) -> int:
    """Load the newest checkpoint into a model and the parts that :func:`save` was given.

    Returns
    -------
    int
        Steps that the training has behind it: 0, and nothing loaded, without a checkpoint.
    """
    newest = max(_checkpoints(folder), key=_number, default=None)
    if newest is None:
        return 0
    weights, needed = load_file(newest / "weights.safetensors"), learned(model)
    shapes, wanted = ({n: tuple(w.shape) for n, w in x.items()} for x in (weights, needed))
    if wrong := sorted(n for n in shapes.keys() | wanted if shapes.get(n) != wanted.get(n)):
        first = wrong[0]
        raise InputError(
            f"{newest}: a checkpoint of another training: {len(wrong)} weights differ, first "
            f"{first} ({shapes.get(first, 'none')} here, {wanted.get(first, 'none')} needed). "
            "Delete its folder to train from the start, or go on with what it was made with."
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
