"""What a training did, step by step: a TSV file and TensorBoard events that grow while it runs."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter


class History:
    """Rows appended to a TSV file, one a step; the first column is `step`, counted from 1.

    Parameters
    ----------
    path : Path
        The file. If it is there, the training goes on: rows after `step` are cut off, because
        the steps they tell of are taken again, and so is a last row that a kill left unfinished.
    events : Path
        Folder of the same as TensorBoard shows it, while it grows: ``tensorboard --logdir``.
    step : int
        Steps that the training has behind it.
    """

    def __init__(self, path: Path, events: Path, step: int) -> None:
        self._columns: list[str] = []
        kept: list[str] = []
        if step and path.exists():
            header, *rows = path.read_text().splitlines(keepends=True)
            self._columns = header.rstrip("\n").split("\t")
            kept = [header, *(row for row in rows if row.endswith("\n") and _step(row) <= step)]
        beside = path.with_suffix(".part")
        beside.write_text("".join(kept))
        os.replace(beside, path)
        self._file = path.open("a", buffering=1)  # each row is handed over as soon as it is whole
        self._events = SummaryWriter(str(events), purge_step=step + 1, flush_secs=10)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Append a row; the columns are those of the first row."""
        if not self._columns:
            self._columns = ["step", *values]
            self._file.write("\t".join(self._columns) + "\n")
        cells = [str(step), *(f"{values[name]:.6g}" for name in self._columns[1:])]
        self._file.write("\t".join(cells) + "\n")
        for name in self._columns[1:]:
            self._events.add_scalar(name, values[name], step)

    def __enter__(self) -> History:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._events.close()


def _step(row: str) -> int:
    return int(row.split("\t", 1)[0])


def peak_memory(device: torch.device) -> float:
    """Largest memory used so far [MiB]: of the GPU, or else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere
