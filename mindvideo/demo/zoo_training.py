"""The loop that trains each model of the zoo: AdamW, cosine, averaged weights."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mindvideo.models.precision import computes_bf16
from mindvideo.progress import progress

log = logging.getLogger(__name__)

Objective = Callable[[np.ndarray, torch.Generator], torch.Tensor]
CHECKPOINT_SECONDS = 120.0


def fit(
    model: nn.Module,
    objective: Objective,
    *,
    name: str,
    state: Path,
    steps: int,
    batch_size: int,
    n_examples: int,
    lr: float,
    seed: int,
    weight_decay: float = 0.01,
) -> None:
    """Train in place; afterwards the model has the exponential average of its weights.

    Parameters
    ----------
    model
        The weights that require gradients are trained, in place; it is left in eval mode. Where the
        processor has bfloat16, it computes in it.
    objective
        (rows of the batch, generator) → loss. Both depend on seed and step alone, so that a killed
        training run resumes with identical results.
    name
        Name in the log, and of the checkpoint `state`/`name`.pt.
    steps, batch_size, n_examples, lr, weight_decay
        The learning rate rises over the first 3% of the steps, then falls as a half cosine.
    """
    weights: list[torch.Tensor] = [w for w in model.parameters() if w.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay)
    average = [weight.detach().clone() for weight in weights]
    in_bf16 = computes_bf16(torch.device("cpu"))
    checkpoint = state / f"{name}.pt"
    first = _resume(checkpoint, model, optimizer, average)
    model.train()
    saved = time.monotonic()
    bar = progress(range(first, steps), total=steps, initial=first, desc=name, unit="step")
    for step in bar:
        warm = min(1.0, (step + 1) / (0.03 * steps))
        optimizer.param_groups[0]["lr"] = (
            lr * warm * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-6
        )
        rows = np.random.default_rng([seed, step]).integers(n_examples, size=batch_size)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        # Plain attention: the backward pass of fused attention is three times slower on a CPU.
        with sdpa_kernel(SDPBackend.MATH):
            with torch.autocast("cpu", torch.bfloat16, enabled=in_bf16):
                loss = objective(rows, generator)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        decay = min(0.998, (step + 1) / (step + 10))
        torch._foreach_lerp_(average, weights, 1 - decay)
        if step % 100 == 0:
            log.info("%s: step %d of %d, loss %.4f", name, step, steps, loss.item())
            bar.set_postfix(loss=loss.item())
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            _save(checkpoint, step + 1, model, optimizer, average)
            saved = time.monotonic()
    _save(checkpoint, steps, model, optimizer, average)
    with torch.no_grad():
        for weight, mean in zip(weights, average, strict=True):
            weight.copy_(mean)
    model.eval()


def _save(
    path: Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: list[torch.Tensor],
) -> None:
    partial = path.with_suffix(".part")
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**state, "average": average}, partial)
    os.replace(partial, path)


def _resume(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: list[torch.Tensor]
) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    for mean, stored in zip(average, state["average"], strict=True):
        mean.copy_(stored)
    return state["step"]
