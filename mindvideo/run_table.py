"""The table of runs, one row per run: derived from a description or written by the user."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mindvideo.errors import InputError, RenamedSetting
from mindvideo.run import NAMES, Run
from mindvideo.templates import did_you_mean
from mindvideo.validation import what_is_wrong

COLUMNS = list(Run.model_fields)
NEEDED = [name for name, field in Run.model_fields.items() if field.is_required()]
OF_SEGMENT = ("split", "film", "clips")
"""Columns that have the same value in all rows of a segment."""
SHOWN = 20


def write_runs(rows: Iterable[Run]) -> str:
    """Text of the table: tab-separated, one header row, ``n/a`` for missing values."""
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(COLUMNS)
    for run in rows:
        values = [getattr(run, name) for name in COLUMNS]
        table.writerow(["n/a" if value is None else value for value in values])
    return text.getvalue()


def read_runs(path: Path) -> list[Run]:
    """The runs in a table.

    Columns may be in any order; the description provides the values of optional columns.

    Raises
    ------
    InputError
        If the table cannot be read or is wrong; the message lists all problems by line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or f"not UTF-8 text ({error})"
        raise InputError(f"{path}: the table of runs cannot be read: {reason}") from error
    lines = list(csv.reader(io.StringIO(text), delimiter="\t"))
    header = _with_current_names([name.strip() for name in lines[0]] if lines else [], path)
    problems = _of_header(header)
    rows: dict[int, Run] = {}
    if not problems:
        for number, cells in enumerate(lines[1:], start=2):
            if any(cell.strip() for cell in cells):
                run, wrong = _row(header, cells)
                problems += [f"line {number}: {what}" for what in wrong]
                rows |= {number: run} if run else {}
        if not rows and not problems:
            problems.append("no runs: expected one row per run below the header")
        problems += _contradictions(rows)
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        listed = "\n  ".join([*problems[:SHOWN], *more])
        raise InputError(
            f"{path}: {len(problems)} problem{'s'[: len(problems) > 1]} in the table of runs (for "
            f"an example, run: mindvideo runs config/config.yaml):\n  {listed}"
        )
    return list(rows.values())


def _with_current_names(header: list[str], path: Path) -> list[str]:
    for old, new in Run.renamed.items():
        if old in header:
            message = f"{path}: the column {old} is now called {new}"
            warnings.warn(message, RenamedSetting, stacklevel=3)
    return [Run.renamed.get(name, name) for name in header]


def _of_header(header: list[str]) -> list[str]:
    if len(header) < 2:
        return ["line 1: expected tab-separated columns: " + ", ".join(NEEDED)]
    problems = [f"line 1: no column {name!r}" for name in NEEDED if name not in header]
    for name in header:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or f"; known columns are {', '.join(COLUMNS)}"
            problems.append(f"line 1: unknown column {name!r}{hint}")
        elif header.count(name) > 1:
            problems.append(f"line 1: the column {name!r} occurs {header.count(name)} times")
    return list(dict.fromkeys(problems))


def _row(header: list[str], cells: list[str]) -> tuple[Run | None, list[str]]:
    if len(cells) != len(header):
        return None, [f"{len(cells)} cells under {len(header)} columns"]
    values = {name: cell.strip() for name, cell in zip(header, cells)}
    given = {name: value for name, value in values.items() if value not in ("", "n/a")}
    try:
        run = Run.model_validate(given)
    except ValidationError as error:
        return None, [
            f"{problem['loc'][0]}: no value"
            if problem["type"] == "missing"
            else f"{problem['loc'][0]}: {what_is_wrong(problem)}; found {problem['input']!r}"
            for problem in error.errors()
        ]
    if run.drop_end is not None and not run.events and run.drop_start is run.film_onset is None:
        return None, [
            "drop_end without drop_start, film_onset or events: when does the film start?"
        ]
    return run, []


def _contradictions(rows: dict[int, Run]) -> list[str]:
    """Problems between rows: runs and files named twice, different values for one segment."""
    problems = []
    runs: dict[tuple, int] = {}
    files: dict[tuple, int] = {}
    segments: dict[tuple[str, str], int] = {}
    for number, run in rows.items():
        first = runs.setdefault((run.subject, run.segment, run.repetition), number)
        if first != number:
            key = f"{run.subject} {run.segment}_{run.repetition}"
            problems.append(f"line {number}: {key} is already in line {first}")
        # Films of several segments may start at events of one run (mindvideo.shared_files).
        at_event = run.events or run.drop_start is run.film_onset is None
        film = (run.path, run.drop_start, run.film_onset, at_event and run.segment)
        if (other := files.setdefault(film, number)) != number:
            problems.append(f"line {number}: same file as in line {other}: {run.path}")
        for name in OF_SEGMENT:
            first = segments.setdefault((run.segment, name), number)
            here, there = getattr(run, name), getattr(rows[first], name)
            if here != there:
                problems.append(
                    f"line {number}: {run.segment} has {name} {here if here is not None else 'n/a'}"
                    f", but {there if there is not None else 'n/a'} in line {first}: all runs of a "
                    "segment show the same film"
                )
    trs = {run.tr: number for number, run in reversed(rows.items())}
    if len(trs) > 1:
        listed = ", ".join(f"{tr or 'n/a'} (line {number})" for tr, number in trs.items())
        problems.append(f"tr: all runs need the same repetition time; found {listed}")
    return problems


def described(table: list[Run], values: dict[str, Any]) -> dict[str, Any]:
    """The keys of a description that a table of runs provides."""
    named = values.get("subjects") or {}
    segments = {run.segment: run for run in table}  # run_table checks that rows of a segment agree
    repetitions = {
        split: max((run.repetition for run in table if run.split == split), default=1)
        for split in NAMES
        if split != "validation" or any(run.split == split for run in table)
    }
    clips = {s: run.clips for s, run in segments.items() if run.clips}
    films = {s: run.film for s, run in segments.items() if run.film}
    tr = {"tr": table[0].tr} if table[0].tr and "tr" not in values else {}
    splits: dict[str, list[str]] = {
        split: [s for s, run in segments.items() if run.split == split] for split in NAMES
    }
    return {
        **tr,
        **splits,
        **_validation(segments, values),
        "subjects": {run.subject: named.get(run.subject, run.subject) for run in table},
        "repetitions": repetitions,
        "clips_per_segment": (values.get("clips_per_segment") or {}) | clips,
        "films": (values.get("films") or {}) | films,
    }


def _validation(segments: dict[str, Run], values: dict[str, Any]) -> dict[str, Any]:
    """The validation segments: those of the table, and those that the description names.

    Raises
    ------
    ValueError
        If the description names a segment that the table lacks.
    """
    named = values.get("validation")
    if not isinstance(named, list):
        return {} if named is None else {"validation": named}
    if unknown := [str(segment) for segment in named if segment not in segments]:
        raise ValueError(
            f"validation: the table of runs has no segment {', '.join(unknown)}; it has "
            f"{', '.join(list(segments)[:SHOWN])}"
        )
    of_table = [s for s, run in segments.items() if run.split == "validation"]
    return {"validation": list(dict.fromkeys([*named, *of_table]))}
