"""The values of steps, kept on the device until the host looks at them all at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mindvideo.training.finite import Guard, NonFiniteError
from mindvideo.training.history import History, peak_memory
from mindvideo.training.throughput import Throughput
from mindvideo.training.validation import PREFIX

logger = logging.getLogger(__name__)

STEPS_OF_A_GPU = 10
"""Steps between two looks, if `log_every` is not given: a GPU waits for the host in each."""


class Log:
    """Writes a row of the history for each step, for several steps at a time.

    A GPU computes steps while the host prepares the next ones. It would wait if the host looked at
    the loss of each. All rows are written, but the times of the steps between two looks are equal:
    their mean.

    Parameters
    ----------
    guard : Guard
    refuse : callable
        Step, values → the error to raise if it was refused.
    device : torch.device
    desc : str
        Of the training run, in messages.
    """

    def __init__(
        self,
        guard: Guard,
        refuse: Callable[[int, Mapping[str, float]], NonFiniteError],
        device: torch.device,
        desc: str,
    ) -> None:
        self._guard, self._refuse, self._device, self._desc = guard, refuse, device, desc
        self._kept: list[tuple[int, float, dict[str, Tensor]]] = []
        self._history: History | None = None
        self._bar: Any = None
        self.throughput: Throughput | None = None
        self.restart()

    def show(self, history: History, bar: Any) -> None:
        """Let rows be written to a history, and the loss to a progress bar."""
        self._history, self._bar = history, bar

    def restart(self) -> None:
        """Count time from now on, unless steps wait for a look at them."""
        if not self._kept:
            self._start = time.monotonic()

    def add(self, step: int, lr: float, values: dict[str, Tensor]) -> None:
        """Keep the values of a step (counted from 1), each a tensor of shape ()."""
        self._kept.append((step, lr, values))

    def write(self, further: Callable[[], dict[str, float]] | None = None) -> None:
        """Look at the steps so far and, if there is a history, write their rows.

        Parameters
        ----------
        further : callable, optional
            Further values for the last row; not called if a step was refused.

        Raises
        ------
        NonFiniteError
            If a step was refused.
        """
        if not self._kept:
            return
        read = torch.stack([torch.stack([*values.values()]) for *_, values in self._kept]).tolist()
        seconds = (time.monotonic() - self._start) / len(read)
        for (step, lr, values), numbers in zip(self._kept, read, strict=True):
            read_values = dict(zip(values, numbers, strict=True))
            if self._guard.is_refused(read_values):
                raise self._refuse(step, read_values)
            if self._history is None:
                continue
            row: dict[str, float | None] = {**read_values}
            row |= {"lr": lr, "seconds": seconds, "memory": peak_memory(self._device)}
            if self.throughput is not None:
                row |= self.throughput.columns(seconds)
            if further is not None and step == self._kept[-1][0]:
                row |= further()
                self._log_validation(step, row)
            self._history.add(step, row)
            self._bar.set_postfix(loss=f"{row['loss']:.4g}", refresh=False)
        self._kept.clear()

    def _log_validation(self, step: int, row: Mapping[str, float | None]) -> None:
        values = ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k.startswith(PREFIX))
        logger.info("%s, step %d: loss %.4g, %s", self._desc, step, row["loss"], values)
