"""A training killed again and again, by itself and with its Snakemake, ends as one left alone.

``MINDVIDEO_KILLS=20 pytest -m '' tests/workflow/test_kills.py`` also kills one twenty times.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.workflow.conftest import TINY, Checkout

KILLS = int(os.environ.get("MINDVIDEO_KILLS", "3"))
MODEL = "results/shared/pretraining/model"
WEIGHTS = f"{MODEL}/diffusion_pytorch_model.safetensors"
WAYS = ("Snakemake, -9", "trainer, -9", "trainer, TERM")  # on TERM it lets its jobs end


pytestmark = pytest.mark.long


@pytest.fixture(scope="module", params=[1, KILLS])
def kills(request):
    return request.param


@pytest.fixture(scope="module")
def steps(kills):
    return 400 + 400 * kills


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, steps):
    """The samples are there; a training on them takes some seconds between two kills."""
    checkout = Checkout(tmp_path_factory.mktemp("kills"))
    training = {"duration": steps, "batch_size": 4, "warmup": 1, "checkpoint_minutes": 0.01}
    checkout.configure(**TINY | {"pretraining": training})
    done = checkout.snakemake("--", "results/shared/samples/rest1.npy")
    assert done.returncode == 0, done.stderr
    return checkout


def start(checkout):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--", MODEL]  # as below
    return subprocess.Popen(
        command,
        cwd=checkout.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def trainers(checkout):
    """Python processes that train in this checkout."""
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            python = "python" in os.readlink(entry / "exe")
            if python and b"mbm" in words and (entry / "cwd").samefile(checkout.folder):
                processes.append(int(entry.name))
        except OSError:  # it has ended
            continue
    return processes


def wait_until(condition, seconds=60):
    for _ in range(20 * seconds):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


def steps_done(checkout):
    checkpoints = (checkout.folder / "results/state").rglob("step-*[0-9]/training.pt")
    return max((int(path.parent.name.removeprefix("step-")) for path in checkpoints), default=0)


def assert_whole_or_absent(checkout, steps):
    """What has its own name is whole: it loads. The rest has the name of what is unfinished."""
    folder = checkout.folder / "results/shared/pretraining"
    if (checkout.folder / WEIGHTS).exists():
        assert load_file(checkout.folder / WEIGHTS)
    if (history := folder / "history.tsv").exists():
        assert len(history.read_text().splitlines()) == steps + 1


def test_killed_at_random_it_ends_with_the_weights_of_one_left_alone(checkout, kills, steps):
    done = checkout.snakemake("--", MODEL)
    assert done.returncode == 0, done.stderr
    expected = load_file(checkout.folder / WEIGHTS)
    assert checkout.snakemake("--delete-all-output", "--", MODEL).returncode == 0
    assert checkout.snakemake("--", "results/shared/samples/rest1.npy").returncode == 0

    chance = random.Random(0)
    for n in range(kills):
        way = WAYS[n % len(WAYS)]
        before, running = steps_done(checkout), start(checkout)
        wait_until(lambda before=before: steps_done(checkout) > before)
        time.sleep(chance.uniform(0, 0.5))
        (trainer,) = trainers(checkout)  # never two at once
        number = signal.SIGKILL if way.endswith("-9") else signal.SIGTERM
        if way == "Snakemake, -9":
            os.kill(trainer, signal.SIGSTOP)  # so that it does not end before the second begins
        os.kill(trainer if way.startswith("trainer") else running.pid, number)
        running.wait(60)
        assert_whole_or_absent(checkout, steps)
        if way == "Snakemake, -9":  # its trainer goes on, and lets no other in
            assert checkout.snakemake("--unlock").returncode == 0
            second = checkout.snakemake("--", MODEL)
            assert second.returncode != 0
            assert "another process is writing here" in second.stdout + second.stderr
            for pid in trainers(checkout):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not trainers(checkout))

    assert 0 < steps_done(checkout) < steps  # the kills fell into the training
    done = checkout.snakemake("--", MODEL)
    assert done.returncode == 0, done.stderr
    weights = load_file(checkout.folder / WEIGHTS)
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)
    assert_whole_or_absent(checkout, steps)
    assert not list(checkout.folder.rglob("*partial*"))
    assert not [path for path in (checkout.folder / "results/state").rglob("*") if path.is_file()]
