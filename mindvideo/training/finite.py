"""Steps whose loss or gradient is not finite: refused on the device, reported by the host."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mindvideo.errors import InputError
from mindvideo.training.datasets import Batch, Examples


class NonFiniteError(InputError):
    """The loss or its gradient is not a number, or infinite."""


class Guard:
    """Keeps the weights as they were before the first step that is not finite.

    The host learns of such a step only when it reads its values, some steps later. Until then the
    optimizer skips all updates, as it does by itself for a gradient scaler that found infinite
    values.

    Parameters
    ----------
    device : torch.device
    is_scaled : bool
        Whether a gradient scaler skips steps of which only the gradient is not finite, and goes on
        (fp16).
    """

    def __init__(self, device: torch.device, is_scaled: bool) -> None:
        self._is_scaled = is_scaled
        self._refused = torch.zeros((), device=device)

    def apply(self, loss: Tensor, norm: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Let the next step of a fused optimizer skip its update if it must."""
        if self._is_scaled:  # the scaler sets it
            return
        is_finite = loss.isfinite() & norm.isfinite()
        self._refused = torch.maximum(self._refused, (~is_finite).float())
        optimizer.found_inf = self._refused  # type: ignore[attr-defined]

    def is_refused(self, values: Mapping[str, float]) -> bool:
        """Whether a step of these values was refused."""
        loss, norm = values["loss"], values["grad_norm"]
        return not (math.isfinite(loss) and (self._is_scaled or math.isfinite(norm)))


def non_finite(
    values: Mapping[str, float], step: int, indices: np.ndarray, examples: Examples, state: Path
) -> NonFiniteError:
    """The error to raise for a step (counted from 1) that was refused."""
    if broken := _not_finite(examples.batch(indices)):
        return NonFiniteError(
            f"step {step}: there are NaN or infinite values in {broken}. Find their origin (a "
            "run with damaged voxels? a file cut short?) and compute the input again; the weights "
            f"of the last checkpoint in {state} are valid."
        )
    loss, norm = values["loss"], values["grad_norm"]
    reason = f"its gradient's norm is {norm}" if math.isfinite(loss) else f"it is {loss}"
    return NonFiniteError(
        f"step {step}: the loss is no longer finite ({reason}). The batch: examples "
        f"{', '.join(map(str, indices))}. The weights of the last checkpoint in {state} are valid, "
        "but training would fail again from there: check those examples, or lower lr, lengthen "
        "warmup, lower clip_grad, or use precision: fp32."
    )


def _not_finite(batch: Batch) -> str:
    """Name the examples with values that are not finite; "" if there are none."""
    names = []
    for name in batch.keys() - {"index"}:
        bad = ~batch[name].flatten(1).isfinite().all(dim=1)
        names += [f"`{name}` of example {int(i)}" for i in batch["index"][bad]]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
