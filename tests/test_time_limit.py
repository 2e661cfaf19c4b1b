"""Time limits of batch jobs, with a Slurm that is two scripts; tests/workflow has a real one."""

import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from mindvideo import runner, time_limit
from mindvideo.time_limit import Limit, watched
from tests.training.test_processes import start_mbm

SLOW = """
import sys, time, types
from pathlib import Path
from mindvideo import registry, runner
from mindvideo.settings.base import Section

def main(*, output, state, settings):
    (state / "rows.done").write_text("3")
    time.sleep(30)

module = types.ModuleType("slow")
module.main = main
runner.importlib.import_module = lambda name: module
made = {"stands_for": "x", "code": "x", "modules": {}, "libraries": {}}
runner.provenance = lambda module, code, output: made
runner.uses_a_gpu = lambda stage: False
parameters = tuple(registry.Parameter(name.lower(), name, False) for name in ("Output", "State"))
stage = registry.Stage("slow", "", parameters, "", "", "", ())
paths = {"output": Path("out"), "state": Path("kept")}
sys.exit(runner.run(stage, paths, Section(), log=Path("log")))
"""
"""A program that is one stage, which keeps something and then takes long."""


@pytest.fixture(autouse=True)
def _signals(monkeypatch):
    """A stage's handler of SIGTERM; everything as before afterwards."""
    before = signal.signal(signal.SIGTERM, runner.end)
    for name in ("SLURM_JOB_ID", time_limit.MINUTES, "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time_limit, "PATIENCE", 0.0)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A job 7 of Slurm; call it with the answer of squeue, and with scontrol's exit status."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv(time_limit.SUBMITTED, "1")

    def script(name, text):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def answer(answers, status=0):
        script("squeue", f"echo '{answers}'")
        script("scontrol", f"echo $* >> {folder}/asked; echo disabled >&2; exit {status}")

    def requeued():
        path = folder / "asked"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    answer.requeued = requeued
    return answer


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def stay():
    """Work on, until a signal ends it."""
    time.sleep(20)


def stopped(state, work):
    """Status of a stage that does some work and is ended."""
    with pytest.raises(SystemExit) as ended:
        with watched([state]):
            work()
    signal.signal(signal.SIGTERM, runner.end)
    return ended.value.code


def stop(state, progress=True):
    """A stage that a SIGTERM stops after it has kept something."""

    def work():
        if progress:
            (state / "rows.done").write_text("5")
        os.kill(os.getpid(), signal.SIGTERM)
        stay()

    assert stopped(state, work) == 143


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:54", 54),
        ("30:00", 1800),
        ("1:02:03", 3723),
        ("2-00:00:01", 172_801),
        ("UNLIMITED", None),
        ("INVALID", None),
    ],
)
def test_times_as_slurm_writes_them(text, seconds):
    assert time_limit._seconds(text) == seconds


def test_a_stage_is_stopped_a_tenth_of_the_limit_or_five_minutes_before_the_end():
    assert Limit("RUNNING", 0, 60).margin == 6
    assert Limit("RUNNING", 0, 86_400).margin == 300


def test_near_the_end_the_job_is_queued_again(slurm, state, caplog):
    slurm("RUNNING|10:00|1-00:00:00")
    stop(state)
    assert slurm.requeued() == ["requeue 7"]
    assert "queued again" in caplog.text


def test_the_stage_is_stopped_by_itself_before_the_end(slurm, state):
    slurm("RUNNING|0:07|1:00")
    began = time.monotonic()

    def work():
        slurm("RUNNING|0:06|1:00")
        (state / "step-8").mkdir()
        (state / "step-8" / "training.pt").touch()
        stay()

    assert stopped(state, work) == 143
    assert 0.5 < time.monotonic() - began < 18
    assert slurm.requeued() == ["requeue 7"]


def test_a_limit_that_was_extended_meanwhile_counts(slurm, state):
    slurm("RUNNING|0:07|1:00")
    with watched([state]):
        slurm("RUNNING|9:00|10:00")
        time.sleep(1.5)
    assert not slurm.requeued()


@pytest.mark.parametrize("answers", ["RUNNING|20:00:00|1-00:00:00", "COMPLETING|2:00|10:00"])
def test_a_job_that_was_stopped_or_cancelled_is_not_queued_again(slurm, state, answers):
    slurm(answers)
    stop(state)
    assert not slurm.requeued()


