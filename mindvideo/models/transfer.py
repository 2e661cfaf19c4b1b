"""Copies of tensors from the host to a device (which one: :mod:`mindvideo.models.device`)."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(values: Tensor, place: torch.device) -> Tensor:
    """`values` on `place`; neither waits for the other when they go from the CPU to a GPU.

    A copy from ordinary memory would wait until the GPU has done all its work so far: it is made
    from pinned memory instead.
    """
    if place.type != "cuda" or values.device.type != "cpu" or not torch.cuda.is_available():
        return values.to(place)
    return values.pin_memory().to(place, non_blocking=True)
