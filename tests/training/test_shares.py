"""Shares of a batch that processes divide: sizes, weights, and the gradient of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mindvideo.errors import InputError
from mindvideo.sizes import check_accumulation
from mindvideo.training.datasets import Examples
from mindvideo.training.shares import Reader, sizes_of_shares

CPU = torch.device("cpu")
DIVIDED = [(500, 1, 8), (20, 1, 8), (14, 1, 8), (9, 1, 8), (9, 1, 4), (14, 3, 4), (20, 4, 1)]
"""The batches of the paper and others, in so many passes, on so many processes."""


def examples(n: int) -> Examples:
    x = np.random.default_rng(0).standard_normal((n, 5), dtype=np.float32)
    return Examples(x=x, y=x.sum(axis=1, keepdims=True) ** 2)


def readers(n: int, passes: int, processes: int, decomposes: bool = True) -> list[Reader]:
    def batch_at(step: int) -> np.ndarray:
        return np.random.default_rng(step).permutation(n)

    return [
        Reader(examples(n), batch_at, passes, processes, rank, decomposes, CPU)
        for rank in range(processes)
    ]


@pytest.mark.parametrize(("n", "passes", "processes"), DIVIDED)
def test_every_example_is_in_one_share(n: int, passes: int, processes: int) -> None:
    parts = [part for reader in readers(n, passes, processes) for part in reader(3)]
    assert len(parts) == passes * processes
    sizes = [len(part.batch["x"]) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sorted(torch.cat([part.batch["index"] for part in parts]).tolist()) == [*range(n)]


@pytest.mark.parametrize(("n", "passes", "processes"), DIVIDED)
def test_the_means_over_passes_and_processes_are_those_of_the_whole_batch(
    n: int, passes: int, processes: int
) -> None:
    def of(batch: dict[str, Tensor], weight: float) -> tuple[Tensor, Tensor]:
        w = torch.linspace(-1, 1, 5).requires_grad_()
        loss = weight * (batch["x"] @ w - batch["y"][:, 0]).square().mean()
        loss.backward()
        return loss.detach(), w.grad

    shares = [of(*part) for reader in readers(n, passes, processes) for part in reader(0)]
    loss, gradient = of(examples(n).batch(np.arange(n)), 1.0)
    torch.testing.assert_close(torch.stack([s[0] for s in shares]).mean(), loss)
    torch.testing.assert_close(torch.stack([s[1] for s in shares]).mean(dim=0), gradient)


def test_equal_shares_are_not_weighted() -> None:
    """So that their losses are bitwise as they are."""
    parts = [part for reader in readers(24, 2, 3) for part in reader(0)]
    assert {part.weight for part in parts} == {1.0}


def test_the_loss_of_a_whole_batch_is_not_weighted() -> None:
    parts = [part for reader in readers(9, 1, 4, decomposes=False) for part in reader(0)]
    assert {part.weight for part in parts} == {1.0}
    assert [len(part.batch["x"]) for part in parts] == sizes_of_shares(9, 4)


def test_more_parts_than_examples_are_refused() -> None:
    check_accumulation(9, 1, 9)
    with pytest.raises(InputError, match="batch_size: 9, but accumulate: 2 on 5 processes needs"):
        check_accumulation(9, 2, 5)
