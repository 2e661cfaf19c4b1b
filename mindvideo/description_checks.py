"""Checks of a description: names, templates, files that runs and segments share, starts of films.

Several films may be shown in one run, and one film may be cut into several segments, if it is known
where each starts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from mindvideo.run import DEFAULT, Run
from mindvideo.run_files import form_problem
from mindvideo.templates import check_template, did_you_mean, differs_by_number

if TYPE_CHECKING:
    from mindvideo.dataset import Dataset

FEW = 12
"""Maximum number of segments that a message lists."""
PLACEHOLDERS = {
    "run": {"subject", "segment", "repetition", "hemi"},
    "voxels": {"subject"},
    "confounds": {"subject", "segment", "repetition"},
    "events": {"subject", "segment", "repetition"},
    "mask": {"subject", "segment", "repetition"},
    "film": {"segment"},
    "shots": {"segment"},
}
_OF_BIDS = (
    "repetitions are numbered over sessions and runs, and `mindvideo runs --bids FOLDER` writes "
    "the table of runs of a BIDS folder, to be named as dataset.runs"
)
BIDS_ENTITIES = dict.fromkeys(("session", "ses", "task", "space"), _OF_BIDS)
"""BIDS entities that are not placeholders, with a hint for users who try them."""


def check_names(dataset: Dataset, fields: Sequence[str]) -> None:
    """Raise an error if tables by segment name others than its segments.

    Names that differ only by a number are allowed: a configuration may leave out segments.

    Raises
    ------
    ValueError
    """
    if DEFAULT in dataset.films:
        raise ValueError("films: `default` is not a segment; `film` applies to all others")
    segments = dataset.segments
    wrong = [
        f"{field}: there is no segment {name!r}{did_you_mean(name, segments)}"
        for field in fields
        for name in getattr(dataset, field)
        if name not in (DEFAULT, *segments) and not differs_by_number(name, segments)
    ]
    if wrong:
        more = ", …" if len(segments) > FEW else ""
        listed = ", ".join(segments[:FEW]) + more
        raise ValueError(f"{'; '.join(wrong)} (the segments are {listed})")


def check_templates(dataset: Dataset) -> None:
    """Raise an error if a template has unknown placeholders.

    Raises
    ------
    ValueError
    """
    for field, allowed in PLACEHOLDERS.items():
        if template := getattr(dataset, field):
            check_template(field, template, allowed, BIDS_ENTITIES)
    for key, template in dataset.exceptions.items():
        check_template(f"exceptions: {key}", template, PLACEHOLDERS["run"], BIDS_ENTITIES)
    for column, value in dataset.event.items():
        check_template(f"event: {column}", value, {"segment"})


def check_forms(dataset: Dataset) -> None:
    """Raise an error if a run's path does not fit the form of the runs.

    Raises
    ------
    ValueError
    """
    for run in dataset.all_rows:
        if run.path and (problem := form_problem(dataset.space, run.path)):
            raise ValueError(f"{run.path}: {problem}")
    if dataset.voxels and dataset.space != "array":
        raise ValueError(
            f"voxels: a table of columns is of arrays (space: array); space is {dataset.space}"
        )


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
