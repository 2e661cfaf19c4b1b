"""Training in several processes, one per GPU, started by torch's own launcher.

On several machines, Slurm starts one launcher on each, and these find each other.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from mindvideo.devices import has_gpus
from mindvideo.errors import InputError

if TYPE_CHECKING:
    from mindvideo.settings.training import Training

PATIENCE = 120.0
"""Most time that processes wait for that of rank 0 to end [s]."""


def rank() -> int:
    """Rank of this process in its training run: the process of rank 0 writes the outputs."""
    return int(os.environ.get("RANK", "0")) if is_one_of_several() else 0


def is_one_of_several() -> bool:
    """Whether a launcher (ours, torchrun, accelerate) started this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def leave_unless_first() -> None:
    """End this process, successfully, if it is not the one that writes, as after training.

    Raises
    ------
    SystemExit
    """
    if rank():
        sys.exit(0)


def wait_for_the_first() -> None:
    """Wait until this process is ended, because that of rank 0 has ended.

    A launcher ends all processes as soon as one has ended. Processes of other ranks therefore wait
    while that of rank 0 has something left to do, such as queueing the job again.
    """
    if rank():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        launcher, end = os.getppid(), time.monotonic() + PATIENCE
        while os.getppid() == launcher and time.monotonic() < end:
            time.sleep(0.2)


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Environment variables of the number of threads; Snakemake sets them to those of the job."""


def share_threads(count: int) -> None:
    """Divide the threads that this process may use among `count` processes that it starts."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    of_job = os.environ.get("OMP_NUM_THREADS", "")
    for name in THREADS:
        given = os.environ.get(name, of_job)
        total = int(given) if given.isdigit() else cores or 1
        os.environ[name] = str(max(1, total // count))


def processes_on_cpu(settings: Training) -> int:
    """Processes for a training run that was given one: without a GPU, as many as its settings say.

    They are at most the threads of the job, and the examples of a batch's smallest part.
    """
    if settings.cpu_processes == 1 or has_gpus():
        return 1
    threads = os.environ.get("OMP_NUM_THREADS", "")
    limit = int(threads) if threads.isdigit() else os.cpu_count() or 1
    return min(settings.cpu_processes, limit, settings.batch_size // settings.accumulate)


PORT = "MINDVIDEO_LAUNCHERS_PORT"
"""Environment variable: Slurm started this process as one of the launchers of a training run, which
meet at this port of the machine that called ``srun``."""


def is_launcher() -> bool:
    """Whether Slurm started this process as the launcher of its machine."""
    return PORT in os.environ


def start_launchers(count: int, argv: list[str]) -> NoReturn:
    """Become ``srun``, which runs ``mindvideo ARGV`` once on each of `count` nodes of this job.

    Slurm's signals thus reach all of them. If one fails, Slurm ends the others.

    Raises
    ------
    InputError
        Outside of a Slurm job, or within a step of one, which has the job's GPUs to itself.
    """
    srun = shutil.which("srun")
    if "SLURM_JOB_ID" not in os.environ or srun is None:
        raise InputError(
            f"--nodes {count} needs a Slurm job of {count} nodes, and "
            + ("this is none" if srun else "there is no srun here")
            + ". Elsewhere, run on each machine: torchrun --nnodes N --nproc-per-node GPUS "
            "--rdzv-backend c10d --rdzv-endpoint FIRST-MACHINE:29400 -m mindvideo STAGE …"
        )
    if "SLURM_STEP_ID" in os.environ:
        raise InputError(
            f"--nodes {count} starts a step of its own, and srun has started this process: call "
            "mindvideo without srun in the job's script (in the workflow, set mpi: srun)"
        )
    with socket.socket() as free:
        free.bind(("", 0))
        os.environ[PORT] = str(free.getsockname()[1])
    options = [f"--nodes={count}", f"--ntasks={count}", "--ntasks-per-node=1", "--mpi=none"]
    # With --overlap, Slurm 22.05 gives a step too few of the GPUs that the job has on a node.
    options += ["--cpu-bind=none", "--kill-on-bad-exit=1"]
    os.execv(srun, [srun, *options, sys.executable, "-m", "mindvideo", *argv])


class Launcher(NamedTuple):
    """What torch's launcher on this machine must know.

    Attributes
    ----------
    n_processes : int
        That it starts.
    endpoint : str
        Where the launchers meet.
    is_host : bool
        Whether they meet on this machine.
    """

    n_processes: int
    endpoint: str
    is_host: bool

    @classmethod
    def here(cls, n_processes: int, n_nodes: int) -> Launcher:
        """This machine's, of a training run in `n_processes` on `n_nodes`.

        A machine has a process for each GPU that Slurm allocated on it. Without GPUs, the processes
        are divided among the machines.
        """
        if not is_launcher():
            return cls(n_processes, "localhost:0", True)
        node, host = int(os.environ["SLURM_NODEID"]), os.environ["SLURM_LAUNCH_NODE_IPADDR"]
        share = n_processes // n_nodes + (node < n_processes % n_nodes)
        share = int(os.environ.get("SLURM_GPUS_ON_NODE") or 0) or share
        if not share:
            raise InputError(f"{n_processes} processes cannot be divided among {n_nodes} nodes")
        host = f"[{host}]" if ":" in host else host
        return cls(share, f"{host}:{os.environ[PORT]}", node == 0)


def run_in_processes(count: int, argv: list[str], n_nodes: int = 1) -> int:
    """Run ``mindvideo ARGV`` in this machine's processes; return the worst exit status.

    SIGTERM and SIGINT are passed on to all of them. When one fails, the others are stopped.

    Parameters
    ----------
    count : int
        Processes on all machines.
    argv : list of str
    n_nodes : int
        Machines, on each of which a launcher runs.

    Raises
    ------
    InputError
        If torch finds GPUs, but fewer than processes. Without any GPU, they share the CPU.
    """
    from mindvideo.devices import claim, claimed, release

    launcher = Launcher.here(count, n_nodes)
    claim(launcher.n_processes)  # before torch looks for GPUs
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from mindvideo.models.device import device

    n_gpus = torch.cuda.device_count()
    if device().type == "cpu" and claimed():
        release()  # there are GPUs, but this torch can use none
    if device().type == "cuda" and n_gpus < launcher.n_processes:
        raise InputError(
            f"{launcher.n_processes} processes, but torch finds only {n_gpus} GPUs on "
            f"{socket.gethostname()}: request more GPUs, or fewer processes (--processes; in the "
            "workflow, --set-resources RULE:gpu=N)"
        )
    share_threads(launcher.n_processes)
    config = LaunchConfig(
        run_id="mindvideo",
        min_nodes=n_nodes,
        max_nodes=n_nodes,
        nproc_per_node=launcher.n_processes,
        rdzv_backend="c10d",
        rdzv_endpoint=launcher.endpoint,
        rdzv_configs={"is_host": launcher.is_host},
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "mindvideo", *argv)
    except ChildFailedError as error:
        return max(abs(failure.exitcode) for failure in error.failures.values())
    except SignalException as error:
        return 128 + error.sigval
    return 0
