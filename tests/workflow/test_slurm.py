"""The Slurm profile on a real Slurm: jobs run, preempted trainings go on, nodes may die."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.workflow.conftest import TINY, Checkout
from tests.workflow.slurm import Slurm, missing

pytestmark = [pytest.mark.long, pytest.mark.skipif(bool(missing()), reason=missing())]

MODEL = "results/shared/pretraining/model"
OPTIONS = (
    *("--workflow-profile", "profiles/slurm", "--latency-wait", "5"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
)
LONG = {"duration": 1500, "batch_size": 4, "warmup": 1, "checkpoint_minutes": 0.02}


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    yield slurm
    slurm.stop()


def start(checkout, slurm, *targets, options=()):
    command = [sys.executable, "-m", "snakemake", "--nocolor", *OPTIONS, *options, "--", *targets]
    log = (checkout.folder / "snakemake.log").open("w")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(
        command, cwd=checkout.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
    )


def finish(checkout, running, seconds=300):
    status = running.wait(seconds)
    assert status == 0, (checkout.folder / "snakemake.log").read_text()[-8000:]


def wait_for_a_checkpoint(checkout, seconds=120):
    for _ in range(4 * seconds):
        if list((checkout.folder / "results/state").rglob("step-*[0-9]/training.pt")):
            return
        time.sleep(0.25)
    raise TimeoutError((checkout.folder / "snakemake.log").read_text()[-8000:])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, slurm):
    """A checkout whose samples were made by Slurm's jobs."""
    checkout = Checkout(tmp_path_factory.mktemp("cluster"))
    checkout.configure(**TINY | {"pretraining": LONG})
    finish(checkout, start(checkout, slurm, "results/shared/samples/rest1.npy"))
    return checkout


@pytest.fixture(scope="module")
def undisturbed(prepared, slurm):
    """Weights of the training that nothing disturbs."""
    finish(prepared, start(prepared, slurm, MODEL))
    return load_file(prepared.folder / MODEL / "diffusion_pytorch_model.safetensors")


def again(checkout, slurm, *options):
    """Start the same training anew."""
    shutil.rmtree(checkout.folder / "results/shared/pretraining", ignore_errors=True)
    running = start(checkout, slurm, MODEL, options=options)
    wait_for_a_checkpoint(checkout)
    return running


def assert_went_on(checkout, expected):
    log = (checkout.folder / "results/logs/pretraining/shared.log").read_text()
    assert "resuming from" in log
    weights = load_file(checkout.folder / MODEL / "diffusion_pytorch_model.safetensors")
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)
    assert not list((checkout.folder / "results/state").rglob("step-*"))


def test_the_whole_chain(tmp_path, slurm):
    checkout, videos = Checkout(tmp_path), "results/sub1/videos"
    checkout.configure(**TINY)
    finish(checkout, start(checkout, slurm, videos), 1400)
    assert len(list((tmp_path / videos).glob("*.mp4"))) == 20
    finish(checkout, start(checkout, slurm, videos))
    assert "Nothing to be done" in (tmp_path / "snakemake.log").read_text()


def test_a_preempted_training_is_queued_again_and_goes_on(prepared, undisturbed, slurm):
    running = again(prepared, slurm)
    record = slurm("scontrol", "show", "job", slurm.jobs()[0])
    for resource in (
        "gpu",
        "TimeLimit=5-06:00:00",
        "MinMemoryNode=62.50G",
        "Requeue=1",
    ):  # by the profile
        assert resource in record
    urgent = slurm("srun", "--partition=urgent", "--exclusive", "sleep", "2")
    assert urgent == ""
    slurm.hurry()
    finish(prepared, running)
    assert_went_on(prepared, undisturbed)


def test_a_training_outlives_its_node(prepared, undisturbed, slurm):
    running = again(prepared, slurm)
    slurm.kill_node()
    time.sleep(2)
    slurm.start_node()
    finish(prepared, running, 500)  # Slurm waits two minutes, until the node is sure to be clean
    assert_went_on(prepared, undisturbed)


def test_a_training_longer_than_its_time_limit_goes_on_in_a_next_job(prepared, undisturbed, slurm):
    """The training is held up until its minute is nearly over: no machine is too fast then."""
    running = again(prepared, slurm, "--set-resources", "pretraining:runtime=1")
    (job,) = slurm.jobs()
    slurm.signal(job, signal.SIGSTOP, "mindvideo", "mbm")
    while slurm.seconds_left(job) > 5:
        time.sleep(0.5)
    slurm.signal(job, signal.SIGCONT, "mindvideo", "mbm")
    while "Restarts=1" not in (record := slurm("scontrol", "show", "job", job)):
        assert "JobState=RUNNING" in record, record
        time.sleep(0.5)
    while running.poll() is None:  # a slow machine needs a third job
        slurm.hurry()
        time.sleep(0.5)
    finish(prepared, running)
    assert_went_on(prepared, undisturbed)


def test_two_nodes_share_a_training_and_go_on_together(prepared, slurm):
    """With a thread in each process, as sums depend on their number."""
    gpus, threads = "pretraining:gpu=2", "--set-threads"
    finish(prepared, again(prepared, slurm, "--set-resources", gpus, threads, "pretraining=2"))
    expected = load_file(prepared.folder / MODEL / "diffusion_pytorch_model.safetensors")

    on_two = ("nodes=2", "mpi=srun", "tasks_per_node=2", "slurm_partition=pair")
    resources = (gpus, *(f"pretraining:{resource}" for resource in on_two))
    options = ("--set-resources", *resources, threads, "pretraining=1")
    running = again(prepared, slurm, *options)
    assert "NumNodes=2" in slurm("scontrol", "show", "job", slurm.jobs()[0])
    slurm("srun", "--partition=urgent", "--exclusive", "sleep", "2")  # on the first node
    slurm.hurry()
    finish(prepared, running)
    assert_went_on(prepared, expected)