def test_a_job_that_snakemake_did_not_submit_is_not_queued_again(slurm, state, monkeypatch, caplog):
    """A script of one's own that runs Snakemake would begin with its first line."""
    monkeypatch.delenv(time_limit.SUBMITTED)
    slurm("RUNNING|10:00|1-00:00:00")
    stop(state)
    assert not slurm.requeued()
    assert "submitted again by hand" in caplog.text


def test_a_job_that_got_no_further_is_not_queued_again(slurm, state, caplog):
    (state / "rows.done").write_text("4")
    slurm("RUNNING|10:00|1-00:00:00")
    stop(state, progress=False)
    assert not slurm.requeued()
    assert "`runtime` of its rule" in caplog.text


def test_counts_and_names_are_progress_and_whose_they_are_is_not(state):
    (state / "rows.done").write_text("4")
    before = time_limit._contents([state])
    (state / "identity.json").write_text("{}")
    assert time_limit._contents([state]) == before
    (state / "rows.done").write_text("5")
    assert time_limit._contents([state]) != before


def test_where_slurm_refuses_the_log_says_what_to_do(slurm, state, caplog):
    slurm("RUNNING|10:00|1-00:00:00", status=1)
    stop(state)
    assert "scontrol requeue 7: disabled" in caplog.text
    assert "slurm-requeue: true" in caplog.text
    assert "`runtime` of its rule" in caplog.text


def test_other_errors_and_ends_queue_nothing(slurm, state):
    slurm("RUNNING|0:09|1:00")
    assert stopped(state, lambda: sys.exit(1)) == 1
    with pytest.raises(ZeroDivisionError), watched([state]):
        _ = 1 / 0
    with watched([state]):
        pass
    assert not slurm.requeued()


def test_only_the_first_of_several_processes_queues_the_job(slurm, state, monkeypatch):
    slurm("RUNNING|10:00|1-00:00:00")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    stop(state)
    assert not slurm.requeued()
    (state / "rows.done").unlink()
    monkeypatch.setenv("RANK", "0")
    stop(state)
    assert slurm.requeued() == ["requeue 7"]


def test_without_a_limit_or_a_state_or_a_job_nothing_happens(slurm, state, monkeypatch):
    slurm("RUNNING|UNLIMITED|UNLIMITED")
    stop(state)
    slurm("RUNNING|0:01|1:00")
    with watched([]):
        time.sleep(0.5)
    monkeypatch.delenv("SLURM_JOB_ID")
    with watched([state]):
        time.sleep(0.5)
    assert not slurm.requeued()


def test_squeue_that_fails_is_a_warning(slurm, state, caplog):
    slurm("")
    with watched([state]):
        pass
    assert "the time limit of job 7 is unknown" in caplog.text


def test_another_scheduler_names_the_minutes(state, monkeypatch, caplog):
    used = (time.monotonic() - time_limit.STARTED) / 60
    monkeypatch.setenv(time_limit.MINUTES, str((used + 0.01) / 0.9))

    def work():
        (state / "step-8.pt").touch()
        stay()

    assert stopped(state, work) == 143
    assert "started again" in caplog.text


def test_a_command_stops_and_has_its_job_queued_again(slurm, tmp_path):
    """The runner: a stage with a state, as a process of its own."""
    slurm("RUNNING|0:10|1:00")
    (tmp_path / "slow.py").write_text(SLOW)
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    running = subprocess.Popen(
        [sys.executable, "slow.py"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob("kept/*/rows.done")):
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.05)
    slurm("RUNNING|0:03|1:00")
    line = ""
    while "queued again" not in line:
        line = running.stderr.readline()
        assert line, "ended too early"
    running.terminate()  # as Slurm does
    assert running.wait(20) == -signal.SIGTERM
    assert slurm.requeued() == ["requeue 7"]
    assert [path.read_text() for path in (tmp_path / "kept").rglob("rows.done")] == ["3"]
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_processes_that_share_a_training_queue_it_once(slurm, tmp_path):
    """The first one is told that time is up; all of them leave after the same step."""
    slurm("RUNNING|0:30|1:00")
    np.save(tmp_path / "samples.npy", np.zeros((64, 32), np.float32))
    running, end = start_mbm(tmp_path, steps=100_000), time.monotonic() + 120  # it does not end
    while not any(f.stat().st_size > 500 for f in tmp_path.glob("state/*/history.tsv")):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)
    slurm("RUNNING|0:03|1:00")
    _, errors = running.communicate(timeout=120)
    assert running.returncode in (signal.SIGTERM, 143), errors
    assert slurm.requeued() == ["requeue 7"]
    assert list(tmp_path.glob("state/*/step-*"))
