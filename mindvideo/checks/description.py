"""Contradictions within a description, and between a description and the folders it names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mindvideo.dataset import BY_SEGMENT, Dataset
from mindvideo.findings import Finding, error, warning
from mindvideo.run import DEFAULT, NAMES
from mindvideo.run_files import files_of
from mindvideo.templates import did_you_mean, differs_by_number


def description(dataset: Dataset) -> Iterator[Finding]:
    """Problems that can be found without reading the disk."""
    run_keys = set().union(*(dataset.keys(run) for run in dataset.all_rows))
    subjects = {name for item in dataset.subjects.items() for name in item}
    for field in ("exclude", "exceptions"):
        for key in sorted(set(getattr(dataset, field)) - run_keys):
            subject, run = key.split()
            segment = run.rpartition("_")[0]
            # This configuration leaves out a subject or segment of its description.
            if differs_by_number(subject, subjects) or differs_by_number(segment, dataset.segments):
                continue
            hint = did_you_mean(key, run_keys)
            yield warning(f"dataset.{field}", f"{key!r} is not a run of this data set{hint}")
    for field in BY_SEGMENT:
        for name in sorted(getattr(dataset, field).keys() - {DEFAULT, *dataset.segments}):
            yield warning(
                f"dataset.{field}",
                f"there is no segment {name!r}: this entry is ignored. Remove it, or correct the "
                "name of the segment",
            )
    for subject in dataset.subjects:
        for split, name in NAMES.items():
            if getattr(dataset, split) and not dataset.segments_of(subject, split):
                yield error(subject, f"no {name} runs: leave out the subject")


def unnamed(dataset: Dataset) -> Iterator[Finding]:
    """Files next to the runs of the description that look like runs but are not described."""
    if dataset.runs or not dataset.run:
        return
    if dataset.space == "array":  # one file may have the arrays of many runs
        return
    files = (file for run in dataset.all_rows for file in files_of(run.path))
    described = {os.path.normpath(file) for file in files}
    for subject, folder in dataset.subjects.items():
        for segment in dataset.segments:
            try:
                fields = {"subject": folder, "segment": segment, "hemi": "[LR]"}
                pattern = dataset.run.format(**fields, repetition="*")
            except ValueError:  # {repetition:02d} cannot format a star
                return
            parent = Path(pattern).parent
            for file in sorted(parent.glob(Path(pattern).name)) if "*" not in str(parent) else ():
                if os.path.normpath(file) not in described:
                    yield warning(
                        str(file), f"not in the description: is it another run of {subject}?"
                    )
