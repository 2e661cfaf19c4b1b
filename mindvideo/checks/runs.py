"""Runs of a data set: their headers, lengths, grids and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mindvideo.dataset import Dataset, Run
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.fmri.cleaning import MOST_BROKEN
from mindvideo.io import inventory
from mindvideo.io.inventory import Header
from mindvideo.io.runs import SAME_TR


def read_run_header(path: str, cifti: bool) -> tuple[Header | None, list[Finding]]:
    """A run's header, and what is wrong with it as a run; None where no more can be said."""
    from mindvideo.fmri.atlas import N_GRAYORDINATES, cortex_vertices

    try:
        header = inventory.read_header(Path(path))
    except InputError as problem:
        return None, [error(path, str(problem))]
    if not header.n_volumes:
        return None, [error(path, f"is a 3-D map ({header.layout}); a 4-D run was needed")]
    if header.is_cifti != cifti:
        is_, needed = ("CIFTI", "volume") if header.is_cifti else ("NIfTI", "cifti")
        return None, [
            error(path, f"is a {is_} file, but dataset.space is {needed}: which one is meant?")
        ]
    if header.cortex is not None:
        here = header.cortex
        if not all((a == b).all() if a.shape == b.shape else False
                   for a, b in zip(here, cortex_vertices()[:2])):  # fmt: skip
            return None, [error(
                path,
                f"{len(here[0])} + {len(here[1])} cortical grayordinates of "
                f"{header.layout.shape[0]}; the 91k layout was needed, {N_GRAYORDINATES} on the "
                "32k fs_LR meshes. Resample the run to it",
            )]  # fmt: skip
    return header, []


def recording(dataset: Dataset, run: Run, header: Header) -> Iterator[Finding]:
    """Volumes against timing and clips, TR."""
    timing, clips = dataset.timing_of(run.segment), dataset.n_clips(run.segment)
    needed = clips + timing.drop_start + timing.drop_end
    if header.n_volumes != needed:
        why = (
            "is the file whole?"
            if header.n_volumes < needed
            else "do dataset.timing and dataset.clips_per_segment fit this segment?"
        )
        yield error(
            run.path,
            f"{header.n_volumes} volumes, {needed} needed ({timing.drop_start} dropped at the "
            f"start, {clips} kept, {timing.drop_end} dropped at the end): {why}",
        )
    yield from repetition_time(run.path, header, dataset.tr, "dataset", dataset.trust_header_tr)


def repetition_time(
    path: str, header: Header, tr: float, where: str, trusted: bool
) -> Iterator[Finding]:
    if header.tr <= 0 or abs(header.tr - tr) <= SAME_TR * tr:
        return
    say = f"its header says TR {header.tr:g} s, {where}.tr {tr:g} s"
    if trusted:
        yield error(path, f"{say}: which is right? If it is {where}.tr: trust_header_tr: false")
    else:
        yield warning(path, f"{say}, which is used")


def layouts(subject: str, headers: dict[str, Header]) -> Iterator[Finding]:
    """All runs of a subject lie on one grid: the commonest is taken for it."""
    counts = Counter(header.layout for header in headers.values())
    for path, header in headers.items():
        common, n = counts.most_common(1)[0]
        if header.layout != common:
            yield error(
                path,
                f"lies on another grid than {n} other runs of {subject}: {header.layout}; they: "
                f"{common}. Resample it, or leave it out with dataset.exclude",
            )


def values(path: str, header: Header) -> Iterator[Finding]:
    try:
        values = inventory.read_values(Path(path))
    except InputError as problem:
        yield error(path, str(problem))
        return
    if values.constant == values.n_voxels:
        yield error(path, "no voxel's value ever changes")
    elif values.not_finite > MOST_BROKEN * values.n_voxels:
        yield error(path, f"{values.not_finite} of {values.n_voxels} voxels are not finite numbers")
    elif values.not_finite:
        yield warning(
            path,
            f"{values.not_finite} of {values.n_voxels} voxels are not finite numbers: masked later",
        )
    if header.is_cifti and 0 < values.constant < values.n_voxels:
        yield warning(path, f"{values.constant} of {values.n_voxels} grayordinates never change")
