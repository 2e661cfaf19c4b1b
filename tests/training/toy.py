"""A training of a second, with what makes exact resuming hard: dropout, noise, warm-up, decay.

As a script it trains in a folder until a test kills it: ``toy.py FOLDER SECONDS_PER_STEP``. With
`compare` as a third argument it trains to weights that do not depend on the number of processes,
with batches of as many examples as the fourth argument.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mindvideo.settings.training import Training
from mindvideo.training.datasets import Examples
from mindvideo.training.loop import train
from mindvideo.training.sampling import Batches
from mindvideo.training.similarity import clip_loss, gather
from mindvideo.training.validation import Validation

N_EXAMPLES, WIDTH = 23, 8
DEFAULTS: dict[str, Any] = {
    "duration": 4,
    "unit": "epochs",
    "batch_size": 4,
    "lr": 0.01,
    "warmup": 1,
    "schedule": "cosine",
    "seed": 3,
}


def settings(**changes: Any) -> Training:
    return Training(**{**DEFAULTS, **changes})


def network() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(WIDTH, 16), nn.LayerNorm(16), nn.GELU(), nn.Dropout(0.5), nn.Linear(16, 1)
    )
    net[0].bias.requires_grad_(False)
    return net


def examples() -> Examples:
    x = np.random.default_rng(0).standard_normal((N_EXAMPLES, WIDTH)).astype(np.float32)
    return Examples(x=x, y=x.sum(axis=1, keepdims=True))


class Regression:
    """Squared error on noisy inputs; calls `before` with the number of each call."""

    decomposes: ClassVar[bool] = True

    def __init__(self, noise: float = 0.1, before: Callable[[int], None] = lambda n: None) -> None:
        self.noise, self.before, self.calls = noise, before, 0

    def __call__(
        self, model: nn.Module, batch: dict[str, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self.calls += 1
        self.before(self.calls)
        x = batch["x"] + self.noise * torch.randn(batch["x"].shape, generator=generator)
        error = model(x) - batch["y"]
        return error.square().mean(), {"bias": error.detach().mean()}


class Contrast:
    """A loss that compares all examples, also those of other processes."""

    decomposes: ClassVar[bool] = False

    def __init__(self, batch_size: int = DEFAULTS["batch_size"]) -> None:
        self.batch_size = batch_size

    def __call__(
        self, model: nn.Module, batch: dict[str, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        embeddings, scale = model(batch["x"])
        return clip_loss(*(gather(x, self.batch_size) for x in (embeddings, batch["x"])), scale), {}


class Scaled(nn.Module):
    """A linear map, and the scale of the loss."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.map, self.scale = nn.Linear(WIDTH, WIDTH), nn.Parameter(torch.tensor(0.3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.map(x), self.scale.exp()


def run(
    folder: Path,
    objective: Any = None,
    net: nn.Module | None = None,
    data: Examples | None = None,
    after_step: Callable[[int], None] | None = None,
    validation: Validation | None = None,
    **changes: Any,
) -> dict[str, Tensor]:
    """Train in `folder`; return the final weights, which are also written to `weights.pt`."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    net, data, chosen = net or network(), data or examples(), settings(**changes)
    train(
        net,
        objective or Regression(),
        data,
        Batches(len(data), chosen.batch_size, chosen.seed),
        chosen,
        state=state,
        history=folder / "history.tsv",
        events=folder / "events",
        desc="toy",
        after_step=after_step,
        validation=validation,
    )
    torch.save(net.state_dict(), folder / "weights.pt")
    return net.state_dict()


def without_dropout() -> nn.Module:
    net = network()
    net[3].p = 0.0
    return net


def compare(folder: Path, batch_size: int, accumulate: int) -> None:
    """Train without noise or dropout, so that one process and several give the same weights."""
    changes = {"batch_size": batch_size}
    parts = changes | {"accumulate": accumulate}
    run(folder / "regression", Regression(noise=0), without_dropout(), **parts)
    run(folder / "contrast", Contrast(batch_size), Scaled(), **changes)


if __name__ == "__main__":
    folder, pause = Path(sys.argv[1]), float(sys.argv[2])
    if sys.argv[3:4] == ["compare"]:
        compare(folder, *map(int, sys.argv[4:]))
    else:
        run(folder, Regression(before=lambda n: time.sleep(pause)), checkpoint_minutes=1e-9)
