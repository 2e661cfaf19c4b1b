"""A process that has imported the libraries, and forks for each stage that a local workflow runs.

Importing torch, transformers and diffusers takes seconds. A short stage, such as the captions of a
segment, does its work in less. The workflow therefore starts one process that imports them once.
Each job sends it its command, directory, environment and open files, and waits. The server forks a
process that runs the stage as the job would have run it: with these files, the job's number of
threads, its signals and its exit status. The stages themselves, and what they write, are the same.

The server imports libraries only: what it forks reads the project's own code from the disk. If the
server does not answer (it is still importing, or has ended), a job runs its stage itself. A stage
ends with its job, and the server with the workflow. There is none on machines with GPUs, since
a GPU cannot be used in a forked process once a library has looked for it; nor for jobs that are
submitted elsewhere. Without :data:`ADDRESS` in the environment, nothing of this happens.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ADDRESS = "MINDVIDEO_FORKSERVER"
"""Environment variable: the socket of the server, or 0 to start none."""

QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}
"""Environment variables that turn off the progress bars and messages of libraries, which read
them when they are imported."""

LIBRARIES = (
    *("accelerate", "einops", "matplotlib.figure", "matplotlib.backends.backend_agg"),
    *("nibabel", "numpy", "pandas", "PIL.Image", "pydantic", "scipy.ndimage", "scipy.stats"),
    *("skimage.metrics", "statsmodels.stats.multitest", "timm.layers", "torch", "torch.utils.data"),
    *("torch.utils.tensorboard", "diffusers.models.unets.unet_2d_condition"),
    *("diffusers.models.autoencoders.autoencoder_kl", "diffusers.pipelines.pipeline_utils"),
    *("transformers.models.blip", "transformers.models.clip", "transformers.models.auto"),
)
"""What the server imports; what is not installed is left out."""

CLASSES = (
    *("BlipForConditionalGeneration", "BlipProcessor", "CLIPModel", "CLIPTextModel"),
    *("CLIPProcessor", "CLIPTokenizer", "AutoImageProcessor", "ViTForImageClassification"),
    *("VideoMAEForVideoClassification", "VideoMAEImageProcessor"),
)
"""Classes of transformers, which imports the code of a model only when its class is used."""

COMMAND = (sys.executable, "-m", "mindvideo.forkserver")

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""Signals that a job passes on to its stage."""

KILLED = 128 + signal.SIGKILL
"""Exit status of a job whose stage ended without one."""


# --- The workflow ---------------------------------------------------------------------------------


def start() -> subprocess.Popen[bytes]:
    """Start a server for the jobs that this process starts; it ends with this process."""
    address = Path(tempfile.mkdtemp(prefix="mindvideo-")) / "forkserver"
    os.environ[ADDRESS] = str(address)
    # Of its own session: a Ctrl-C in the terminal is for the jobs, which pass it on.
    return subprocess.Popen(
        [*COMMAND, str(address)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=QUIET | dict(os.environ),
    )


# --- A job ----------------------------------------------------------------------------------------


def run(argv: Sequence[str]) -> int | None:
    """Run ``mindvideo ARGV`` in a process that the server forks.

    Returns
    -------
    int or None
        Exit status; None if no server answers, so that this process must run it itself.
    """
    connection = _connect(os.environ.get(ADDRESS, ""))
    if connection is None:
        return None
    with connection:
        request = {
            **{"argv": list(argv), "folder": os.getcwd(), "environment": dict(os.environ)},
            "libraries": sys.prefix,
        }
        text = json.dumps(request).encode(errors="surrogateescape")
        sys.stdout.flush()
        socket.send_fds(connection, [len(text).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(text)
        forked = connection.recv(8)
        if not forked:
            return None
        for number in FORWARDED:
            signal.signal(number, _passed_on_to(int.from_bytes(forked, "big")))
        status = connection.recv(1)
    return status[0] if status else KILLED


def _connect(address: str) -> socket.socket | None:
    if not address or not os.path.exists(address):
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def _passed_on_to(process: int) -> Callable[[int, Any], None]:
    def pass_on(number: int, _frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    return pass_on


# --- The server -----------------------------------------------------------------------------------


def serve(address: Path, alive: Any) -> None:
    """Import the libraries, then fork for each request until the file `alive` is at its end."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line
    handlers = {number: signal.getsignal(number) for number in (*FORWARDED, signal.SIGCHLD)}
    _import_libraries()
    gc.collect()
    gc.freeze()  # a collection in a fork would copy the pages of all that was imported
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps what is forked
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(64)
        while True:
            ready, _, _ = select.select([listener, alive], [], [])
            if alive in ready:
                shutil.rmtree(address.parent, ignore_errors=True)
                return
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
                _answer(connection)
            connection.close()


def _import_libraries() -> None:
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        transformers = importlib.import_module("transformers")
        for name in CLASSES:
            getattr(transformers, name, None)


def _answer(connection: socket.socket) -> None:
    """Run the requested stage in this process, send its exit status, and end."""
    status = 1
    try:
        length, files, _, _ = socket.recv_fds(connection, 8, 3)
        if len(files) < 3:
            os._exit(1)  # the job ended before it had sent anything
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        request = json.loads(_receive(connection, int.from_bytes(length, "big")))
        if request["libraries"] != sys.prefix:
            os._exit(1)  # the job's own environment of software has other ones
        os.environ.clear()
        os.environ.update(request["environment"])
        del os.environ[ADDRESS]  # what this process starts has other libraries to import
        os.chdir(request["folder"])
        sys.argv = ["mindvideo", *request["argv"]]
        _limit_threads(os.environ.get("OMP_NUM_THREADS", ""))
        connection.sendall(os.getpid().to_bytes(8, "big"))
        threading.Thread(target=_end_with, args=[connection], daemon=True).start()
        status = _status_of(request["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([status & 255]))
    finally:
        os._exit(status & 255)


def _receive(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length and (part := connection.recv(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _limit_threads(count: str) -> None:
    """The number of threads, which libraries read from the environment when they are loaded."""
    if not count.isdigit():
        return
    from threadpoolctl import threadpool_limits

    threadpool_limits(int(count))
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(count))


def _end_with(connection: socket.socket) -> None:
    """End this process as soon as its job has: the job sends nothing more, so it was killed."""
    with contextlib.suppress(OSError):
        connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def _status_of(argv: list[str]) -> int:
    from mindvideo.cli import main

    try:
        return main(argv)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin)
