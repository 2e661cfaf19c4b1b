"""Checks of a description: which files runs and segments may share, and when films start.

Several films may be shown in one run, and one film may be cut into several segments, if it is known
where each starts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from mindvideo.run import Run

if TYPE_CHECKING:
    from mindvideo.dataset import Dataset


def check_shared(dataset: Dataset) -> None:
    """Raise an error if runs or segments share a file without a start of their own in it.

    Raises
    ------
    ValueError
        Naming them.
    """
    rows = [run for run in dataset.rows if run.path]
    placeholders = "{subject}, {segment} and {repetition}"
    _refuse_shared(
        "one file for {} runs",
        [(dataset.key(run), run.path, _start(dataset, run)) for run in rows],
        f"each run needs its own, or its own start in it (drop_start in a table of runs, or "
        f"`event`). Does the template contain {placeholders}?",
    )
    tables = {(run.confounds, run.path): dataset.key(run) for run in rows if run.confounds}
    _refuse_shared(
        "one table of confounds for {} runs",
        [(key, str(table), None) for (table, _), key in tables.items()],
        f"each run needs its own. Does the template contain {placeholders}?",
    )
    films = [(s, film) for s in dataset.segments if (film := dataset.film_path(s))]
    _refuse_shared(
        "one film for {} segments",
        [(segment, film, dataset.film_start_of(segment)) for segment, film in films],
        "each segment needs its own, or its own start in it (film_start). Does the template "
        "contain {segment}?",
    )


def _start(dataset: Dataset, run: Run) -> Hashable:
    """What distinguishes the film of a run from others in the same file."""
    timing = run.timing
    event = tuple(dataset.event_of(run.segment).items()) if run.events else ()
    return timing.drop_start, timing.onset, event


def _refuse_shared(what: str, named: Sequence[tuple[str, str, Hashable]], advice: str) -> None:
    """Raise an error if several of (name, path, start) have the same path and start."""
    first: dict[tuple[str, Hashable], list[str]] = {}
    for name, path, start in named:
        first.setdefault((path, start), []).append(name)
    for (path, _), names in first.items():
        if len(names) > 1:
            more = ", …" if len(names) > 3 else ""
            raise ValueError(
                f"{what.format(len(names))} ({', '.join(names[:3])}{more}): {path}: {advice}"
            )


def check_starts(dataset: Dataset) -> None:
    """Raise an error if it is not known when the film of a run starts, or if it is said twice.

    Raises
    ------
    ValueError
        Naming the run.
    """
    if dataset.events and dataset.timing:
        raise ValueError(
            "timing and events both say when films start: remove timing, or name tables of events "
            "only in the rows of a table of runs that need them"
        )
    if bool(dataset.event) != any(run.events for run in dataset.all_rows):
        needed = (
            "event: no table of events has it: set events to the path of these tables"
            if dataset.event
            else "events: which row is the onset of the film? Set event, such as "
            "{ trial_type: film }"
        )
        raise ValueError(needed)
    unknown = [
        run
        for run in dataset.rows
        if run.path and not run.events and run.timing.start(dataset.tr) is None
    ]
    if unknown:
        segments = ", ".join(dict.fromkeys(run.segment for run in unknown))
        raise ValueError(
            f"timing: no `default`, and nothing for {segments}: give the volumes before and after "
            "their films, film_onset, or events"
        )
    for run in dataset.rows:
        if run.timing.onset is not None and run.timing.onset < 0:
            raise ValueError(
                f"film_onset: the film of {dataset.key(run)} starts {-run.timing.onset:g} s before "
                "the run: its first clips have no volumes. Name the part of the film that was "
                "recorded by film_start, or give timing"
            )
