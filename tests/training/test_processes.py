"""Two processes share a batch and end where one does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import torch


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def test_two_processes_are_one(toy: ModuleType, tmp_path: Path) -> None:
    alone, together = tmp_path / "alone", tmp_path / "together"
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "OMP_NUM_THREADS": "1"}
    shared["MASTER_PORT"] = str(free_port())
    command = [sys.executable, toy.__file__, str(together), "0", "compare"]
    running = [
        subprocess.Popen(
            command, env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in "01"
    ]
    toy.compare(alone)
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    for objective in ("regression", "contrast"):
        one, two = (
            torch.load(f / objective / "weights.pt", weights_only=True) for f in (alone, together)
        )
        for name, weight in one.items():
            torch.testing.assert_close(weight, two[name], rtol=1e-3, atol=1e-5)
        rows = [(f / objective / "history.tsv").read_text().count("\n") for f in (alone, together)]
        assert rows[0] == rows[1]
