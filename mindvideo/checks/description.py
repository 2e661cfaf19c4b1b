"""What a description says that does not fit together, or does not fit the folders it names."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from mindvideo.dataset import Dataset
from mindvideo.findings import Finding, error, warning


def description(dataset: Dataset) -> Iterator[Finding]:
    """What needs no look at the disk."""
    known = set().union(*(dataset.keys(run) for run in dataset.all_rows))
    subjects = {name for item in dataset.subjects.items() for name in item}
    for field in ("exclude", "exceptions"):
        for key in sorted(set(getattr(dataset, field)) - known):
            subject, run = key.split()
            segment = run.rpartition("_")[0]
            if _left_out(subject, subjects) or _left_out(segment, dataset.segments):
                continue
            near = difflib.get_close_matches(key, known, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            yield warning(f"dataset.{field}", f"{key!r} is no run of this data set{hint}")
    for subject in dataset.subjects:
        for segment in dataset.train:
            if len(dataset.runs_of(subject, segment)) == 1:
                yield error(
                    f"{subject} {segment}",
                    "one showing only: voxels are selected by how well showings agree. Leave out "
                    "this one too (dataset.exclude), and the subject goes without the segment",
                )
        for split in ("train", "test"):
            if not dataset.segments_of(subject, split):
                yield error(subject, f"no {split} runs: leave the subject out")


def _left_out(name: str, names: Collection[str]) -> bool:
    """Whether a name is like the others but for its number: this configuration goes without it."""
    digits = "0123456789"
    return name not in names and name.rstrip(digits) in {n.rstrip(digits) for n in names}


def unnamed(dataset: Dataset) -> Iterator[Finding]:
    """Runs that lie beside those described, and that nothing describes."""
    if dataset.runs or not dataset.run:
        return
    known = {os.path.normpath(run.path) for run in dataset.all_rows}
    for subject, folder in dataset.subjects.items():
        for segment in dataset.segments:
            try:
                pattern = dataset.run.format(subject=folder, segment=segment, repeat="*")
            except ValueError:  # {repeat:02d} takes no star
                return
            parent = Path(pattern).parent
            for file in sorted(parent.glob(Path(pattern).name)) if "*" not in str(parent) else ():
                if os.path.normpath(file) not in known:
                    yield warning(str(file), f"no run of the description: one more of {subject}?")
