"""How the batch of a step is divided among the processes of a training run, and what each counts.

Processes average their gradients, and each accumulates those of its parts of the batch. So an
example counts equally, whoever has it, if the loss of a share is weighted by its size, in mean
shares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from mindvideo.training.datasets import Batch, Examples, pinned


class Part(NamedTuple):
    """What a process has of a step's batch in one backward pass.

    Attributes
    ----------
    batch : Batch
    weight : float
        Of its loss in the means over passes and processes.
    """

    batch: Batch
    weight: float


def sizes_of_shares(total: int, count: int) -> list[int]:
    """Sizes of `count` shares of `total` examples, which differ by at most one.

    Examples
    --------
    >>> sizes_of_shares(9, 4)
    [3, 2, 2, 2]
    """
    return [total // count + (number < total % count) for number in range(count)]


@dataclass(frozen=True)
class Reader:
    """Reads what one of several processes has of the batch of a step.

    Attributes
    ----------
    examples : Examples
    batch_at : callable
        Step → numbers of the examples of its batch.
    passes : int
        Backward passes of a step.
    n_processes, rank : int
    decomposes : bool
        Whether the loss of a batch is the mean of its parts'. If not, each process computes that of
        the whole batch.
    device : torch.device
        If it is a GPU, the batches are in pinned memory.
    """

    examples: Examples
    batch_at: Callable[[int], np.ndarray]
    passes: int
    n_processes: int
    rank: int
    decomposes: bool
    device: torch.device

    def __call__(self, step: int) -> list[Part]:
        """This process's part of each backward pass of a step."""
        indices, count = self.batch_at(step), self.passes * self.n_processes
        ends = np.cumsum(sizes_of_shares(len(indices), count))
        shares = np.split(indices, ends[:-1])[self.rank :: self.n_processes]
        return [
            Part(
                pinned(self.examples.batch(rows), self.device),
                len(rows) * count / len(indices) if self.decomposes else 1.0,
            )
            for rows in shares
        ]
