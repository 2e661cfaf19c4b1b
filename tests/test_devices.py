"""GPUs are lent to one process each; a script reports two, as NVIDIA's tool would."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from mindvideo import devices
from mindvideo.errors import InputError
from mindvideo.registry import read_stage
from mindvideo.runner import uses_a_gpu

TOOL = """#!/bin/sh
echo "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa)"
echo "  MIG 1g.10gb Device 0: (UUID: MIG-cccc)"
echo "GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb)"
"""
HOLD = """
import sys
from mindvideo.devices import claim
from mindvideo.errors import InputError
try:
    print(",".join(claim(int(sys.argv[1]))), flush=True)
except InputError as error:
    print(error, flush=True)
sys.stdin.read()
"""


def test_a_file_system_without_locks_lends_gpus_with_a_warning(machine, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(devices.fcntl, "flock", refuse)
    try:
        assert devices.claim(2) == ["0", "1"]
    finally:
        devices.release()
    assert "this file system does not support locks (No locks available)" in caplog.text
    assert "TMPDIR" in caplog.text


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with two GPUs; starts processes that claim some and hold them."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(TOOL)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def hold(count=1, **environment):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | environment,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield hold
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_each_process_has_a_gpu_of_its_own(machine):
    assert [machine()[1] for _ in range(2)] == ["0", "1"]
    _, message = machine()
    assert message.startswith(
        "1 GPUs requested, but only 0 of 2 are free: other jobs of mindvideo use the rest."
    )
    assert "snakemake --resources gpu=N, at most 2 here" in message


def test_a_killed_process_frees_its_own(machine):
    first, _ = machine()
    machine()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert machine()[1] == "0"


def test_who_asks_for_too_many_takes_none(machine):
    machine()
    assert "2 GPUs requested, but only 1 of 2 are free" in machine(2)[1]
    assert machine()[1] == "1"


def test_only_those_that_are_allowed(machine):
    assert machine(CUDA_VISIBLE_DEVICES="1")[1] == "1"
    assert "0 of 1 are free" in machine(CUDA_VISIBLE_DEVICES="1")[1]
    assert machine(2, CUDA_VISIBLE_DEVICES="MIG-cccc,0")[1] == "MIG-cccc,0"


def test_a_scheduler_that_gave_devices_is_left_alone(machine):
    assert machine(SLURM_JOB_ID="7")[1] == ""


def test_without_gpus_there_is_nothing_to_claim(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.claim(3) == []


def test_torch_is_shown_no_others(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(devices.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    devices.claim(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    with pytest.raises(InputError, match="0 of 1 are free"):
        devices.claim(1)
    assert devices.claimed()
    devices.release()
    assert not devices.claimed()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize(
    ("stage", "does"),
    [("cotraining", True), ("reconstruct", True), ("captions", True), ("clean", False)],
)
def test_stages_that_compute_on_a_gpu_are_known_by_their_code(stage, does):
    assert uses_a_gpu(read_stage(stage)) is does


@pytest.mark.parametrize("kind", ["nvidia", "amd", None])
def test_gpus_of_either_maker_are_noticed(machine, tmp_path, monkeypatch, kind):
    if kind != "nvidia":
        monkeypatch.setattr(devices, "gpus", dict)
    monkeypatch.setattr(devices, "AMD", tmp_path if kind == "amd" else tmp_path / "none")
    devices.has_gpus.cache_clear()
    assert devices.has_gpus() == (kind is not None)
    devices.has_gpus.cache_clear()
