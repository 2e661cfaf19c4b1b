"""Compare data sets as they lie on the disk with their descriptions, before any work starts.

Everything that is missing or odd becomes a finding; nothing stops the walk. An *error*
would stop a stage later, or make it read what it should not; a *warning* is for a person to judge.
"""

from __future__ import annotations

import difflib
import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from mindvideo import descriptions
from mindvideo.dataset import Dataset, Pretraining, Run
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.fmri.cleaning import MOST_BROKEN
from mindvideo.io import inventory
from mindvideo.io.inventory import Header
from mindvideo.io.runs import SAME_TR
from mindvideo.progress import progress

SAME_FPS = 0.01
"""A larger difference, as a share, is more than rounding."""


# --- the films that were watched, and the runs ----------------------------------------------------


def check_dataset(dataset: Dataset, *, deep: bool = False) -> list[Finding]:
    """All that is missing or odd in a data set; `deep` reads the runs' values too."""
    paths = [run.path for run in dataset.rows]
    tables = [run.confounds for run in dataset.rows if run.confounds]
    films = {segment: dataset.film_path(segment) for segment in dataset.segments}
    masks = {s: mask for s in dataset.subjects if (mask := dataset.mask_path(s))}
    shots = dataset.shots_paths(dataset.segments)
    found = [*_description(dataset)]
    found += _absent(dict.fromkeys([*films.values(), *shots, *masks.values(), *paths, *tables]))
    headers: dict[str, Header] = {}
    for path in progress(_present(paths), desc="runs", unit="run"):
        header, findings = _header(path, dataset.space == "cifti")
        headers |= {path: header} if header else {}
        found += findings
    for run in dataset.rows:
        if header := headers.get(run.path):
            found += _recording(dataset, run, header)
    for subject in dataset.subjects:
        own = [run.path for run in dataset.rows if run.subject == subject]
        found += _layouts(subject, {p: headers[p] for p in own if p in headers})
        if (mask := masks.get(subject)) and Path(mask).is_file():
            found += _mask(mask, [headers[p] for p in own if p in headers])
    found += _duplicates(_present([*paths, *films.values()]))
    found += _unnamed(dataset)
    for segment in progress(dataset.segments, desc="films", unit="film"):
        found += _film(dataset, segment)
    if deep:
        for path in progress(list(headers), desc="values", unit="run"):
            found += _values(path, headers[path])
    return found


def _description(dataset: Dataset) -> Iterator[Finding]:
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


def _recording(dataset: Dataset, run: Run, header: Header) -> Iterator[Finding]:
    """Volumes against timing and clips, TR, confounds."""
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
    yield from _tr(run.path, header, dataset.tr, "dataset", dataset.trust_header_tr)
    if run.confounds and Path(run.confounds).is_file():
        yield from _confounds(run.confounds, header.n_volumes)


def _tr(path: str, header: Header, tr: float, where: str, trusted: bool) -> Iterator[Finding]:
    if header.tr <= 0 or abs(header.tr - tr) <= SAME_TR * tr:
        return
    say = f"its header says TR {header.tr:g} s, {where}.tr {tr:g} s"
    if trusted:
        yield error(path, f"{say}: which is right? If it is {where}.tr: trust_header_tr: false")
    else:
        yield warning(path, f"{say}, which is used")


def _confounds(path: str, n_volumes: int) -> Iterator[Finding]:
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as reason:
        yield error(path, f"cannot be read ({reason})")
        return
    if not lines or "\t" not in lines[0]:
        yield error(path, "is no table of tab-separated confounds")
    elif len(lines) - 1 != n_volumes:
        yield error(path, f"{len(lines) - 1} rows, its run has {n_volumes} volumes: another run's?")


def _layouts(subject: str, headers: dict[str, Header]) -> Iterator[Finding]:
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


def _mask(path: str, headers: list[Header]) -> Iterator[Finding]:
    try:
        header = inventory.read_header(Path(path))
    except InputError as problem:
        yield error(path, str(problem))
        return
    if headers and header.layout != headers[0].layout:
        yield error(path, f"the mask lies on another grid than the runs: {header.layout}; they: "
                          f"{headers[0].layout}")  # fmt: skip
    elif not inventory.mask_size(Path(path)):
        yield error(path, "the mask is empty")


def _unnamed(dataset: Dataset) -> Iterator[Finding]:
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


