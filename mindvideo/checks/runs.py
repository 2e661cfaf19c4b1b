"""Runs of a data set: their headers, lengths, grids and values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from mindvideo.clip_times import ClipTimes
from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, refused, warning
from mindvideo.fmri.atlas import cortex_vertices
from mindvideo.fmri.cleaning import MOST_BROKEN
from mindvideo.fmri.copies import SIGNATURE, same_signatures, signature
from mindvideo.fmri.variation import near_constant
from mindvideo.io import inventory
from mindvideo.io.cifti import check_layout
from mindvideo.io.coordinates import outside_mni
from mindvideo.io.events import read_onset
from mindvideo.io.headers import Header
from mindvideo.io.runs import SAME_TR
from mindvideo.io.spaces import AnyGrid, Grayordinates
from mindvideo.labelling import check_grid
from mindvideo.run import Run
from mindvideo.run_files import Form
from mindvideo.sizes import check_length


def on_91k(path: Path, grid: AnyGrid) -> None:
    """Raise an InputError if a run for pre-training is not on the 91k layout."""
    assert isinstance(grid, Grayordinates)
    check_layout(path, grid, cortex_vertices()[:2])


Layout = Callable[[Path, AnyGrid], None]


def inspect_run(
    path: str, form: Form, voxels: str | None = None, layout: Layout = check_grid
) -> tuple[Header | None, list[Finding]]:
    """A run's header, or None if it cannot be used, and problems of the run.

    Parameters
    ----------
    path : str
    form : {"volume", "cifti", "gifti", "parcels", "array"}
    voxels : str, optional
        The table of the columns of an array.
    layout : callable
        Raises an InputError for a grid that cannot be used.
    """
    try:
        header = inventory.inspect_run(Path(path), form, Path(voxels) if voxels else None)
        layout(Path(path), header.grid)
    except InputError as problem:
        return None, [error(path, str(problem))]
    return header, []


def coordinates(path: str, header: Header) -> Iterator[Finding]:
    """Whether an atlas can be applied to a volume."""
    if header.is_volume and (doubt := outside_mni(header)):
        yield Finding(doubt[0], path, doubt[1])


Needed = Callable[[str, float], int]
"""Volumes that a run of a segment must have, if its film starts at this position [volumes]."""


def recording(
    dataset: Dataset, run: Run, header: Header, needed: Needed, seconds: float
) -> Iterator[Finding]:
    """Check the number of volumes against timing and clips, and the TR.

    `seconds` is the duration of a clip.
    """
    timing = run.timing
    during = ClipTimes(dataset.tr, seconds, size=1).span(dataset.n_shown(run.segment))
    start, ends = timing.start(dataset.tr), (timing.drop_start, timing.drop_end)
    if start is None and run.events and Path(run.events).is_file():
        with suppress(InputError):  # reported by the check of the table
            start = read_onset(Path(run.events), dataset.event_of(run.segment)) / dataset.tr
    n = header.n_volumes
    yield from refused(run.path, check_length, n, ends, during, needed(run.segment, start or 0.0))
    yield from repetition_time(run.path, header, dataset.tr, "dataset", dataset.trust_header_tr)


def onset(dataset: Dataset, run: Run) -> Iterator[Finding]:
    """Check the table of events of a run whose film starts at an event."""
    if run.events and Path(run.events).is_file():
        event = dataset.event_of(run.segment)
        yield from refused(run.events, read_onset, Path(run.events), event)


def repetition_time(
    path: str, header: Header, tr: float, where: str, trusted: bool
) -> Iterator[Finding]:
    if header.tr <= 0 or abs(header.tr - tr) <= SAME_TR * tr:
        return
    say = f"the TR in its header is {header.tr:g} s, but {where}.tr is {tr:g} s"
    if trusted:
        yield error(path, f"{say}. If {where}.tr is correct, set trust_header_tr: false")
    else:
        yield warning(path, f"{say}, which is used")


def by_grid(headers: dict[str, Header]) -> list[dict[str, Header]]:
    """Runs grouped by their grid, the most common grid first."""
    groups: list[dict[str, Header]] = []
    for path, header in headers.items():
        alike = (g for g in groups if header.grid.same(next(iter(g.values())).grid))
        if (group := next(alike, None)) is None:
            groups.append(group := {})
        group[path] = header
    return sorted(groups, key=len, reverse=True)


def layouts(subject: str, groups: list[dict[str, Header]]) -> Iterator[Finding]:
    """Runs that are not on the subject's grid, the most common one (:func:`by_grid`)."""
    common, *others = groups or [{}]
    for path, header in (item for group in others for item in group.items()):
        yield error(
            path,
            f"is on another grid ({header.grid}) than {len(common)} other runs of {subject} "
            f"({next(iter(common.values())).grid}). Resample it, or leave it out with "
            "dataset.exclude",
        )


class Signatures:
    """Signatures of the runs' values, collected to find recordings that occur twice."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.values: list[np.ndarray] = []

    def values_of(self, path: str, header: Header) -> Iterator[Finding]:
        """Read a run's values, report unusual ones, and store the run's signature."""
        n_volumes, n_voxels = SIGNATURE
        try:
            values = inventory.read_values(header, n_voxels, n_volumes)
        except InputError as problem:
            yield error(path, str(problem))
            return
        if (of_run := signature(values.sample)) is not None:
            self.paths.append(path)
            self.values.append(of_run)
        yield from _odd(path, header, values)

    def copies(self, reported: Collection[str]) -> Iterator[Finding]:
        """Runs that are the same recording as another, except those already `reported`."""
        for first, second, r in same_signatures(self.values):
            if self.paths[second] not in reported:
                yield error(
                    self.paths[second],
                    f"is the same recording as {self.paths[first]}, saved differently (mean r over "
                    f"voxels {r:.2f}): one of them is misnamed",
                )


def _odd(path: str, header: Header, values: inventory.Values) -> Iterator[Finding]:
    if values.constant == values.n_voxels:
        yield error(path, "all voxels are constant over time")
    elif values.not_finite > MOST_BROKEN * values.n_voxels:
        yield error(path, f"{values.not_finite} of {values.n_voxels} voxels are not finite numbers")
    elif values.not_finite:
        yield warning(
            path,
            f"{values.not_finite} of {values.n_voxels} voxels are not finite numbers; they will be "
            "masked",
        )
    if header.is_volume:  # volumes are empty around the brain
        return
    what = "grayordinates" if header.is_cifti else "vertices or columns"
    if 0 < values.constant < values.n_voxels:
        yield warning(path, f"{values.constant} of {values.n_voxels} {what} are constant")
    if hardly := int(near_constant(values.sd, header.n_volumes - 1).sum()):
        yield warning(
            path,
            f"{hardly} of {values.n_voxels} {what} vary far less than the others, and will "
            "be masked. Are they outside the brain mask?",
        )
