"""Run a stage: its outputs appear whole or not at all, errors speak, a sidecar says what was done.

Order of operations: refuse missing inputs → make a folder beside each output → run the stage on
paths inside those folders → move the outputs into place (``os.replace``) → write their sidecars.

Where several processes share a training, each runs the stage, and the first one's outputs count.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from mindvideo.devices import claim
from mindvideo.errors import InputError
from mindvideo.processes import is_one_of_several, rank
from mindvideo.provenance import (
    code_digest,
    describe,
    file_digest,
    import_closure,
    sidecar_path,
    text_digest,
)
from mindvideo.registry import Stage
from mindvideo.settings import Section
from mindvideo.time_limit import STOPPED, watched

logger = logging.getLogger(__name__)

QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}
"""Environment of the libraries: the stage's own bar and log are the ones to read."""


FAULTS = {
    errno.ENOSPC: "Make room, and run the same again: nothing half-written is left, and a training "
    "goes on from its last checkpoint.",
    errno.EDQUOT: "Your quota is used up: make room, and run the same again.",
    errno.EFBIG: "The system allows no file of this size (ulimit -f): have the limit raised.",
    errno.EROFS: "Name a folder that may be written to, as `results` in the configuration.",
    errno.EACCES: "Have the permissions changed, or name a folder of your own, as `results` in the "
    "configuration.",
}
"""What to do about errors of the disk."""


def _as_list(value: Path | list[Path]) -> list[Path]:
    return value if isinstance(value, list) else [value]


def _start_log(command: str, log: Path | None) -> None:
    """Everything from "info" up goes to the stage's log file, warnings also to standard error."""
    shown = logging.StreamHandler()
    shown.setLevel(logging.ERROR if rank() else logging.WARNING)
    shown.setFormatter(logging.Formatter(f"mindvideo {command}: %(levelname)s: %(message)s"))
    handlers: list[logging.Handler] = [shown]
    if log and not rank():
        log.parent.mkdir(parents=True, exist_ok=True)
        written = logging.FileHandler(log, mode="w")
        written.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append(written)
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    logging.captureWarnings(True)


@contextlib.contextmanager
def beside(outputs: list[Path]) -> Iterator[dict[Path, Path]]:
    """A temporary path for each output, in its own folder; moved into place on success."""
    temporary: dict[Path, Path] = {}
    try:
        for output in outputs:
            output.parent.mkdir(parents=True, exist_ok=True)
            for leftover in output.parent.glob(f".{output.name}.partial-*"):
                shutil.rmtree(leftover)
            folder = output.with_name(f".{output.name}.partial-{os.getpid()}")
            folder.mkdir()
            temporary[output] = folder / output.name
        yield temporary
        for output, made in temporary.items():
            if not made.exists():
                raise RuntimeError(f"ended without making {output}")
        for output, made in temporary.items():
            if output.is_dir() and not output.is_symlink():
                shutil.rmtree(output)
            os.replace(made, output)
    finally:
        for made in temporary.values():
            shutil.rmtree(made.parent, ignore_errors=True)


@contextlib.contextmanager
def nowhere(outputs: list[Path]) -> Iterator[dict[Path, Path]]:
    """A temporary path for each output, deleted in the end."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = {out: Path(folder, str(i), out.name) for i, out in enumerate(outputs)}
        for made in temporary.values():
            made.parent.mkdir()
        yield temporary


@contextlib.contextmanager
def _state(parent: Path, key: str) -> Iterator[Path]:
    """The state folder of one set of settings, code and inputs, held by one training at a time."""
    parent.mkdir(parents=True, exist_ok=True)
    if rank():
        yield parent / key
        return
    with (parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{parent}: another process is at work here. Wait for it to end, or stop it "
                "(a killed workflow can leave its stage running)."
            ) from None
        folder = parent / key
        if folder.exists():
            logger.info("resuming from %s", folder)
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(parent)


def _check_inputs(stage: Stage, arguments: dict[str, Any]) -> dict[str, Path]:
    inputs = {}
    for parameter in stage.of_kind("Input", "Inputs"):
        for path in _as_list(arguments.get(parameter.name) or []):
            if not path.exists():
                raise InputError(f"{parameter.option} {path}: there is no such file or folder")
            if not os.access(path, os.R_OK):
                raise InputError(f"{parameter.option} {path}: no permission to read it")
            inputs[str(path)] = path
    return inputs


def uses_a_gpu(stage: Stage) -> bool:
    """Whether a stage asks for a device somewhere in its code."""
    return "mindvideo.models.device" in import_closure(stage.module)


def run_stage(stage: Stage, arguments: dict[str, Any], settings: Section) -> None:
    """Run `stage` on paths and settings.

    Raises
    ------
    InputError
        If an input is missing, or whatever the stage finds wrong with it. No output is made then.
    """
    inputs = _check_inputs(stage, arguments)
    outputs = [
        path
        for parameter in stage.of_kind("Output", "Outputs")
        for path in _as_list(arguments[parameter.name])
    ]
    code = code_digest(stage.module)
    started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    logger.info("%s with %s", stage.command, settings.model_dump_json())
    digests = {name: file_digest(path) for name, path in inputs.items()}
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(nowhere(outputs) if rank() else beside(outputs))
        for parameter in stage.of_kind("State"):
            key = text_digest(code, settings.model_dump_json(), *digests.values())
            arguments[parameter.name] = stack.enter_context(_state(arguments[parameter.name], key))
        for parameter in stage.of_kind("Output", "Outputs"):
            given = arguments[parameter.name]
            paths = [temporary[path] for path in _as_list(given)]
            arguments[parameter.name] = paths if parameter.many else paths[0]
        importlib.import_module(stage.module).main(**arguments, settings=settings)
    if rank():
        return
    seconds = time.monotonic() - clock
    sidecar = describe(
        stage.command, settings.model_dump(mode="json"), digests, code, started, seconds
    )
    for output in outputs:
        made = sidecar_path(output).with_suffix(".partial")
        made.write_text(sidecar)
        os.replace(made, sidecar_path(output))
    logger.info("done in %.1f s", seconds)


def end(*_: object) -> NoReturn:
    """End the process on the first SIGTERM, undisturbed by further ones: Slurm sends several."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(STOPPED)


def run(stage: Stage, arguments: dict[str, Any], settings: Section, log: Path | None) -> int:
    """Run a stage as a command does: log file, clean end on SIGTERM, exit status."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _start_log(stage.command, log)
    signal.signal(signal.SIGTERM, end)
    try:
        if uses_a_gpu(stage) and not is_one_of_several():
            claim(1)
        with watched([arguments[parameter.name] for parameter in stage.of_kind("State")]):
            run_stage(stage, arguments, settings)
    except InputError as error:
        logger.log(logging.INFO if rank() else logging.ERROR, "%s", error)  # all of them say it
        return 1
    except Exception as error:
        if reason := _of_the_system(error):
            logger.error("%s: %s", stage.command, reason)
            return 1
        logger.exception("%s failed", stage.command)
        return 2
    return 0


def _of_the_system(error: BaseException) -> str:
    """What a person can do about an error of disk or memory; empty for any other."""
    if isinstance(error, OSError) and error.errno in FAULTS:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {FAULTS[error.errno]}"
    text = str(error)
    if isinstance(error, MemoryError) or "not enough memory" in text or "out of memory" in text:
        return (
            f"out of memory ({text.strip().splitlines()[0] if text.strip() else 'MemoryError'}). "
            "Lower batch_size, or in a training raise accumulate or set gradient_checkpointing: "
            "true; on a cluster raise mem_mb. What was made before is kept."
        )
    return ""
