"""A training in two processes gives the weights of one process; a stage in two is one stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch

from mindvideo import processes
from mindvideo.errors import InputError
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.settings.training import Training
from tests.training.several import SHAPE, free_port, save_samples, start_mbm, stop_between


@pytest.mark.parametrize(
    ("processes", "batch_size", "accumulate"),
    [
        pytest.param(2, 4, 1, marks=pytest.mark.long),
        pytest.param(4, 9, 1, id="9 on 4", marks=pytest.mark.long),
        pytest.param(2, 9, 2, id="9 on 2 in 2 parts"),
    ],
)
def test_several_processes_train_the_weights_of_one(
    toy: ModuleType, tmp_path: Path, processes: int, batch_size: int, accumulate: int
) -> None:
    single, double = tmp_path / "single", tmp_path / "double"
    shared = {**os.environ, "MASTER_ADDR": "localhost", "OMP_NUM_THREADS": "1"}
    shared |= {"WORLD_SIZE": str(processes), "MASTER_PORT": str(free_port())}
    divided = [str(batch_size), str(accumulate)]
    command = [sys.executable, toy.__file__, str(double), "0", "compare", *divided]
    running = [
        subprocess.Popen(
            command, env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in map(str, range(processes))
    ]
    toy.compare(single, batch_size, 1)
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    for objective in ("regression", "contrast"):
        one, two = (
            torch.load(f / objective / "weights.pt", weights_only=True) for f in (single, double)
        )
        for name, weight in one.items():
            torch.testing.assert_close(weight, two[name], rtol=1e-3, atol=1e-5)
        tables = [pd.read_csv(f / objective / "history.tsv", sep="\t") for f in (single, double)]
        columns = ["step", "loss", "grad_norm", "lr"]
        one, two = (table[columns] for table in tables)
        pd.testing.assert_frame_equal(one, two, rtol=1e-3)


@pytest.mark.parametrize(
    ("changed", "threads", "expected"),
    [
        ({}, "8", 1),  # unless the settings say otherwise, one
        ({"cpu_processes": 2}, "8", 2),
        ({"cpu_processes": 4}, "2", 2),
        ({"cpu_processes": 4}, "1", 1),
        ({"cpu_processes": 4, "batch_size": 6, "accumulate": 2}, "8", 3),
    ],
)
def test_on_a_cpu_a_training_has_the_processes_of_its_settings(
    monkeypatch: pytest.MonkeyPatch, changed: dict, threads: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    settings = Training.model_validate({"duration": 1, "batch_size": 8, "lr": 1.0} | changed)
    monkeypatch.setattr(processes, "has_gpus", lambda: False)
    assert processes.processes_on_cpu(settings) == expected
    monkeypatch.setattr(processes, "has_gpus", lambda: True)
    assert processes.processes_on_cpu(settings) == 1


STEPS = 300
SAVES = """
import os, sys
from pathlib import Path
from mindvideo.cli import main
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
save = MaskedAutoencoder.save_pretrained
def counted(self, folder, **options):
    Path(os.environ["SAVED"]).open("a").write(os.environ["RANK"])
    save(self, folder, **options)
MaskedAutoencoder.save_pretrained = counted
sys.exit(main(sys.argv[1:]))
"""


def test_only_the_first_process_writes_the_model(tmp_path: Path) -> None:
    """The others exit after the training: each would hold a model of gigabytes."""
    np.save(tmp_path / "samples.npy", np.zeros((16, 32), np.float32) + np.arange(32))
    settings = {"duration": 2, "unit": "steps", "warmup": 0, "batch_size": 8, "encoder": SHAPE}
    places = {name: tmp_path / name for name in ("samples.npy", "model", "history.tsv", "events")}
    places["examples.npy"] = tmp_path / "examples.npy"
    command = [sys.executable, "-c", SAVES, "mbm", "--settings", json.dumps(settings)]
    command += ["--state", str(tmp_path / "state")]
    command += [part for path in places.values() for part in (f"--{path.stem}", str(path))]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "OMP_NUM_THREADS": "1"}
    shared |= {"MASTER_PORT": str(free_port()), "SAVED": str(tmp_path / "saved")}
    running = [
        subprocess.Popen(
            command, env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in "01"
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    assert (tmp_path / "saved").read_text() == "0"
    assert (tmp_path / "model").is_dir()


@pytest.mark.long
def test_a_stage_in_two_processes_stops_and_resumes(tmp_path: Path) -> None:
    save_samples(tmp_path)
    stop_between(tmp_path, STEPS)

    running = start_mbm(tmp_path, STEPS)
    _, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert list(pd.read_csv(tmp_path / "history.tsv", sep="\t").step) == list(range(1, STEPS + 1))
    assert MaskedAutoencoder.from_pretrained(tmp_path / "model").config["num_voxels"] == 32
    names = {path.name for path in tmp_path.iterdir()}
    outputs = {"model", "history.tsv", "events", "examples.npy"}
    assert names == outputs | {f"{name}.json" for name in outputs} | {"samples.npy"}


def test_the_threads_of_a_job_are_divided_among_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in processes.THREADS:
        monkeypatch.setenv(name, "8")  # as Snakemake does
    processes.share_threads(4)
    assert {os.environ[name] for name in processes.THREADS} == {"2"}
    processes.share_threads(4)
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="4 processes, but torch finds only 1 GPUs"):
        processes.run_in_processes(4, [])
