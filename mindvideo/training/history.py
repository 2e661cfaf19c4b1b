"""History of a training run, step by step: a growing TSV file and TensorBoard events."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

TIMES = ["seconds", "memory", "examples_per_second", "teraflops", "share_of_peak"]
"""Columns that say how a step was computed, and differ when it is computed again."""


class History:
    """Rows appended to a TSV file, one per step; the first column is `step`, counted from 1.

    Parameters
    ----------
    path : Path
        The file. If it exists, training is resumed: rows after `step` are removed, because their
        steps are repeated, and so is an incomplete last row.
    events : Path
        Folder of the same values for ``tensorboard --logdir``, also during training.
    step : int
        Steps done so far.
    """

    def __init__(self, path: Path, events: Path, step: int) -> None:
        self._columns: list[str] = []
        kept: list[str] = []
        if step and path.exists():
            header, *rows = path.read_text().splitlines(keepends=True)
            self._columns = header.rstrip("\n").split("\t")
            kept = [header, *(row for row in rows if row.endswith("\n") and _step(row) <= step)]
        partial = path.with_suffix(".part")
        partial.write_text("".join(kept))
        os.replace(partial, path)
        self._file = path.open("a", buffering=1)  # each row is written as soon as it is complete
        self._events = SummaryWriter(str(events), purge_step=step + 1, flush_secs=10)

    def add(self, step: int, values: Mapping[str, float | None]) -> None:
        """Append a row. The first row determines the columns; a later one may lack some.

        Values are n/a where they are None. Those without a column are left out: an earlier version
        may have written the first rows.
        """
        if not self._columns:
            self._columns = ["step", *values]
            self._file.write("\t".join(self._columns) + "\n")
        row = {name: values.get(name) for name in self._columns[1:]}
        cells = ["n/a" if value is None else f"{value:.6g}" for value in row.values()]
        self._file.write("\t".join([str(step), *cells]) + "\n")
        for name, value in row.items():
            if value is not None:
                self._events.add_scalar(name, value, step)

    def __enter__(self) -> History:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._events.close()


def _step(row: str) -> int:
    return int(row.split("\t", 1)[0])


def peak_memory(device: torch.device) -> float:
    """Peak memory so far [MiB]: of the GPU if there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB elsewhere
