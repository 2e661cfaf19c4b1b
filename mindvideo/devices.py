"""GPUs of this machine, each used by one job at a time.

A workflow engine counts GPUs but does not assign them: jobs that run at the same time would all use
the first. So each job claims one GPU per process, and hides the others from torch. A claim is a
lock file per device, held until the process ends, even if it is killed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from mindvideo.errors import InputError

LOCKS = "mindvideo-gpus"
"""Folder of the locks, in the folder for temporary files; all users share it."""

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""Errors of `flock` on file systems without locks (some mounts of NFS and Lustre)."""

logger = logging.getLogger(__name__)

_held: list[int] = []  # file descriptors; closing one, or ending the process, releases its lock


def claim(count: int) -> list[str]:
    """Claim `count` free GPUs for the rest of this process, and set CUDA_VISIBLE_DEVICES.

    If the variable is set already, only the GPUs that it names are considered. Nothing is done on a
    machine without GPUs, nor in a Slurm job, whose GPUs Slurm assigns. Must be called before torch
    looks for GPUs.

    Returns
    -------
    list of str
        Names of the claimed GPUs in CUDA_VISIBLE_DEVICES; empty if nothing was done.

    Raises
    ------
    InputError
        If fewer GPUs are free. None is claimed then.
    """
    devices = {} if "SLURM_JOB_ID" in os.environ else gpus()
    if not devices:
        return []
    claimed: dict[str, int] = {}
    for name, identity in devices.items():
        if len(claimed) < count and (lock := _lock(identity)) is not None:
            claimed[name] = lock
    if len(claimed) < count:
        for lock in claimed.values():
            os.close(lock)
        raise InputError(
            f"{count} GPUs requested, but only {len(claimed)} of {len(devices)} are free: other "
            "jobs of mindvideo use the rest. Wait for them, or run fewer jobs at a time (snakemake "
            f"--resources gpu=N, at most {len(devices)} here). A killed workflow can leave a stage "
            "running."
        )
    _held.extend(claimed.values())
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(claimed)
    return list(claimed)


def claimed() -> bool:
    """Whether this process claimed its GPUs itself, rather than getting them from a scheduler."""
    return bool(_held)


def release() -> None:
    """Release the GPUs of :func:`claim`, and make all visible again."""
    while _held:
        os.close(_held.pop())
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)


AMD = Path("/dev/kfd")
"""The device through which torch uses GPUs of AMD."""


@cache
def has_gpus() -> bool:
    """Whether this machine has GPUs that torch could use; looked for once in a process.

    Those of AMD cannot be claimed, but jobs that use them must not run side by side either.
    """
    return bool(gpus()) or AMD.exists()


def gpus() -> dict[str, str]:
    """GPUs that this process may use: name for CUDA_VISIBLE_DEVICES → identity."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    listing = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout
    devices = dict(re.findall(r"^GPU (\d+): .*\(UUID: ([^)]+)\)", listing, re.MULTILINE))
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return devices
    names = [name.strip() for name in allowed.split(",") if name.strip()]
    return {name: devices.get(name, name) for name in names}


def _lock(identity: str) -> int | None:
    """The descriptor of a device's lock, None if another process holds it."""
    folder = Path(tempfile.gettempdir(), LOCKS)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o1777)  # writable for all users, as its parent is
    path = folder / re.sub(r"[^\w.-]", "_", identity)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # created by another user; reading is enough to lock it
        descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        logger.warning(
            "%s: this file system does not support locks (%s), so jobs may share a GPU: set TMPDIR "
            "to a folder on a local disk",
            folder,
            error.strerror,
        )
    return descriptor
