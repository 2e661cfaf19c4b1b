"""Lock files next to outputs, so that one process at a time writes each; on any file system.

The lock is a file created exclusively, which does not need ``flock`` (some Lustre and NFS mounts
have none, or one that works on one machine only). Its holder renews it every `BEAT` seconds.

A lock counts as stale, and is taken over, when

- the process that holds it ran on this machine and has ended;
- it has not been renewed for `LEASE` seconds by the clock of the waiting process: the machine of
  its holder has failed. So a job that Slurm restarts on another node waits for three minutes.

A process whose lock was taken over ends at once: it must not write at the same time as the new
holder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import LeaseCompromise, SoftFileLease, Timeout

from mindvideo.errors import InputError

logger = logging.getLogger(__name__)

LEASE, BEAT = 180.0, 20.0
"""Time without renewal after which a lock is stale, and interval between renewals [s]."""

LOST = 75
"""Exit status of a process whose lock was taken over (EX_TEMPFAIL: try again)."""


def lock_path(path: Path) -> Path:
    """The lock file of an output or a state folder."""
    return path.with_name(f".{path.name}.lock")


def holder_path(path: Path) -> Path:
    """The file next to the lock that describes its holder."""
    return path.with_name(f".{path.name}.holder.json")


class Lock:
    """The exclusive right to write one output, or to use one state folder.

    Raises
    ------
    InputError
        From :meth:`acquire`, if another process holds the lock; the message names host, process,
        job and time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lease = SoftFileLease(
            lock_path(path),
            lease_duration=LEASE,
            heartbeat_interval=BEAT,
            on_compromise=_end,
            thread_local=False,
        )

    def acquire(self) -> None:
        """Take the lock, or raise an error if its holder is alive; wait only to find that out."""
        has_said = False
        before, waiting_since = _renewed(lock_path(self._path)), time.monotonic()
        while True:
            try:
                self._lease.acquire(timeout=0.5, poll_interval=0.1)
                break
            except Timeout:
                owner = self._lease.owner
                renewed = _renewed(lock_path(self._path))
                # The lock of a process on this machine that has ended is taken over at once.
                # If another process was faster, this removes its lock: it ends, and one remains.
                if owner and owner.hostname == socket.gethostname() and _is_zombie(owner.pid):
                    self._lease.force_break()
                    continue
                if renewed != before or (owner and owner.hostname == socket.gethostname()):
                    raise InputError(_in_use(self._path)) from None
                if owner is None and time.monotonic() - waiting_since > LEASE:
                    self._lease.force_break()  # empty: its machine failed while writing it
                elif before is not None and not has_said:
                    has_said = True
                    logger.warning("%s; waiting for it to renew its lock", _in_use(self._path))
                time.sleep(1)
        try:
            _to_disk(lock_path(self._path))
            holder_path(self._path).write_text(json.dumps(_this_process()))
        except BaseException:
            self._lease.release()
            raise

    def check(self) -> None:
        """End the process if the lock was taken over.

        Renewal would notice this within `BEAT` seconds, which is too late before a commit.
        """
        if not self._lease.is_lock_held_by_us:
            _end(LeaseCompromise(str(lock_path(self._path)), "", "owner-changed"))

    def release(self) -> None:
        """Release the lock. A file that cannot be deleted is stale once this process has ended."""
        try:
            holder_path(self._path).unlink(missing_ok=True)
            self._lease.release()
        except OSError as error:
            logger.warning("%s could not be deleted: %s", lock_path(self._path), error.strerror)


@contextlib.contextmanager
def locked(paths: list[Path]) -> Iterator[list[Lock]]:
    """Hold the locks of several paths, or of none of them.

    Raises
    ------
    InputError
        If another process holds one.
    """
    with contextlib.ExitStack() as stack:
        locks = []
        for path in sorted(paths):
            lock = Lock(path)
            lock.acquire()
            stack.callback(lock.release)
            locks.append(lock)
        yield locks


def _end(loss: LeaseCompromise) -> None:
    """End the process after the loss of a lock; called by the thread that renews it."""
    logger.critical(
        "%s is no longer held by this process (%s%s), so another process may be writing here: this "
        "one ends without changing anything. Its saved state is kept",
        loss.lock_file,
        loss.reason,
        f": {loss.error}" if loss.error else "",
    )
    sys.stderr.flush()
    os._exit(LOST)


def _to_disk(lock: Path) -> None:
    """Flush a lock, so that a machine that fails leaves no lock without the name of its holder."""
    with lock.open("rb") as file:
        os.fsync(file.fileno())


def _renewed(lock: Path) -> tuple[int, int] | None:
    try:
        status = lock.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _is_zombie(process: int) -> bool:
    """Whether a process has ended, but still has a number, since nobody asked how it ended.

    An orphan stays so in a container whose first process does not ask.
    """
    try:
        status = Path("/proc", str(process), "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


def _this_process() -> dict[str, str | int]:
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _holder(path: Path) -> dict[str, str | int]:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _in_use(path: Path) -> str:
    holder = _holder(holder_path(path))
    job = f", job {holder['job']}" if holder.get("job") else ""
    who = (
        f" (process {holder['process']} on {holder['host']}{job}, since {holder['since']})"
        if {"process", "host", "since"} <= holder.keys()
        else ""
    )
    return (
        f"{path}: another process is writing here{who}. Wait for it to end, or stop it (a killed "
        f"workflow can leave a stage running). If it has certainly ended, delete "
        f"{lock_path(path)}; if its machine failed, the lock expires {LEASE / 60:g} minutes later."
    )
