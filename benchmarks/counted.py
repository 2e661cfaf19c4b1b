"""A stage as ``mindvideo`` runs it, which records the start of each unit of its work.

``python -m benchmarks.counted --unit MODULE:NAME --times FILE STAGE …``: the function or method of
that name computes one unit. Other options shorten the time between two checkpoints, and cause
faults of a file system. For `benchmarks.losses`.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import functools
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from mindvideo import cli


def count_calls(unit: str, times: Path) -> None:
    """Record in a file the time of each call of a function [s of the system's monotonic clock]."""
    module, _, name = unit.partition(":")
    *outer, last = name.split(".")
    owner = functools.reduce(getattr, outer, importlib.import_module(module))
    function = getattr(owner, last)

    @functools.wraps(function)
    def counted(*arguments: Any, **options: Any) -> Any:
        with times.open("a") as file:
            file.write(f"{time.monotonic()}\n")
        return function(*arguments, **options)

    setattr(owner, last, counted)


def write_often(stage: str, seconds: float) -> None:
    """Shorten the time between two checkpoints of a stage."""
    for name in ("mindvideo.io.kept", f"mindvideo.stages.{stage}"):
        module: Any = importlib.import_module(name)
        if hasattr(module, "SECONDS"):
            module.SECONDS = seconds


def fill_the_disk() -> None:
    """Let the move of the first output into place fail for lack of space."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "os.rename":
            return
        source, target = (Path(os.fsdecode(path)) for path in arguments[:2])
        if source.parent.name == f".{target.name}.partial":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    sys.addaudithook(hook)


def take_flock_away() -> None:
    """Let the system's locks fail as on some Lustre and NFS mounts."""

    def refused(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.flock = fcntl.lockf = refused


FAULTS = {"full disk": fill_the_disk, "no flock": take_flock_away}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--unit", required=True, metavar="MODULE:NAME")
    parser.add_argument("--times", required=True, type=Path)
    parser.add_argument("--interval", required=True, type=float, help="between two writes [s]")
    parser.add_argument("--fault", choices=list(FAULTS))
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="STAGE …")
    arguments = parser.parse_args(argv)
    write_often(arguments.command[0], arguments.interval)
    count_calls(arguments.unit, arguments.times)
    if arguments.fault:
        FAULTS[arguments.fault]()
    return cli.main(arguments.command)


if __name__ == "__main__":
    sys.exit(main())
