"""Signals that end a training run after its current step."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator


class Interruption:
    """Context in which SIGTERM and SIGINT are recorded, for the loop to act on after a step.

    A second SIGINT interrupts the step by KeyboardInterrupt, for a user who does not want to wait.
    A second SIGTERM has no effect: near the end of a job several come, from Slurm, from torch's
    launcher and from `time_limit`.
    """

    def __init__(self) -> None:
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def received(self, accelerator: Accelerator) -> int:
        """Number of a signal that any process has received, 0 if there is none."""
        if accelerator.num_processes == 1:
            return self._signal
        received = torch.tensor([self._signal], device=accelerator.device)
        return int(accelerator.gather(received).max())

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or number

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # Python forbids it elsewhere
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
