"""Run a stage: complete outputs or none, readable errors, and a sidecar for each output.

Order of operations: check that the inputs exist → lock the outputs and create working folders
(:mod:`mindvideo.transaction`) → compute digests of the inputs → open the state, if the stage keeps
one → run the stage on paths inside the working folders → commit.

If several processes share a training run, each runs the stage, and only the first one commits.
"""

from __future__ import annotations

import errno
import importlib
import logging
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from mindvideo.adoption import provenance
from mindvideo.contents import Digests, content_of, text_digest
from mindvideo.devices import claim
from mindvideo.errors import InputError
from mindvideo.forkserver import QUIET
from mindvideo.identity import Identity
from mindvideo.models import record
from mindvideo.models.hub import commits_loaded, forget_loaded
from mindvideo.processes import is_one_of_several, rank
from mindvideo.registry import Stage
from mindvideo.settings.base import OnDevice, Section
from mindvideo.sidecars import describe
from mindvideo.source import import_closure
from mindvideo.state import StateFolder
from mindvideo.time_limit import STOPPED, watched
from mindvideo.transaction import NullTransaction, Transaction

logger = logging.getLogger(__name__)

FAULTS = {
    errno.ENOSPC: "Free disk space and run the same command again: no incomplete file is left, and "
    "training resumes from its last checkpoint.",
    errno.EDQUOT: "Your quota is used up: free disk space and run the same command again.",
    errno.EFBIG: "The system does not allow files of this size (ulimit -f): raise the limit.",
    errno.EROFS: "Set `results` in the configuration to a folder that can be written to.",
    errno.EACCES: "Change the permissions, or set `results` in the configuration to a folder of "
    "your own.",
}
"""Advice on errors of the disk."""


def _as_list(value: Path | list[Path]) -> list[Path]:
    return value if isinstance(value, list) else [value]


def _start_log(command: str, log: Path | None) -> None:
    """Log all from level "info" to the stage's log file, and warnings also to standard error."""
    console = logging.StreamHandler()
    console.setLevel(logging.ERROR if rank() else logging.WARNING)
    console.setFormatter(logging.Formatter(f"mindvideo {command}: %(levelname)s: %(message)s"))
    handlers: list[logging.Handler] = [console]
    if log and not rank():
        log.parent.mkdir(parents=True, exist_ok=True)
        written = logging.FileHandler(log, mode="w")
        written.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append(written)
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)


def _check_inputs(stage: Stage, arguments: dict[str, Any]) -> dict[str, Path]:
    inputs = {}
    for parameter in stage.of_kind("Input", "Inputs"):
        for path in _as_list(arguments.get(parameter.name) or []):
            if not path.exists():
                raise InputError(f"{parameter.option} {path}: no such file or folder")
            if not os.access(path, os.R_OK):
                raise InputError(f"{parameter.option} {path}: no permission to read it")
            inputs[str(path)] = path
    return inputs


def uses_a_gpu(stage: Stage) -> bool:
    """Whether a stage requests a device anywhere in its code."""
    return "mindvideo.models.device" in import_closure(stage.module)


def run_stage(
    stage: Stage,
    arguments: dict[str, Any],
    settings: Section,
    *,
    code: str = "",
    keep_state: bool = False,
) -> None:
    """Run `stage` on paths and settings.

    Parameters
    ----------
    stage : Stage
    arguments : dict
        Its parameters, without `settings`; an optional string may be absent.
    settings : Section
    code : str
        The digest that stands for the code; by default, that of the current code.
    keep_state : bool
        Leave a finished state for the workflow to delete.

    Raises
    ------
    InputError
        If an input is missing, another process writes the same outputs, or the stage raises one. No
        output is written then.
    """
    inputs = _check_inputs(stage, arguments)
    outputs = [
        path
        for parameter in stage.of_kind("Output", "Outputs")
        for path in _as_list(arguments[parameter.name])
    ]
    states = [arguments[parameter.name] for parameter in stage.of_kind("State")]
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    logger.info("%s with %s", stage.command, settings.model_dump_json())
    with _work(outputs, states[0] if states else None, keep_state) as work:
        digests = Digests.near(outputs[0], text_digest(*map(os.path.abspath, outputs)))
        identity = Identity(
            stage=stage.name,
            **provenance(stage.module, code, outputs[0]),
            settings=settings.deciding()
            | {p.name: arguments.get(p.name) for p in stage.of_kind("str")},
            inputs={name: digests.of(path) for name, path in inputs.items()},
            parameters={
                p.name: len(_as_list(arguments.get(p.name) or []))
                for p in stage.of_kind("Input", "Inputs")
            },
        )
        digests.save()
        for parameter in stage.of_kind("State"):
            folder = StateFolder(arguments[parameter.name], identity, asks=stage.trains)
            arguments[parameter.name] = work.open_state(folder)
        for parameter in stage.of_kind("Output", "Outputs"):
            paths = [work.paths[path] for path in _as_list(arguments[parameter.name])]
            arguments[parameter.name] = paths if parameter.many else paths[0]
        forget_loaded()
        record.forget()
        _allow_tf32(settings)
        importlib.import_module(stage.module).main(**arguments, settings=settings)
        seconds, commits = time.monotonic() - clock, commits_loaded()
        work.commit(
            lambda path: describe(
                identity, settings, content_of(path), started, seconds, commits, record.noted()
            )
        )
    logger.info("done in %.1f s", seconds)


def _allow_tf32(settings: Section) -> None:
    if isinstance(settings, OnDevice):
        from mindvideo.models.precision import allow_tf32  # torch: other stages do without

        allow_tf32(settings.tf32)


def _work(
    outputs: list[Path], states: Path | None, keep_state: bool
) -> Transaction | NullTransaction:
    if rank():
        return NullTransaction(outputs)
    return Transaction(outputs, states, keep_state=keep_state)


def end(*_: object) -> NoReturn:
    """End the process on the first SIGTERM, ignoring further ones: Slurm sends several."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(STOPPED)


def run(
    stage: Stage,
    arguments: dict[str, Any],
    settings: Section,
    *,
    log: Path | None,
    code: str = "",
    keep_state: bool = False,
) -> int:
    """Run a stage as a command: log file, clean end on SIGTERM; return the exit status."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _start_log(stage.command, log)
    signal.signal(signal.SIGTERM, end)
    try:
        if uses_a_gpu(stage) and not is_one_of_several():
            claim(1)
        with watched([arguments[parameter.name] for parameter in stage.of_kind("State")]):
            run_stage(stage, arguments, settings, code=code, keep_state=keep_state)
    except InputError as error:
        logger.log(logging.INFO if rank() else logging.ERROR, "%s", error)  # each reports it
        return 1
    except Exception as error:
        if reason := _of_the_system(error):
            logger.error("%s: %s", stage.command, reason)
            return 1
        logger.exception("%s failed", stage.command)
        return 2
    return 0


def _of_the_system(error: BaseException) -> str:
    """Advice on an error of disk or memory; empty for any other error."""
    if isinstance(error, OSError) and error.errno in FAULTS:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {FAULTS[error.errno]}"
    text = str(error)
    if isinstance(error, MemoryError) or "not enough memory" in text or "out of memory" in text:
        return (
            f"out of memory ({text.strip().splitlines()[0] if text.strip() else 'MemoryError'}). "
            "Lower batch_size; for training, raise accumulate or set gradient_checkpointing: "
            "true; on a cluster, raise mem_mb. Earlier results are kept."
        )
    return ""
