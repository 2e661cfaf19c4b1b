"""A training run in several processes, as a command; and a `srun` for machines without Slurm."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

SHAPE = {"patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2}
SHAPE |= {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}

SRUN = '''#!{python}
"""Runs a command once for each of its nodes, all on this machine, as Slurm does on several."""
import os, signal, subprocess, sys, time

options = [word for word in sys.argv[1:] if word.startswith("--")]
options = options[: sys.argv[1:].index({python!r})]
nodes = int(dict(option[2:].partition("=")[::2] for option in options)["nodes"])
common = {{**os.environ, "SLURM_LAUNCH_NODE_IPADDR": "127.0.0.1"}}
command = sys.argv[1 + len(options) :]
tasks = [
    subprocess.Popen(command, env=common | {{"SLURM_NODEID": str(node)}}) for node in range(nodes)
]
signal.signal(signal.SIGTERM, lambda number, _: [task.send_signal(number) for task in tasks])
while any(task.poll() is None for task in tasks) and not any(task.poll() for task in tasks):
    time.sleep(0.05)
first = max((abs(task.poll()) for task in tasks if task.poll()), default=0)
time.sleep(1)  # Slurm's is not instantaneous either
for task in tasks:
    if task.poll() is None:
        task.kill()
sys.exit(first)
'''
"""For which `--kill-on-bad-exit` always holds."""


def free_port() -> int:
    """Of this machine."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def with_srun(folder: Path) -> dict[str, str]:
    """Environment of a job of a Slurm that is not there; a node has one thread."""
    path = folder / "bin" / "srun"
    path.parent.mkdir(exist_ok=True)
    path.write_text(SRUN.format(python=sys.executable))
    path.chmod(0o755)
    folders = os.pathsep.join([str(path.parent), os.environ["PATH"]])
    return {**os.environ, "PATH": folders, "SLURM_JOB_ID": "1", "OMP_NUM_THREADS": "1"}


PYTHON = (sys.executable, "-m", "mindvideo")


def start_mbm(
    folder: Path,
    steps: int,
    *options: str,
    environment: dict[str, str] | None = None,
    program: tuple[str, ...] = PYTHON,
) -> subprocess.Popen:
    """Train a masked autoencoder on `samples.npy` of a folder, in two processes of one thread."""
    settings = {"duration": steps, "unit": "steps", "warmup": 0, "batch_size": 8, "encoder": SHAPE}
    names = ("samples.npy", "model", "history.tsv", "events", "examples.npy")
    places = {name: folder / name for name in names}
    command = [*program, "mbm", "--processes", "2", *options, "--settings"]
    command += [json.dumps(settings), "--state", str(folder / "state")]
    command += [part for path in places.values() for part in (f"--{path.stem}", str(path))]
    environment = environment or {**os.environ, "OMP_NUM_THREADS": "2"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def save_samples(folder: Path) -> None:
    """Random samples of 32 voxels."""
    volumes = np.random.default_rng(0).standard_normal((64, 32), dtype=np.float32)
    np.save(folder / "samples.npy", volumes)


def wait_for_steps(running: subprocess.Popen, folder: Path, seconds: float = 120) -> None:
    """Wait until the history of a training run has some rows."""
    end = time.monotonic() + seconds
    while not any(f.stat().st_size > 500 for f in folder.glob("state/*/history.tsv")):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)


def stop_between(
    folder: Path, steps: int, *options: str, environment: dict[str, str] | None = None
) -> None:
    """Start the training of `start_mbm`, and stop it between two of its steps, by SIGTERM."""
    running = start_mbm(folder, steps, *options, environment=environment)
    wait_for_steps(running, folder)
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM, errors
    (kept,) = folder.glob("state/*/step-*")
    assert 0 < int(kept.name.removeprefix("step-")) < steps
