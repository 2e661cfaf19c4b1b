"""One process at a time, without flock; nobody's live work is touched."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mindvideo import locks
from mindvideo.errors import InputError
from mindvideo.locks import Lock, lock_path, locked
from mindvideo.transaction import Transaction

HOLD = """
import sys, time
from pathlib import Path
from mindvideo import locks
from mindvideo.transaction import Transaction
locks.LEASE, locks.BEAT = float(sys.argv[2]), float(sys.argv[3])
with Transaction([Path(sys.argv[1])]) as work:
    work.paths[Path(sys.argv[1])].write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """An output that another process is making."""
    started = []

    def hold(lease=180.0, beat=20.0, environment=()):
        path = tmp_path / "made"
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), str(lease), str(beat)],
            stdout=subprocess.PIPE,
            env=os.environ | dict(environment),
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return path, process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def of_another_machine(path):
    """Let a lock look as if a process of another machine held it."""
    lock = lock_path(path)
    name = os.uname().nodename.encode()
    before = lock.read_bytes()
    assert name in before
    with lock.open("r+b") as file:  # the same file, which its holder renews
        file.write(before.replace(name, b"node-7"))
        file.truncate()


def test_a_second_process_is_refused_with_the_name_of_the_first(held):
    path, process = held(environment={"SLURM_JOB_ID": "4711"}.items())
    with pytest.raises(InputError) as error, locked([path]):
        pass
    for part in (str(path), f"process {process.pid} on", "job 4711", "since 20"):
        assert part in str(error.value)


def test_live_work_is_not_deleted(held):
    path, process = held()
    (working,) = path.parent.glob(".made.partial")
    with pytest.raises(InputError), Transaction([path]):
        pass
    assert (working / "made").read_text() == "half"
    assert process.poll() is None


def test_the_work_of_a_killed_process_is_taken_over_at_once(held):
    path, process = held()
    process.kill()
    process.wait()
    began = time.monotonic()
    with Transaction([path]) as work:
        assert not list(work.paths[path].parent.iterdir())
        work.paths[path].write_text("whole")
        work.commit()
    assert time.monotonic() - began < 5
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["made"]


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are found in /proc")
def test_a_killed_process_whose_parent_does_not_ask_how_it_ended_has_ended(held):
    """An orphan in a container whose first process does not."""
    path, process = held()
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.kill(process.pid, 0)  # it still has its number
    start = time.monotonic()
    with locked([path]):
        assert time.monotonic() - start < 5


def test_a_process_of_another_machine_that_gives_signs_of_life_is_refused(held, monkeypatch):
    path, _ = held(lease=20, beat=1)
    of_another_machine(path)
    monkeypatch.setattr(locks, "LEASE", 20.0)
    monkeypatch.setattr(locks, "BEAT", 1.0)
    began = time.monotonic()
    with pytest.raises(InputError, match="another process is writing here"), locked([path]):
        pass
    assert time.monotonic() - began < 10


def test_one_of_another_machine_that_gives_none_is_stale(held, monkeypatch):
    """Its machine was lost: stopped, it renews nothing."""
    path, process = held(lease=3, beat=1)
    process.send_signal(signal.SIGSTOP)
    of_another_machine(path)
    monkeypatch.setattr(locks, "LEASE", 3.0)
    monkeypatch.setattr(locks, "BEAT", 1.0)
    with locked([path]):
        # Awake again, it finds its lock in other hands and ends without a commit.
        process.send_signal(signal.SIGCONT)
        assert process.wait(30) == locks.LOST


def test_an_empty_lock_of_a_lost_machine_is_stale_too(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "LEASE", 2.0)
    monkeypatch.setattr(locks, "BEAT", 1.0)
    lock_path(tmp_path / "made").touch()
    with locked([tmp_path / "made"]):
        pass
    assert "waiting for it to renew its lock" in caplog.text


@pytest.mark.parametrize("number", ["ENOSYS", "ENOLCK", "EOPNOTSUPP"])
def test_no_flock_is_needed(tmp_path, monkeypatch, number):
    import errno

    def refuse(*_):
        raise OSError(getattr(errno, number), "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    with Transaction([tmp_path / "made"], tmp_path / "state") as work:
        work.paths[tmp_path / "made"].write_text("made")
        work.commit()
    assert (tmp_path / "made").read_text() == "made"


def test_of_several_outputs_all_or_none_are_locked(held):
    path, _ = held()
    first = path.with_name("a")
    with pytest.raises(InputError), locked([path, first]):
        pass
    with locked([first]):
        pass
    assert not lock_path(first).exists()


def test_a_lock_that_was_deleted_ends_its_process_before_it_commits(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    lock = Lock(tmp_path / "made")
    lock.acquire()
    lock.check()
    assert not ended
    lock_path(tmp_path / "made").unlink()
    lock.check()
    assert ended == [locks.LOST]
    lock.release()


def test_nothing_stays_behind_a_released_lock(tmp_path):
    for _ in range(3):
        with locked([tmp_path / "made", Path(tmp_path / "state")]):
            assert lock_path(tmp_path / "made").exists()
    assert not list(tmp_path.iterdir())
