"""What a run of the workflow says at its start and at its end: where to look, and the scores.

How long it takes is about known: from what its jobs took the last time, or from the columns of
``workflow/resources.tsv``, seconds of a job of the demo and minutes of a job at full size.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ESTIMATE = "estimate"
"""The column of minutes on one A100."""

PLACES = {
    "demo_film": "films",
    "brain_figure": "maps of the brain",
    "drawings": "clips from captions",
    "videos": "page of reconstructions",
}
"""By rule: what there is to look at, in the order in which it appears."""

SCORES = re.compile(r"identification_frame|(?!.*_unseen$).*_accuracy|ssim")
LABELS = {"identification_frame": "identification (image classifier)", "ssim": "SSIM"}


@dataclass(frozen=True)
class Task:
    """A job that will run.

    Attributes
    ----------
    rule : str
    seconds : float or None
        What it took the last time.
    threads, gpus : int
    after : tuple of int
        Places in the list of tasks of those that it waits for.
    """

    rule: str
    seconds: float | None = None
    threads: int = 1
    gpus: int = 0
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What all jobs share; None where there is no limit."""

    cores: int | None = None
    jobs: int | None = None
    gpus: int | None = None


class Costs:
    """Seconds of one job of each rule, for a data set.

    Parameters
    ----------
    table : Path
        ``workflow/resources.tsv``.
    dataset : str
        Name of the data set: the column of the same name is read (with _ in place of -), or that
        of the longest beginning of it up to a hyphen; the estimates for one A100 if there is none.
    """

    def __init__(self, table: Path, dataset: str) -> None:
        rows = _rows(table)
        words = dataset.split("-")
        names = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
        columns = rows[0].keys() if rows else []
        found = next((name for name in names if name in columns), None)
        column, unit = (found, 1) if found else (ESTIMATE, 60)
        self.measured = found is not None
        self.seconds = {row["rule"]: unit * n for row in rows if (n := _number(row[column])) >= 0}


def duration(tasks: Sequence[Task], costs: Costs, limits: Limits) -> tuple[float, bool] | None:
    """How long jobs take at least, in seconds, and whether some of it is an estimate for an A100.

    None if nothing is known about a job on a GPU, or about any.

    Three bounds are compared: the longest chain of jobs that wait for each other, and what cores
    and GPUs can do at the same time. Tasks are in an order in which each comes after those that it
    waits for.
    """
    known = [costs.seconds.get(t.rule) if t.seconds is None else t.seconds for t in tasks]
    lacking = [task for task, seconds in zip(tasks, known) if seconds is None]
    if len(lacking) == len(tasks) or any(task.gpus for task in lacking):
        return None
    seconds = [s or 0.0 for s in known]
    ends: list[float] = []
    for task, takes in zip(tasks, seconds, strict=True):
        ends.append(takes + max((ends[place] for place in task.after), default=0.0))
    cores = sum(s * min(t.threads, limits.cores or t.threads) for t, s in zip(tasks, seconds))
    of_gpus = sum(s * min(t.gpus, limits.gpus or t.gpus) for t, s in zip(tasks, seconds))
    shares = [
        cores / limits.cores if limits.cores else 0.0,
        of_gpus / limits.gpus if limits.gpus else 0.0,
        sum(seconds) / limits.jobs if limits.jobs else 0.0,
    ]
    estimated = not costs.measured and any(
        task.seconds is None and s for task, s in zip(tasks, known)
    )
    return max(*ends, *shares), estimated


