"""Checkpoints are written whole or not at all, and hold the trainable weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mindvideo.errors import InputError
from mindvideo.training import checkpoint
from mindvideo.training.history import History


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    net[0].requires_grad_(False)
    return net


def optimizer_of(net: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], fused=True)
    net(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return optimizer


def test_a_checkpoint_restores_weights_and_optimizer(tmp_path: Path) -> None:
    net = network(0)
    optimizer = optimizer_of(net)
    checkpoint.save(tmp_path, 7, net, {"optimizer": optimizer})
    other = network(1)
    restored = torch.optim.AdamW([p for p in other.parameters() if p.requires_grad], fused=True)
    assert checkpoint.restore(tmp_path, other, {"optimizer": restored}) == 7
    assert torch.equal(other[1].weight, net[1].weight)
    assert not torch.equal(other[0].weight, net[0].weight)  # frozen: not in the checkpoint
    for actual, expected in zip(restored.state.values(), optimizer.state.values(), strict=True):
        assert all(torch.equal(actual[name], expected[name]) for name in expected)


def test_frozen_weights_take_no_space(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, network(0), {})
    assert load_file(tmp_path / "step-1/weights.safetensors").keys() == {"1.weight", "1.bias"}


def test_nothing_to_restore(tmp_path: Path) -> None:
    assert checkpoint.restore(tmp_path, network(0), {}) == 0


def test_only_the_newest_checkpoint_is_kept(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        checkpoint.save(tmp_path, step, network(step), {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-100"]


def test_an_incomplete_checkpoint_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the second checkpoint is written: at `os.replace`, or before."""
    checkpoint.save(tmp_path, 1, network(1), {})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for function in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, killed)
            with pytest.raises(KeyboardInterrupt):
                checkpoint.save(tmp_path, 2, network(2), {})
        net = network(0)
        assert checkpoint.restore(tmp_path, net, {}) == 1
        assert torch.equal(net[1].weight, network(1)[1].weight)
    checkpoint.save(tmp_path, 2, network(2), {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-2"]


def test_the_newer_of_two_checkpoints_is_restored(tmp_path: Path) -> None:
    """Killed before the older checkpoint was deleted."""
    checkpoint.save(tmp_path, 9, network(9), {})
    os.rename(tmp_path / "step-9", tmp_path / "aside")
    checkpoint.save(tmp_path, 10, network(10), {})
    os.rename(tmp_path / "aside", tmp_path / "step-9")
    assert checkpoint.restore(tmp_path, network(0), {}) == 10


def test_checkpoint_of_another_model(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, network(0), {})
    other = network(0)
    other[0].requires_grad_(True)
    with pytest.raises(
        InputError, match=r"2 weights differ, first 0.bias \(found none, expected \(\d+,\)"
    ):
        checkpoint.restore(tmp_path, other, {})


def test_history_is_truncated_to_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "history.tsv"
    with History(path, tmp_path / "events", 0) as rows:
        for step in range(1, 12):
            rows.add(step, {"loss": step / 10, "lr": 1e-5})
    with path.open("a") as file:
        file.write("12\t0.")  # a kill in the middle of a row
    with History(path, tmp_path / "events", 10) as rows:
        assert path.read_text().splitlines()[-1] == "10\t1\t1e-05"
        rows.add(11, {"loss": 5.0, "lr": 2.0})
    lines = path.read_text().splitlines()
    assert lines[0] == "step\tloss\tlr"
    assert len(lines) == 12
    assert lines[-1] == "11\t5\t2"


def test_history_without_a_checkpoint_starts_from_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / "history.tsv"
    path.write_text("step\tother\n1\t2\n")
    with History(path, tmp_path / "events", 0) as rows:
        rows.add(1, {"loss": 0.5})
    assert path.read_text() == "step\tloss\n1\t0.5\n"
