"""Training runs on several nodes, whose launchers all run on this machine."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from mindvideo import processes
from mindvideo.errors import InputError
from tests.training.several import free_port, save_samples, start_mbm, stop_between, with_srun

STEPS = 150
NODES = ("--nodes", "2")


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model" / "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def one_node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Weights after a training run in two processes that one launcher started."""
    folder = tmp_path_factory.mktemp("one-node")
    save_samples(folder)
    running = start_mbm(folder, STEPS)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    return weights_of(folder)


@pytest.mark.parametrize(
    "is_interrupted", [False, pytest.param(True, marks=pytest.mark.long)], ids=["", "interrupted"]
)
def test_two_nodes_train_the_weights_of_one_even_after_an_interruption(
    tmp_path: Path, one_node: dict[str, np.ndarray], is_interrupted: bool
) -> None:
    save_samples(tmp_path)
    environment = with_srun(tmp_path)
    if is_interrupted:
        stop_between(tmp_path, STEPS, *NODES, environment=environment)

    running = start_mbm(tmp_path, STEPS, *NODES, environment=environment)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    weights = weights_of(tmp_path)
    assert all(np.array_equal(weights[name], one_node[name]) for name in one_node)


@pytest.mark.long
def test_torchrun_on_each_node_trains_the_same_weights(
    tmp_path: Path, one_node: dict[str, np.ndarray]
) -> None:
    save_samples(tmp_path)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nnodes", "2")
    torchrun += ("--nproc-per-node", "1", "--rdzv-backend", "c10d")
    torchrun += ("--rdzv-endpoint", f"localhost:{free_port()}", "-m", "mindvideo")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    both = [start_mbm(tmp_path, STEPS, environment=environment, program=torchrun) for _ in range(2)]
    for running in both:
        _, errors = running.communicate(timeout=300)
        assert running.returncode == 0, errors
    weights = weights_of(tmp_path)
    assert all(np.array_equal(weights[name], one_node[name]) for name in one_node)


def test_an_error_on_one_node_ends_all(tmp_path: Path) -> None:
    np.save(tmp_path / "samples.npy", np.zeros((4, 32), np.float32))  # fewer than a batch
    running = start_mbm(tmp_path, STEPS, *NODES, environment=with_srun(tmp_path))
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 1
    assert errors.count("batch_size") == 1, errors
    assert not (tmp_path / "model").exists()


def test_nodes_without_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match=r"(?s)needs a Slurm job of 2 nodes.*torchrun --nnodes N"):
        processes.start_launchers(2, [])


def test_nodes_within_a_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in with_srun(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    with pytest.raises(InputError, match="srun has started this process"):
        processes.start_launchers(2, [])


@pytest.mark.parametrize(
    ("node", "gpus", "count", "expected"),
    [(0, None, 3, 2), (1, None, 3, 1), (1, "4", 16, 4), (0, "0", 2, 1)],
)
def test_a_node_has_a_process_for_each_of_its_gpus(
    monkeypatch: pytest.MonkeyPatch, node: int, gpus: str | None, count: int, expected: int
) -> None:
    monkeypatch.setenv(processes.PORT, "29400")
    monkeypatch.setenv("SLURM_NODEID", str(node))
    monkeypatch.setenv("SLURM_LAUNCH_NODE_IPADDR", "10.0.0.7")
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    if gpus is not None:
        monkeypatch.setenv("SLURM_GPUS_ON_NODE", gpus)
    launcher = processes.Launcher.here(count, 2)
    assert launcher == (expected, "10.0.0.7:29400", node == 0)


def test_fewer_processes_than_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(processes.PORT, "29400")
    monkeypatch.setenv("SLURM_NODEID", "2")
    monkeypatch.setenv("SLURM_LAUNCH_NODE_IPADDR", "fe80::1")
    monkeypatch.delenv("SLURM_GPUS_ON_NODE", raising=False)
    with pytest.raises(InputError, match="2 processes cannot be divided among 3 nodes"):
        processes.Launcher.here(2, 3)