def about(seconds: float) -> str:
    """A duration in words.

    >>> about(20), about(100), about(9 * 60), about(5400), about(7 * 3600), about(3.4 * 86400)
    ('a minute', '2 minutes', '9 minutes', '90 minutes', '7 hours', '3 days')
    """
    for unit, name in ((86400, "days"), (3600, "hours")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    minutes = max(1, round(seconds / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def first_words(outputs: Mapping[str, Sequence[str]], takes: tuple[float, bool] | None) -> str:
    """The line at the start; empty if nothing that can be looked at is made.

    Parameters
    ----------
    outputs
        By rule: the first output of each of its jobs.
    takes
        As :func:`duration` returns it.
    """
    made = [rule for rule in PLACES if rule in outputs]
    if not set(made) - {"demo_film"}:
        return ""
    where = [f"{PLACES[rule]} in {_place(rule, outputs[rule])}" for rule in made]
    time = ""
    if takes:
        seconds, estimated = takes
        on = " (estimated for one A100)" if estimated else ""
        time = f"This takes about {about(seconds)}{on}. "
    return f"{time}To look at as soon as they are there: {'; '.join(where)}"


def _place(rule: str, paths: Sequence[str]) -> str:
    if rule == "demo_film":
        return str(Path(paths[0]).parent)
    first = f"{paths[0]}/index.html" if rule == "videos" else paths[0]
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def last_words(pages: Iterable[tuple[str, str]]) -> str:
    """The main scores of each page, and where it is; empty if there is none.

    `pages` are folders of pages with the table of their metrics. A table that lacks a column, or
    that is not there, has no scores.
    """
    return "\n".join(line for folder, metrics in pages for line in _summary(folder, Path(metrics)))


def _summary(folder: str, metrics: Path) -> list[str]:
    rows = [row for row in _rows(metrics) if SCORES.fullmatch(row.get("metric") or "")]
    scored = [row for row in rows if math.isfinite(_number(row.get("value")))]
    scored.sort(key=lambda row: list(_ranks(row["metric"])))
    lines = [f"{folder}/index.html"]
    for row in scored:
        chance, null = _number(row.get("chance")), _number(row.get("null_mean"))
        against = f"chance {chance:.2f}" if math.isfinite(chance) else f"null   {null:.2f}"
        p = _number(row.get("p"))
        label = LABELS.get(row["metric"]) or f"{row['metric'].removesuffix('_accuracy')} (accuracy)"
        lines.append(f"  {label:<36} {_number(row['value']):.2f}   {against}   p = {p:.2g}")
    return lines


def _ranks(metric: str) -> Iterable[bool]:
    """Sorts identification before accuracies, and these before SSIM."""
    yield metric == "ssim"
    yield metric != "identification_frame"


def last_seconds(benchmark: Path) -> float | None:
    """What a job took the last time, from the table that Snakemake wrote; None if there is none."""
    rows = _rows(benchmark)
    seconds = _number(rows[-1].get("s")) if rows else math.nan
    return seconds if math.isfinite(seconds) else None


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table; none if it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


# --- Snakemake's jobs -----------------------------------------------------------------------------


def outlook(workflow: Any, table: Path, dataset: str) -> str:
    """The line at the start of a run of Snakemake; empty if there is nothing to say."""
    dag = workflow.dag
    jobs = _in_order(dag)
    if not any(job.rule.name in PLACES for job in jobs):
        return ""
    places = {job: n for n, job in enumerate(jobs)}
    tasks = [
        Task(
            job.rule.name,
            last_seconds(Path(job.benchmark)) if job.benchmark else 0.0,
            threads=job.threads,
            gpus=getattr(job.resources, "gpu", 0),
            after=tuple(places[other] for other in dag.dependencies[job] if other in places),
        )
        for job in jobs
    ]
    local = workflow.local_exec
    limits = Limits(
        cores=workflow.cores if local else None,
        jobs=None if local else workflow.nodes,
        gpus=limit.value if (limit := workflow.global_resources.get("gpu")) else None,
    )
    outputs: dict[str, list[str]] = {}
    for job in jobs:
        if job.rule.name in PLACES:
            outputs.setdefault(job.rule.name, []).append(str(job.output[0]))
    return first_words(
        {rule: sorted(paths) for rule, paths in outputs.items()},
        duration(tasks, Costs(table, dataset), limits),
    )


def _in_order(dag: Any) -> list[Any]:
    """The jobs that will run, each after those that it waits for."""
    left, ordered = set(dag.needrun_jobs()), []
    found: set[Any] = set()
    waiting = [(job, False) for job in left]
    while waiting:
        job, followed = waiting.pop()
        if followed:
            ordered.append(job)
        elif job not in found:
            found.add(job)
            waiting.append((job, True))
            waiting += [(other, False) for other in dag.dependencies[job] if other in left]
    return ordered


def summary(workflow: Any) -> str:
    """The scores at the end of a run, of the pages that were requested and are there."""
    jobs = [job for job in workflow.dag.jobs if job.rule.name == "videos"]
    pages = sorted((str(job.output.videos), str(job.input.metrics)) for job in jobs)
    return last_words((folder, metrics) for folder, metrics in pages if Path(folder).is_dir())
