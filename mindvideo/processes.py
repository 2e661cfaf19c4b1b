"""Training in several processes, one per GPU, started by torch's own launcher."""

from __future__ import annotations

import os
import sys


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


def run_in_processes(count: int, argv: list[str]) -> int:
    """Run ``mindvideo ARGV`` in `count` processes on this machine; return the worst exit status.

    SIGTERM and SIGINT are passed on to all of them. When one fails, the others are stopped.

    Raises
    ------
    InputError
        If torch finds GPUs, but fewer than processes. Without any GPU, they share the CPU.
    """
    from mindvideo.devices import claim, claimed, release

    claim(count)  # before torch looks for GPUs
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from mindvideo.errors import InputError
    from mindvideo.models.device import device

    gpus = torch.cuda.device_count()
    if device().type == "cpu" and claimed():
        release()  # there are GPUs, but this torch can use none
    if device().type == "cuda" and gpus < count:
        raise InputError(
            f"--processes {count}, but torch finds only {gpus} GPUs: request more GPUs, or use "
            f"--processes {gpus} (in the workflow: --set-resources RULE:gpu={gpus})"
        )
    share_threads(count)
    config = LaunchConfig(
        run_id="mindvideo",
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
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
