"""The time limit of a batch job: a stage stops before it, and goes on in a next job.

Some minutes before the job's end the stage gets the SIGTERM that every stage handles: a training
writes a checkpoint after its step, other stages keep what they have computed. Then Slurm is asked
to queue the job again under the same number, so that Snakemake sees one job that waits once more.
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
"""Environment variable: the time limit of this job, where the scheduler is not Slurm [min]."""

SUBMITTED = "MINDVIDEO_SUBMITTED"
"""Environment variable: Snakemake submitted this job. One of a person's own, in which Snakemake may
run as a whole, is not queued again: it would begin with the first line of its script."""

STOPPED = 128 + signal.SIGTERM
"""Exit status of a stage that a SIGTERM has ended."""

STARTED = time.monotonic()
"""When this process started, about."""

PATIENCE = 60.0
"""How long a process waits for Slurm to end it, once the job is queued again [s]."""


class Limit(NamedTuple):
    """State of a job, the time left to it and its time limit [s]."""

    state: str
    left: float
    total: float

    @property
    def margin(self) -> float:
        """How long before the end the stage is stopped [s]."""
        return min(300.0, 0.1 * self.total)

    @property
    def is_near(self) -> bool:
        """Whether a SIGTERM now is one that announces the end (``sbatch --signal`` sends one).

        Slurm sends it up to a minute early.
        """
        return self.left <= min(3600.0, 0.2 * self.total) + 60


@contextlib.contextmanager
def watched(states: list[Path]) -> Iterator[None]:
    """Stop the stage that runs within before its job's time is up, and queue the job again.

    Nothing is done outside a batch job, nor for a stage without a state folder, which would begin
    again at the start. Where several processes share a training, the first one is in charge.

    Parameters
    ----------
    states : list of Path
        The stage's state folders. If they hold nothing new when the stage is stopped, the job is
        not queued again: it would never end.
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
        # The other processes of a training end now, and torch's launcher then stops this one.
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
            # It may have been changed: scontrol update jobid=… timelimit=…
            limit = _limit() or limit._replace(left=0)
        self.has_sent = True
        logger.warning("%.0f s are left of this job: the stage stops, to go on later", limit.left)
        os.kill(os.getpid(), signal.SIGTERM)


def _go_on_later(watch: _Watch, has_progressed: bool) -> None:
    """Queue the job again, if it was stopped because its time is nearly up.

    A job that was cancelled or preempted is no longer running in Slurm's eyes when its processes
    get the SIGTERM; one that a person has stopped mostly has time left.
    """
    limit = _limit()
    is_near = limit.state == "RUNNING" and limit.is_near if limit else watch.has_sent
    if not is_near:
        return
    if not has_progressed:
        logger.error(
            "the job's time limit ended before the stage had kept anything new: a next job would "
            "get no further. Give it more time (`runtime` of its rule, in the profile)."
        )
    elif (job := os.environ.get("SLURM_JOB_ID")) and SUBMITTED in os.environ:
        _requeue(job)
    else:
        logger.warning(
            "started again, it goes on from here. Snakemake does so if retries > 0; a job that it "
            "did not submit has to be submitted again by hand."
        )


def _requeue(job: str) -> None:
    """Queue a job of Slurm's again, and wait to be ended by Slurm.

    A stage that ended by itself could be taken for a failed job.
    """
    command = ["scontrol", "requeue", job]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        logger.error(
            "the job's time limit is reached, and Slurm does not queue it again (%s: %s). What was "
            "computed is kept: run the same again. To have it queued again, set slurm-requeue: "
            "true in the profile. To need no second job, raise `runtime` of its rule there.",
            *(" ".join(command), str(said).strip()),
        )
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logger.warning("job %s is queued again, and goes on from here", job)
    time.sleep(PATIENCE)


def _limit() -> Limit | None:
    """The limit of the job that this process belongs to; None outside a job, or without limit."""
    if job := os.environ.get("SLURM_JOB_ID"):
        return _limit_of_slurm(job)
    if minutes := os.environ.get(MINUTES):
        total = 60 * float(minutes)
        return Limit("RUNNING", total - (time.monotonic() - STARTED), total)
    return None


def _limit_of_slurm(job: str) -> Limit | None:
    """What ``squeue`` says: in steps of Slurm 22.05 there is no SLURM_JOB_END_TIME."""
    command = ["squeue", "--noheader", f"--jobs={job}", "--format=%T|%L|%l"]
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
        state, left, total = done.stdout.strip().split("|")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.warning("the time limit of job %s is not known (squeue: %s)", job, error)
        return None
    if (seconds := _seconds(total)) is None:
        return None
    return Limit(state, _seconds(left) or 0.0, seconds)


def _seconds(text: str) -> float | None:
    """A time as Slurm writes it, ``[days-][hours:]minutes:seconds``; None for UNLIMITED."""
    if not (match := re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(86_400 * days + 3600 * hours + 60 * minutes + seconds)


def _contents(states: list[Path]) -> list[tuple[Path, int, bytes]]:
    """Files of state folders, with their sizes, and the text of small ones (such as counts)."""
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
