"""The time limit of a batch job: a stage stops before it, and resumes in another job.

Some minutes before the job's end, the stage receives a SIGTERM, which every stage handles: training
writes a checkpoint after the current step, other stages keep what they have computed. Slurm then
queues the job again under the same number, so that Snakemake still sees one job, waiting again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mindvideo.identity import IDENTITY
from mindvideo.processes import rank

logger = logging.getLogger(__name__)

MINUTES = "MINDVIDEO_JOB_MINUTES"
"""Environment variable: the time limit of this job, if the scheduler is not Slurm [min]."""

SUBMITTED = "MINDVIDEO_SUBMITTED"
"""Environment variable: Snakemake submitted this job. A job that the user submitted, in which
Snakemake itself may run, is not queued again: it would start with the first line of its script."""

STOPPED = 128 + signal.SIGTERM
"""Exit status of a stage that ended after a SIGTERM."""

STARTED = time.monotonic()
"""Approximate time at which this process started."""

PATIENCE = 60.0
"""How long a process waits for Slurm to end it after the job was queued again [s]."""


class Limit(NamedTuple):
    """State of a job, its remaining time and its time limit [s]."""

    state: str
    left: float
    total: float

    @property
    def margin(self) -> float:
        """How long before the end the stage is stopped [s]."""
        return min(300.0, 0.1 * self.total)

    @property
    def is_near(self) -> bool:
        """Whether a SIGTERM now announces the end of the job (``sbatch --signal`` sends one).

        Slurm sends it up to a minute early.
        """
        return self.left <= min(3600.0, 0.2 * self.total) + 60


@contextlib.contextmanager
def watched(states: list[Path]) -> Iterator[None]:
    """Stop the stage in this context before its job's time limit, and queue the job again.

    Nothing is done outside a batch job, nor for a stage without a state folder, which would start
    from scratch. If several processes share a training run, only the first one does this.

    Parameters
    ----------
    states : list of Path
        The stage's state folders. If they contain nothing new when the stage is stopped, the job is
        not queued again, since it would never finish.
    """
    limit = _limit() if states and not rank() else None
    if limit is None:
        yield
        return
    before, watch = _contents(states), _Watch(limit)
    try:
        watch.start()
        yield
    except SystemExit as stopped:
        # The other processes of the training run end now; torch's launcher then stops this one.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if stopped.code == STOPPED:
            _go_on_later(watch, _contents(states) != before)
        raise
    finally:
        watch.ended.set()


class _Watch(threading.Thread):
    """Sends this process a SIGTERM shortly before its job's end."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(name="time limit", daemon=True)
        self.ended = threading.Event()
        self.has_sent = False
        self._limit = limit

    def run(self) -> None:
        limit = self._limit
        while limit.left > limit.margin:
            if self.ended.wait(limit.left - limit.margin):
                return
            # The limit may have been changed: scontrol update jobid=… timelimit=…
            limit = _limit() or limit._replace(left=0)
        self.has_sent = True
        logger.warning("%.0f s remain of this job: the stage stops, to resume later", limit.left)
        os.kill(os.getpid(), signal.SIGTERM)


def _go_on_later(watch: _Watch, has_progressed: bool) -> None:
    """Queue the job again if it was stopped because of its time limit.

    When a job is cancelled or preempted, Slurm no longer lists it as running when its processes
    get the SIGTERM; a job that the user stops usually has time left.
    """
    limit = _limit()
    is_near = limit.state == "RUNNING" and limit.is_near if limit else watch.has_sent
    if not is_near:
        return
    if not has_progressed:
        logger.error(
            "the job's time limit was reached before the stage could save any progress, so "
            "another job would get no further. Raise the time limit (`runtime` of its rule, in the "
            "profile)."
        )
    elif (job := os.environ.get("SLURM_JOB_ID")) and SUBMITTED in os.environ:
        _requeue(job)
    else:
        logger.warning(
            "when started again, the stage resumes from here. Snakemake restarts it if retries > "
            "0; a job that Snakemake did not submit must be submitted again by hand."
        )


def _requeue(job: str) -> None:
    """Queue a Slurm job again, and wait until Slurm ends this process.

    If the stage ended by itself, its job could be recorded as failed.
    """
    command = ["scontrol", "requeue", job]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        logger.error(
            "the job's time limit is reached, and Slurm does not queue it again (%s: %s). The "
            "progress is saved: run the same command again. To queue jobs again automatically, set "
            "slurm-requeue: true in the profile. To avoid this, raise `runtime` of its rule there.",
            *(" ".join(command), str(said).strip()),
        )
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logger.warning("job %s is queued again, and will resume from here", job)
    time.sleep(PATIENCE)


def _limit() -> Limit | None:
    """The limit of this process's batch job; None outside a job, or without a limit."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return _limit_of_slurm(job)
    if minutes := os.environ.get(MINUTES):
        total = 60 * float(minutes)
        return Limit("RUNNING", total - (time.monotonic() - STARTED), total)
    return None


def _limit_of_slurm(job: str) -> Limit | None:
    """The limit from ``squeue``: steps of Slurm 22.05 have no SLURM_JOB_END_TIME."""
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%T|%L|%l"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
        state, left, total = done.stdout.strip().split("|")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.warning("the time limit of job %s is unknown (squeue: %s)", job, error)
        return None
    if (seconds := _seconds(total)) is None:
        return None
    return Limit(state, _seconds(left) or 0.0, seconds)


def _seconds(text: str) -> float | None:
    """A time in Slurm's format, ``[days-][hours:]minutes:seconds``, in seconds; or None."""
    if not (match := re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(86_400 * days + 3600 * hours + 60 * minutes + seconds)


def _contents(states: list[Path]) -> list[tuple[Path, int, bytes]]:
    """Files of state folders, with their sizes, and the content of small ones (such as counts)."""
    files = [
        path
        for state in states
        for path in sorted(state.rglob("*"))
        if path.is_file() and path.name != IDENTITY
    ]
    sizes = [path.stat().st_size for path in files]
    return [
        (path, size, path.read_bytes() if size <= 64 else b"") for path, size in zip(files, sizes)
    ]
