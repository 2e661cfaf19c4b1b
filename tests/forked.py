"""Run `snakemake` and `mindvideo` in forks of a process that has imported what they import.

A dry run of Snakemake, and each job of a small data set, would otherwise spend most of its time on
imports. A command is run as ``python -m`` runs it: with its own arguments, working folder,
environment and standard streams. If its folder has a copy of the package, the fork imports that one
anew. It becomes a new process after all if its environment differs in a variable that libraries
read when they are imported. Only the number of threads, which Snakemake tells each job, is set in
the fork.
"""

import json
import os
import socket
import sys

# Only light modules here, since each job of a workflow runs this file.

AT_IMPORT = ("PYTHON", "HF_", "HUGGINGFACE", "TRANSFORMERS", "OMP_", "MKL_", "TORCH", "MPL")
"""How variables begin that Python and libraries read when they are imported."""

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "mindvideo")


def request(path, module, words):
    """Have a command run in a fork on this process's standard streams; its exit status."""
    return _ask(path, module, words, os.getcwd(), dict(os.environ), (0, 1, 2))


def _ask(path, module, words, folder, environment, streams):
    call = {"module": module, "words": words, "folder": folder, "environment": environment}
    text = json.dumps(call).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [len(text).to_bytes(8, "big")], list(streams))
        connection.sendall(text)
        answer = connection.recv(8)
    if not answer:
        raise ConnectionError(f"the process that runs {module} has ended")
    return int(answer)


def serve(path):
    """Answer requests until standard input is closed."""
    import contextlib
    import gc
    import multiprocessing
    from multiprocessing.connection import wait

    before = dict(os.environ)
    _import_all()
    gc.collect()
    gc.freeze()
    context = multiprocessing.get_context("fork")
    running = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            for ready in wait([listener, 0, *running]):
                if ready == 0:
                    os._exit(0)  # without waiting for what runs
                if ready is listener:
                    connection, _ = listener.accept()
                    process = context.Process(target=_answer, args=(connection, before))
                    process.start()
                    running[process.sentinel] = process, connection
                else:
                    process, connection = running.pop(ready)
                    process.join()
                    with contextlib.suppress(BrokenPipeError):  # who asked may have ended
                        connection.sendall(str(process.exitcode).encode())
                    connection.close()
                    process.close()


def _import_all():
    """What the Snakefile and the stages import, and the digests of their source."""
    import importlib

    from snakemake.cli import get_argument_parser

    import mindvideo.cli
    import mindvideo.workflow  # noqa: F401
    from mindvideo.libraries import packages_of
    from mindvideo.registry import read_stage, stage_names
    from mindvideo.source import module_digests

    get_argument_parser()  # looks for plugins
    for name in stage_names():
        module = read_stage(name).module
        importlib.import_module(module)
        module_digests(module)
        packages_of(module)


def _answer(connection, before):
    """In the fork: become the command."""
    import runpy
    import subprocess

    head, streams, *_ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as file:
        call = json.loads(file.read(int.from_bytes(head, "big")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    if _of_imports(before) != _of_imports(os.environ):
        # Not os.execv: to the server, the process would seem to have ended.
        sys.exit(subprocess.call([sys.executable, "-m", call["module"], *call["words"]]))
    if threads := os.environ.get("OMP_NUM_THREADS"):
        _set_threads(int(threads))
    sys.path[0] = os.getcwd()
    if os.path.exists("mindvideo") and not os.path.samefile("mindvideo", PACKAGE):
        _forget("mindvideo")
    sys.argv[:] = [call["module"], *call["words"]]  # in place: modules hold this list
    runpy.run_module(call["module"], run_name="__main__", alter_sys=True)


def _of_imports(environment):
    """Variables that decide about imports."""
    threads = "_NUM_THREADS"
    return {n: t for n, t in environment.items() if n.startswith(AT_IMPORT) and threads not in n}


def _forget(package):
    """As if a package had not been imported."""
    import importlib

    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        del sys.modules[name]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()


def _set_threads(number):
    import threadpoolctl
    import torch

    threadpoolctl.threadpool_limits(number)
    torch.set_num_threads(number)


class Forks:
    """A process that has imported everything, started by the first command."""

    def __init__(self):
        self._folder = None

    def _start(self):
        import atexit
        import subprocess
        import tempfile
        from pathlib import Path

        self._folder = Path(tempfile.mkdtemp(prefix="forks"))
        atexit.register(self._stop)
        self._path = str(self._folder / "socket")
        self.bash = self._folder / "bash.env"
        """With this as BASH_ENV, bash has `mindvideo` run in a fork."""
        client = f"'{sys.executable}' -I -S '{Path(__file__).resolve()}' '{self._path}'"
        self.bash.write_text(f'mindvideo() {{ {client} mindvideo "$@"; }}\n')
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", self._path],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("what the commands import cannot be imported")

    def _stop(self):
        import shutil

        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder)

    def run(self, module, *words, folder, environment=None, jobs=True):
        """As ``subprocess.run([python, "-m", module, *words], capture_output=True, text=True)``.

        Parameters
        ----------
        module : str
            snakemake or mindvideo.
        *words : str
        folder : Path
        environment : Mapping, optional
            Variables beyond those of this process.
        jobs : bool
            Whether the jobs of a Snakemake are forks, too.
        """
        import subprocess
        import tempfile

        if self._folder is None:
            self._start()
        variables = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        if jobs:  # of this server, not of one that the workflow starts
            variables |= {"BASH_ENV": str(self.bash), "MINDVIDEO_FORKSERVER": "0"}
        variables |= environment or {}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            with open(os.devnull) as nothing:
                streams = [nothing.fileno(), out.fileno(), err.fileno()]
                status = _ask(self._path, module, words, str(folder), variables, streams)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read())
        return subprocess.CompletedProcess([module, *words], status, *texts)


forks = Forks()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    else:
        _, _path, _module, *_words = sys.argv
        _status = request(_path, _module, _words)
        sys.exit(_status if _status >= 0 else 128 - _status)
