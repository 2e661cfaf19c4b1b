"""Where the networks run."""

from __future__ import annotations

import torch


def device() -> torch.device:
    """The GPU if there is one that torch can use, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
