"""Where the networks run."""

from __future__ import annotations

import os

import torch

from mindvideo.devices import claimed
from mindvideo.errors import InputError

NO_GPU = {"", "-1", "NoDevFiles"}
"""What schedulers write into CUDA_VISIBLE_DEVICES for jobs that shall use none."""


def device() -> torch.device:
    """This process's GPU if there is one that torch can use, otherwise the CPU.

    Raises
    ------
    InputError
        If the job was given a GPU that torch cannot use: days on a CPU would come as a surprise.
    """
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if given not in NO_GPU and not claimed():
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={given} gives this job a GPU, but torch {torch.__version__} can "
            "use none: is the driver loaded (nvidia-smi), and is this torch built for CUDA "
            '(python -c "import torch; print(torch.version.cuda)")? To run on the CPU, set '
            'CUDA_VISIBLE_DEVICES="".'
        )
    return torch.device("cpu")
