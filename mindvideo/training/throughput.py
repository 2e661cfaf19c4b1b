"""How fast a training run is: examples, floating-point operations, and the share of the peak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
FORMULAS: dict[Any, Callable[..., int]] = flop_registry | {
    # The registry has attention on GPUs only.
    aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[
        aten._scaled_dot_product_flash_attention
    ],
    aten._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        aten._scaled_dot_product_flash_attention_backward
    ],
}
"""Floating-point operations of products of matrices, convolutions and attention, by operator."""


class FlopCounter(TorchDispatchMode):
    """Context that counts the floating-point operations of what torch computes in it.

    Torch's own counter also attributes them to modules and decomposes other operators: it takes
    longer than a step of a small network. A multiplication and an addition are two operations.
    They are counted wherever they take place: also what gradient checkpointing repeats.

    Attributes
    ----------
    total : int
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if formula := FORMULAS.get(func._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


@dataclass(frozen=True)
class Throughput:
    """What the history says about the speed of steps.

    Attributes
    ----------
    batch_size : int
    flops : float
        Floating-point operations of a step.
    peak : float, optional
        Of all devices together [TFLOP/s], if it is known.
    """

    batch_size: int
    flops: float
    peak: float | None

    def columns(self, seconds: float) -> dict[str, float | None]:
        """Values for the history of a step that took some seconds; None if not known."""
        speed = self.flops / seconds / 1e12
        return {
            "examples_per_second": self.batch_size / seconds,
            "teraflops": speed,
            "share_of_peak": None if self.peak is None else speed / self.peak,
        }
