"""Cost of a fault, for each kind of stage: ``python -m benchmarks.losses``

Each cell is a real stage on small inputs: a fault disturbs it, the same command runs again if the
first was ended, and the outputs must equal those of an undisturbed run. The loss is the units of
work that were computed twice. Prints a table; ends with an error if any cell fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.losses_case import (
    INTERVAL,
    Case,
    Loss,
    NotRunError,
    UnexpectedError,
    wait_until,
)
from benchmarks.losses_kinds import KINDS, Kind, write_inputs
from mindvideo.contents import Digests
from mindvideo.io.sidecars import sidecar_path

FRACTIONS = (0.3, 0.5, 0.7)
"""Fractions of its work after which a stage is killed; the largest loss counts."""


def interrupt(case: Case, number: signal.Signals) -> None:
    """End the stage by a signal in the middle of its work."""
    process = case.start()
    case.wait_for_the_moment(process)
    process.send_signal(number)
    # A stage ends by itself on SIGTERM, and cannot on SIGKILL.
    case.end(process, -number if number == signal.SIGKILL else 128 + number)


def kill(case: Case) -> None:
    interrupt(case, signal.SIGKILL)
    case.again()


def terminate(case: Case) -> None:
    interrupt(case, signal.SIGTERM)
    case.again()


def fill_the_disk(case: Case) -> None:
    said = case.end(case.start("--fault", "full disk"), 1)
    if "No space left on device. Free disk space" not in said:
        raise UnexpectedError(f"the full disk is not mentioned:\n{said[-3000:]}")
    case.again()


def rename_what_is_deleted(case: Case) -> None:
    """On FUSE, whose libraries keep deleted open files under another name, as NFS does."""
    with _bound(case.results):
        case.end(case.start(), 0)
        case.check()


@contextlib.contextmanager
def _bound(folder: Path) -> Iterator[None]:
    bindfs = shutil.which("bindfs")
    source = folder.with_name("source")
    source.mkdir()
    if not bindfs or subprocess.run([bindfs, source, folder], check=False).returncode:
        raise NotRunError("no bindfs, or it may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
        source.rename(folder)


def take_flock_away(case: Case) -> None:
    case.end(case.start("--fault", "no flock"), 0)


def start_a_second(case: Case) -> None:
    """The first process is stopped meanwhile, so that it does not end too early."""
    first = case.start()
    wait_until(lambda: case.times() or first.poll() is not None)
    first.send_signal(signal.SIGSTOP)
    try:
        said = case.end(case.start(), 1)
    finally:
        first.send_signal(signal.SIGCONT)
    if f"another process is writing here (process {first.pid} on" not in said:
        raise UnexpectedError(f"the second process does not name the first:\n{said[-3000:]}")
    case.interrupted = None  # the first process was not interrupted
    case.end(first, 0)


def end_the_time(case: Case) -> None:
    """A job of one minute, in a Slurm mocked by two scripts, ends in the middle of the work."""
    slurm = case.results.with_name("slurm")
    slurm.mkdir()
    for name, text in {"squeue": "cat left", "scontrol": "echo $* >> requests"}.items():
        (slurm / name).write_text(f"#!/bin/sh\ncd {shlex.quote(str(slurm))}\n{text}\n")
        (slurm / name).chmod(0o755)
    (slurm / "left").write_text("RUNNING|0:07|1:00")  # a stage is stopped when 6 s are left
    requests = slurm / "requests"
    requests.touch()
    case.environment = {
        "SLURM_JOB_ID": "7",
        "MINDVIDEO_SUBMITTED": "1",
        "PATH": f"{slurm}:{os.environ['PATH']}",
    }
    process = case.start()
    case.wait_for_the_moment(process)
    (slurm / "left").write_text("RUNNING|0:05|1:00")
    if case.kind.keeps:
        wait_until(lambda: requests.read_text() or process.poll() is not None)
        if requests.read_text() != "requeue 7\n":
            raise UnexpectedError(f"Slurm was requested to {requests.read_text() or 'do nothing'}")
    while process.poll() is None:  # Slurm sends several signals, too
        process.terminate()
        time.sleep(0.2)
    case.end(process, -signal.SIGTERM if case.kind.keeps else 128 + signal.SIGTERM)
    (slurm / "left").write_text("RUNNING|1:00:00|1:00:00")
    case.again()


def restore_a_backup(case: Case) -> None:
    """The state of an interrupted stage, and later its outputs, get new times."""
    if case.kind.keeps:
        interrupt(case, signal.SIGTERM)
        _copy_back(case.results)
    case.again()
    _copy_back(case.results)
    for name in case.kind.outputs:
        path = case.results / name
        on_record = json.loads(sidecar_path(path).read_text())["content"]["sha256"]
        if Digests(None, "").of(path) != on_record:
            raise UnexpectedError(f"{name} is no longer recognised by its content")


def _copy_back(folder: Path) -> None:
    """Like ``cp -r FOLDER COPY; rm -r FOLDER; mv COPY FOLDER``: all times become new."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy, copy_function=shutil.copy)
    shutil.rmtree(folder)
    copy.rename(folder)


