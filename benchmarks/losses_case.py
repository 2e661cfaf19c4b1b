"""A stage in a separate folder, which `benchmarks.losses` disturbs and starts again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.losses_kinds import Kind, digest
from mindvideo.io.sidecars import sidecar_path

ROOT = Path(__file__).parents[1]
INTERVAL = 1.0
"""Time between two checkpoints of a stage in these runs [s]."""

PATIENCE = 300.0
"""Time after which an idle stage counts as hanging [s]."""


class UnexpectedError(Exception):
    """A stage did not do what the documentation says."""


class NotRunError(Exception):
    """A tool that a fault needs is missing."""


class Loss(NamedTuple):
    """Units that were computed twice, and the time that they took [s]."""

    units: int
    seconds: float


class Case:
    """A stage in a separate folder.

    Parameters
    ----------
    kind : Kind
    inputs : Path
    folder : Path
    whole : Case, optional
        The same stage without a fault.
    fraction : float
        Fraction of the work after which the fault occurs.
    interval : float
        Time between two checkpoints of the stage [s].
    """

    def __init__(
        self,
        kind: Kind,
        inputs: Path,
        folder: Path,
        whole: Case | None = None,
        fraction: float = 0.5,
        interval: float = INTERVAL,
    ) -> None:
        self.kind, self._inputs, self._folder = kind, inputs, folder
        self.interval = interval
        self.whole, self._fraction = whole, fraction
        self.results = folder / "results"
        self.results.mkdir(parents=True)
        self.environment: dict[str, str] = {}
        self.interrupted: tuple[int, float] | None = None
        self.ended = 0.0
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the stage."""
        command = [sys.executable, "-m", "benchmarks.counted", "--unit", self.kind.function]
        command += ["--times", str(self._folder / "times"), "--interval", str(self.interval)]
        command += options
        command += self.kind.arguments(self._inputs, self.results, self.interval)
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "MINDVIDEO"))
        }
        # One thread of one processor gives the same bytes each time.
        single_thread = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        with (self._folder / f"messages{len(self._started)}").open("wb") as messages:
            environment = inherited | single_thread | self.environment
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=messages)
        self._started.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], status: int) -> str:
        """Wait for the stage to end with this status; its messages."""
        wait_until(lambda: process.poll() is not None)
        self.ended = time.monotonic()
        number = self._started.index(process)
        said = (self._folder / f"messages{number}").read_text(errors="replace")
        if process.returncode != status:
            raise UnexpectedError(f"status {process.returncode}, not {status}:\n{said[-3000:]}")
        if status:
            self.interrupted = len(self.times()), self.ended
        return said

    def close(self) -> None:
        """End all processes that still run after an unexpected result."""
        for process in self._started:
            process.kill()
            process.wait()

    def again(self) -> None:
        """Run the same command to its end."""
        self.end(self.start(), 0)

    def times(self) -> list[float]:
        """Start times of units, over all starts of the stage [s]."""
        file = self._folder / "times"
        return [float(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for_the_moment(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the stage has done its fraction of the work."""
        assert self.whole is not None
        done = int(self._fraction * len(self.whole.times()))
        wait_until(lambda: len(self.times()) > done or process.poll() is not None)
        if not done:
            time.sleep(0.2)  # within the first unit, the only one of a stage without a state
        if process.poll() is not None:
            self.end(process, 0)
            raise UnexpectedError("it ended before the fault")

    def digests(self) -> dict[str, str]:
        return {name: digest(self.results / name) for name in self.kind.outputs}

    def check(self) -> None:
        """Check that the outputs equal those without a fault, and that nothing else is left."""
        outputs = [Path(name) for name in self.kind.outputs]
        expected = {path.name for output in outputs for path in (output, sidecar_path(output))}
        present = {path.name for path in self.results.iterdir()} - {"state"}
        if present != expected or any(path.is_file() for path in self.results.rglob("state/**/*")):
            raise UnexpectedError(f"left behind: {sorted(present ^ expected) or 'a state'}")
        if self.whole and self.digests() != self.whole.digests():
            raise UnexpectedError("the outputs are not those of a stage without a fault")

    def loss(self) -> Loss:
        """Units that were computed twice."""
        assert self.whole is not None
        units = len(self.times()) - len(self.whole.times())
        if units < 0:
            raise UnexpectedError(f"{-units} units were never computed")
        if not units:
            return Loss(0, 0.0)
        if self.interrupted is None:
            raise UnexpectedError(f"{units} units were computed twice without an interruption")
        before, at = self.interrupted
        return Loss(units, at - self.times()[before - units])


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds.

    Raises
    ------
    UnexpectedError
        If it does not hold within :data:`PATIENCE`.
    """
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise UnexpectedError("it hangs")
        time.sleep(0.02)
