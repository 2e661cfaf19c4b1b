"""GPUs of this machine, each lent to one job at a time.

A workflow engine counts GPUs and hands none out: jobs that run side by side would all take the
first. So each job claims as many as it has processes, by a lock a device that lasts as long as the
process does (a killed one frees it), and shows torch no others.
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
from pathlib import Path

from mindvideo.errors import InputError

LOCKS = "mindvideo-gpus"
"""Folder of the locks, in the one for temporary files, which all users share."""

NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
"""What `flock` answers where there is none (some mounts of NFS and Lustre)."""

logger = logging.getLogger(__name__)

_held: list[int] = []  # file descriptors: a lock ends with its descriptor, or with the process


def claim(count: int) -> list[str]:
    """Take `count` free GPUs for the rest of this process, by CUDA_VISIBLE_DEVICES.

    If that is set already, among those that it names. Nothing is done where there is no GPU, nor
    within a Slurm job, which has devices of its own. To be called before torch looks for GPUs.

    Returns
    -------
    list of str
        Their names for CUDA_VISIBLE_DEVICES; empty if nothing was done.

    Raises
    ------
    InputError
        If fewer are free. None is taken then.
    """
    devices = {} if "SLURM_JOB_ID" in os.environ else _devices()
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
            f"{count} GPUs wanted, {len(claimed)} of {len(devices)} free: other jobs of mindvideo "
            "hold the rest. Wait for them, or start fewer at a time (snakemake --resources gpu=N, "
            f"at most {len(devices)} here; a killed workflow can leave its stage running)."
        )
    _held.extend(claimed.values())
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(claimed)
    return list(claimed)


def claimed() -> bool:
    """Whether this process took its GPUs itself, and was not given them."""
    return bool(_held)


def release() -> None:
    """Give back what :func:`claim` took, and hide nothing any more; for those who need none."""
    while _held:
        os.close(_held.pop())
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)


def _devices() -> dict[str, str]:
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
        folder.chmod(0o1777)  # of all users, as the folder that it is in
    path = folder / re.sub(r"[^\w.-]", "_", identity)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # made by another user: to lock it, reading is enough
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
            "%s: this file system has no locks (%s), so that jobs may share a GPU: let TMPDIR "
            "name a folder on a disk of this machine",
            folder,
            error.strerror,
        )
    return descriptor