FAULTS = {
    "kill -9": kill,
    "TERM": terminate,
    "full disk in the commit": fill_the_disk,
    "NFS's rmdir": rename_what_is_deleted,
    "no flock": take_flock_away,
    "second process": start_a_second,
    "time limit": end_the_time,
    "restored backup": restore_a_backup,
}


def undisturbed(kind: Kind, inputs: Path, folder: Path, interval: float = INTERVAL) -> Case:
    """The stage without a fault."""
    case = Case(kind, inputs, folder, interval=interval)
    try:
        case.again()
        case.check()
    except UnexpectedError as error:
        raise UnexpectedError(f"{kind.stage} without a fault: {error}") from error
    finally:
        case.close()
    return case


def measure(
    kind: Kind, fault: str, inputs: Path, folder: Path, whole: Case, fraction: float = 0.5
) -> Loss:
    """Loss by a fault after a fraction of a stage's work.

    Raises
    ------
    UnexpectedError
        If the stage fails, its outputs differ, or it loses more than expected.
    NotRunError
        If the fault cannot be caused here.
    """
    case = Case(kind, inputs, folder, whole, fraction, whole.interval)
    try:
        FAULTS[fault](case)
        case.check()
    finally:
        case.close()
    loss = case.loss()
    if kind.keeps and loss.seconds > 2 * case.interval + 3:  # some time for writing and for a unit
        raise UnexpectedError(f"{loss.units} units of {loss.seconds:.1f} s were lost")
    return loss


def described(loss: Loss, whole: Case) -> str:
    """A cell of the table."""
    if not loss.units:
        return "nothing"
    n, unit = len(whole.times()), whole.kind.unit
    what = f"the {unit}" if n == 1 else f"{loss.units} of {n} {unit}s"
    return f"{what}, {loss.seconds:.1f} s"


def row(kind: Kind, faults: list[str], inputs: Path, folder: Path) -> tuple[str, list[str]]:
    """A row of the table, and its failures."""
    whole = undisturbed(kind, inputs, folder / "whole")
    first, n = whole.times()[0], len(whole.times())
    work = f"{n} {kind.unit}{'s' if n > 1 else ''} in {whole.ended - first:.1f} s"
    cells, wrong = [f"{kind.name}: `{kind.stage}`, {work}"], []
    for fault in faults:
        print(f"{kind.stage}, {fault} …", file=sys.stderr, flush=True)
        try:
            fractions = FRACTIONS if kind.keeps and fault in ("kill -9", "TERM") else (0.5,)
            losses = [
                measure(kind, fault, inputs, folder / f"{fault} {fraction}", whole, fraction)
                for fraction in fractions
            ]
            cells.append(described(max(losses, key=lambda loss: loss.seconds), whole))
        except NotRunError as error:
            cells.append(f"not run ({error})")
        except UnexpectedError as error:
            cells.append("**failed**")
            wrong.append(f"{kind.stage}, {fault}: {error}")
    return f"| {' | '.join(cells)} |", wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    stages = [kind.stage for kind in KINDS]
    parser.add_argument("--stages", nargs="+", choices=stages, default=stages)
    parser.add_argument("--faults", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    arguments = parser.parse_args()
    today = datetime.now(UTC).date()
    print(f"{today}, {os.cpu_count()} cores; kept every {INTERVAL:g} s\n")
    print(f"| | {' | '.join(arguments.faults)} |")
    print("|---" * (1 + len(arguments.faults)) + "|", flush=True)
    failures = []
    with tempfile.TemporaryDirectory() as place:
        inputs = write_inputs(Path(place, "inputs"))
        for kind in KINDS:
            if kind.stage in arguments.stages:
                line, wrong = row(kind, arguments.faults, inputs, Path(place, kind.stage))
                print(line, flush=True)
                failures += wrong
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
