"""The objective on examples that are not trained on, evaluated at some steps of a training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mindvideo.settings.training import Training
from mindvideo.training.datasets import Batch, Examples, moved
from mindvideo.training.sampling import step_seed

PREFIX = "validation_"
"""Start of the names of all values on validation examples."""
POINTS = 20
"""Evaluations of a training run, if `validate_every` is not given."""

Loss = Callable[[nn.Module, Batch, torch.Generator], tuple[Tensor, dict[str, Tensor]]]


@dataclass(frozen=True)
class Validation:
    """Values of a model on validation examples.

    Every evaluation uses the same batches and random numbers, so that values differ only by the
    weights. It changes neither weights nor random numbers of the training run: each step of that
    seeds its own.

    Attributes
    ----------
    objective : callable
        The objective of the training run, without its augmentation. It is called by one process.
    examples : Examples
    batches : sequence of array of int
        Rows of the examples in each batch.
    seed : int
    measure : callable, optional
        Further values, by name, of the model as it is.
    """

    objective: Loss
    examples: Examples
    batches: Sequence[np.ndarray]
    seed: int
    measure: Callable[[], Mapping[str, float]] | None = None

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Means over the examples of the loss and of what the objective logs, by name."""
        sums: dict[str, float] = {}
        with evaluating(model):
            for number, rows in enumerate(self.batches):
                for name, value in self._batch(model, number, rows).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(rows)
            measured = dict(self.measure()) if self.measure else {}
        n = sum(map(len, self.batches))
        values = {name: total / n for name, total in sums.items()} | measured
        return {f"{PREFIX}{name}": value for name, value in values.items()}

    def _batch(self, model: nn.Module, number: int, rows: np.ndarray) -> dict[str, Tensor]:
        device = next(model.parameters()).device
        batch = moved(self.examples.batch(rows), device)
        # Steps of the training run have keys of three numbers: this is another stream.
        generator = torch.Generator().manual_seed(step_seed(self.seed, number, 0, 0, 1))
        loss, logs = self.objective(model, batch, generator)
        return {"loss": loss, **logs}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Without gradients and in evaluation mode; afterwards each module is in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def equal_parts(n_examples: int, batch_size: int, seed: int) -> list[np.ndarray]:
    """All examples in random batches of at most `batch_size`, whose sizes differ by at most one."""
    order = np.random.default_rng(seed).permutation(n_examples)
    return np.array_split(order, max(1, -(-n_examples // batch_size)))


def validates_after(step: int, total: int, settings: Training) -> bool:
    """Whether a training run of `total` steps evaluates after this step (counted from 1).

    The first and the last step are always among them.
    """
    every = settings.validate_every or max(1, total // POINTS)
    return step in (1, total) or step % every == 0