def _film(dataset: Dataset, segment: str) -> Iterator[Finding]:
    path = dataset.film_path(segment)
    if not Path(path).is_file():
        return
    try:
        seconds, fps = inventory.probe_film(Path(path))
    except InputError as problem:
        yield error(path, str(problem))
        return
    needed = dataset.n_clips(segment) * dataset.tr
    if seconds + 1 / max(fps, 1) < needed:
        yield error(
            path,
            f"the film lasts {seconds:.2f} s, {dataset.n_clips(segment)} clips of {dataset.tr:g} s "
            f"need {needed:g} s: is it whole, and is dataset.clips_per_segment right?",
        )
    elif seconds > needed + dataset.tr:
        yield warning(
            path, f"the film lasts {seconds:.2f} s, its runs {needed:g} s: the rest is not used"
        )
    stated = dataset.fps_of(segment)
    if stated and abs(fps - stated) > SAME_FPS * stated:
        yield warning(
            path,
            f"{fps:g} frames per second, dataset.film_fps says {stated:g}: the film that was "
            "shown? Clips are cut by time, so all is well if it lasts as long",
        )


# --- pre-training runs ----------------------------------------------------------------------------


def check_pretraining(data: Pretraining, seconds: float, *, deep: bool = False) -> list[Finding]:
    """All that is missing or odd in the pre-training runs; a sample averages `seconds`."""
    try:
        subjects = descriptions.pretraining_subjects(data)
    except InputError as problem:
        return [error("pretraining_data", str(problem))]
    found = []
    if isinstance(data.subjects, list):
        found += [
            warning(f"pretraining_data: {name}", "has none of the runs, and is left out")
            for name in data.subjects
            if name not in subjects
        ]
    paths = [p for name in subjects for p in descriptions.pretraining_runs(data, name)]
    found += _absent(paths)
    headers: dict[str, Header] = {}
    for path in progress(_present(paths), desc="pre-training runs", unit="run"):
        header, findings = _header(path, True)
        found += findings
        if header:
            headers[path] = header
            found += _tr(path, header, data.tr, "pretraining_data", True)
            if header.n_volumes < (needed := max(1, round(seconds / data.tr))):
                found.append(error(path, f"{header.n_volumes} volumes; a sample averages {needed}"))
    if deep:
        found += _duplicates(_present(paths))
        for path in progress(list(headers), desc="pre-training values", unit="run"):
            found += _values(path, headers[path])
    return found


# --- files ----------------------------------------------------------------------------------------


def _present(paths: Iterable[str]) -> list[str]:
    return [p for p in dict.fromkeys(paths) if Path(p).is_file() and os.access(p, os.R_OK)]


def _absent(paths: Iterable[str]) -> Iterator[Finding]:
    """Files that are not there or may not be read; those of a missing folder by its name."""
    expected = [Path(path) for path in paths]
    named = set(expected)
    inside: dict[Path, list[str]] = defaultdict(list)
    for path in expected:
        if path.is_file():
            if not os.access(path, os.R_OK):
                yield error(str(path), f"no permission to read it (chmod u+r {path.name})")
        elif path.is_dir():
            yield error(str(path), "is a folder; a file was needed")
        elif path.is_symlink():
            target = os.readlink(path)
            yield error(str(path), f"is a link to {target}, which is not there: fetch it first "
                                   "(datalad get, git annex get)")  # fmt: skip
        elif path.parent.is_dir():
            if not os.access(path.parent, os.X_OK | os.R_OK):
                inside[path.parent].append(path.name)
                continue
            others = [p.name for p in path.parent.iterdir() if p not in named]
            near = difflib.get_close_matches(path.name, others, n=1, cutoff=0.8)
            hint = f"; is it {near[0]}, which nothing names?" if near else ""
            yield error(str(path), f"is missing{hint}")
        else:
            inside[next(p for p in reversed(path.parents) if not p.is_dir())].append(path.name)
    for folder, names in inside.items():
        there = f" in {Path.cwd()}" if not folder.is_absolute() else ""
        what = "no permission to look into it" if folder.is_dir() else f"no such folder{there}"
        many = f"{len(names)} files belong in it: " if len(names) > 1 else "it should hold "
        yield error(f"{folder}/", f"{what}; {many}{names[0]}" + (", …" if names[1:] else ""))


def _header(path: str, cifti: bool) -> tuple[Header | None, list[Finding]]:
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


def _duplicates(paths: list[str]) -> Iterator[Finding]:
    """Files with the same content, by samples first, then byte by byte."""
    alike: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[inventory.sampled_digest(Path(path))].append(path)
    for first, *others in alike.values():
        for other in others:
            if filecmp.cmp(first, other, shallow=False):
                yield error(
                    other, f"has the same content as {first}: one of them is under a wrong name"
                )


def _values(path: str, header: Header) -> Iterator[Finding]:
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
