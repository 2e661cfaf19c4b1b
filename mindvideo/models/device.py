"""Where the networks run."""

from __future__ import annotations

import os

import torch

from mindvideo.devices import claimed
from mindvideo.errors import InputError

NO_GPU = {"", "-1", "NoDevFiles"}
"""Values of CUDA_VISIBLE_DEVICES that schedulers set for jobs without GPUs."""


def device() -> torch.device:
    """This process's GPU if there is one that torch can use, otherwise the CPU.

    Raises
    ------
    InputError
        If the job has a GPU that torch cannot use: running for days on a CPU would be unexpected.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if given not in NO_GPU and not claimed():
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={given} gives this job a GPU, but torch {torch.__version__} "
            "cannot use it: is the driver loaded (nvidia-smi), and is this torch built for CUDA "
            '(python -c "import torch; print(torch.version.cuda)")? To run on the CPU, set '
            'CUDA_VISIBLE_DEVICES="".'
        )
    return torch.device("cpu")
