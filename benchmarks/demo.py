"""What the levers of the demo's time are worth: ``python -m benchmarks.demo`` in a finished run.

Each row runs a job of the workflow as it was and as it is, in turns, on copies of its outputs, and
gives the median of both: of the wall time, or of the time of a training step.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from mindvideo import forkserver
from mindvideo.commands.rule import job_command
from mindvideo.processes import THREADS
from mindvideo.registry import read_stage

TURNS = 3
STEPS = 12
SHORT = {"duration": STEPS, "warmup": 1}
ALONE = {forkserver.ADDRESS: "0"}


class Job:
    """A job of the workflow, whose outputs go to a folder of their own.

    Parameters
    ----------
    rule : str
    wildcards : dict of str to str
    settings : dict
        Changed ones.
    execution : dict
        Changed ones among those that do not affect the result.
    threads : int
    environment : mapping of str to str
        Added to this process's.
    """

    def __init__(
        self,
        rule: str,
        wildcards: dict[str, str],
        settings: Mapping[str, Any] | None = None,
        execution: Mapping[str, Any] | None = None,
        threads: int = 1,
        environment: Mapping[str, str] = ALONE,
    ) -> None:
        words = shlex.split(job_command(rule, wildcards))
        stage = read_stage(words[1].replace("-", "_"))
        self.words = words
        self.places = [p.option for p in stage.of_kind("Output", "Outputs", "State")] + ["--log"]
        for option, changed in (("--settings", settings), ("--execution", execution)):
            if changed:
                place = words.index(option) + 1
                words[place] = json.dumps(json.loads(words[place]) | dict(changed))
        self.environment = os.environ | dict.fromkeys(THREADS, str(threads)) | environment

    def run(self) -> tuple[float, float]:
        """Wall time, and the median time of a training step (nan without) [s]."""
        with tempfile.TemporaryDirectory() as folder:
            words = list(self.words)
            for option in set(self.places) & set(words):
                place = words.index(option) + 1
                words[place] = str(Path(folder, option[2:], Path(words[place]).name))
                Path(words[place]).parent.mkdir()
            start = time.monotonic()
            subprocess.run(words, env=self.environment, check=True, stderr=subprocess.DEVNULL)
            seconds = time.monotonic() - start
            (*_, history) = [None, *Path(folder).glob("history/*.tsv")]
            if history is None:
                return seconds, float("nan")
            return seconds, float(pd.read_csv(history, sep="\t")["seconds"].iloc[1:].median())


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """The environment of jobs that a server forks."""
    server = forkserver.start()
    address = os.environ.pop(forkserver.ADDRESS)
    try:
        while not Path(address).exists():
            time.sleep(0.1)
        yield {forkserver.ADDRESS: address}
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def compare(name: str, old: Job, new: Job, of: Callable[[tuple[float, float]], float]) -> str:
    """A row of the table: medians of both, and their ratio."""
    taken = [(of(old.run()), of(new.run())) for _ in range(TURNS)]
    before, after = (statistics.median(column) for column in zip(*taken))
    row = f"| {name} | {before:.3g} | {after:.3g} | {after / before:.2f} |"
    print(row, file=sys.stderr, flush=True)
    return row


def main() -> None:
    segment = {"shared": "shared", "segment": "seg1"}
    of_films, of_subject = {"shared": "shared"}, {"model": "sub1"}
    decoded = {"model": "sub1", "segment": "test1"}
    fp32 = {"precision": "fp32"}
    rows = []
    with served() as forked:
        for what, rule, wildcards in (
            ("captions of a segment", "captions", segment),
            ("reconstruction of a segment", "reconstruct", decoded),
        ):
            old, new = (Job(rule, wildcards, environment=e) for e in (ALONE, forked))
            rows.append(compare(f"{what}: imports shared [s]", old, new, lambda t: t[0]))
    old = Job("reconstruct", decoded, fp32)
    new = Job("reconstruct", decoded, {"precision": "auto"})
    rows.append(compare("reconstruction of a segment: bf16 [s]", old, new, lambda t: t[0]))
    trainings = {"contrastive": of_subject, "video_tuning": of_films, "cotraining": of_subject}
    for rule, wildcards in trainings.items():
        one = {"cpu_processes": 1}
        old = Job(rule, wildcards, SHORT | fp32, one)
        new = Job(rule, wildcards, SHORT | {"precision": "auto"}, one)
        rows.append(compare(f"{rule}, a step in one thread: bf16 [s]", old, new, lambda t: t[1]))
    old = Job("cotraining", of_subject, SHORT, {"cpu_processes": 1}, threads=2)
    new = Job("cotraining", of_subject, SHORT, {"cpu_processes": 2}, threads=2)
    name = "cotraining, a step: two processes in place of two threads [s]"
    rows.append(compare(name, old, new, lambda t: t[1]))
    print("| | before | now | ratio |\n|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
