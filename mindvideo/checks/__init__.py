"""Compare the files of data sets with their descriptions, before any computation starts.

Everything that is missing or unusual is reported as a finding, and no finding stops the check. An
*error* would stop a stage later, or make it read wrong data; a *warning* is for the user to judge.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from mindvideo import descriptions
from mindvideo.checks import confounds, description, expected, films, runs, scores
from mindvideo.checks.files import absent, duplicates, present
from mindvideo.checks.masks import brain_masks
from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.headers import Header
from mindvideo.pretraining_data import Pretraining
from mindvideo.progress import progress
from mindvideo.run import Evaluated
from mindvideo.run_files import files_of
from mindvideo.settings.stimuli import Clips


def check_dataset(
    dataset: Dataset,
    *,
    evaluate: Evaluated = "test",
    clips: tuple[float, float] | None = None,
    needed: runs.Needed = lambda segment, start: 0,
    columns: confounds.Entries = (),
    atlas: bool = True,
    deep: bool = False,
) -> list[Finding]:
    """All that is missing or unusual in a data set.

    Parameters
    ----------
    dataset : Dataset
    evaluate : {"test", "validation"}
        The segments that are scored.
    clips : (float, float), optional
        Duration [s] and frames per second of the clips, those with the most frames per second of
        the model and its variants; by default those of the paper, one for each volume.
    needed : callable
        Given a segment and where its film starts in a run [volumes], the volumes that the run must
        have.
    columns : sequence of str or Strategy
        The model's `clean.confounds`.
    atlas : bool
        Whether an atlas is applied to the volumes (`regions.atlas`), which must be in MNI152 space.
    deep : bool
        Whether to read the values of the runs, too.
    """
    seconds, fps = clips or (dataset.tr, Clips().fps)
    rows = [run for run in dataset.rows if run.path]  # none, if windows are given
    paths = list(dict.fromkeys(run.path for run in rows))
    tables = [run.confounds for run in rows if run.confounds]
    tables += [run.events for run in rows if run.events]
    film_paths = {s: path for s in dataset.segments if (path := dataset.film_path(s))}
    all_films = list(dict.fromkeys(film_paths.values()))
    masks = {
        s: {
            p: split
            for split in ("test", "validation", "train")
            for p in dataset.mask_paths(s, split)
        }
        for s in dataset.subjects
    }
    shots = dataset.shots_paths(dataset.segments)
    findings = [*description.description(dataset), *scores.shifts(dataset, evaluate)]
    voxels = {s: dataset.voxels_path(s) or "" for s in dataset.subjects if dataset.voxels}
    files = list(dict.fromkeys(file for path in paths for file in files_of(path)))
    others = [*shots, *chain(*masks.values()), *files, *tables, *voxels.values()]
    findings += absent(dict.fromkeys([*all_films, *others]))
    headers: dict[str, Header] = {}
    of_path = {run.path: run.subject for run in rows}
    there = set(present([*files, *voxels.values()]))
    described = [path for path, s in of_path.items() if voxels.get(s, path) in {path, *there}]
    readable = [path for path in described if there.issuperset(files_of(path))]
    for path in progress(readable, desc="runs", unit="run"):
        header, of_run = runs.inspect_run(path, dataset.space, voxels.get(of_path[path]))
        findings += of_run
        if header:
            headers[path] = header
            findings += runs.coordinates(path, header) if atlas else ()
    for run in rows:
        findings += runs.onset(dataset, run)
        if header := headers.get(run.path):
            findings += runs.recording(dataset, run, header, needed, seconds)
            if run.confounds and Path(run.confounds).is_file():
                findings += confounds.table(run.confounds, header.n_volumes, columns)
    reported = {finding.place for finding in findings if finding.level == "error"}
    findings += expected.recordings(dataset, headers, reported)
    for subject in dataset.subjects:
        of_subject = [run.path for run in rows if run.subject == subject]
        groups = runs.by_grid({p: headers[p] for p in of_subject if p in headers})
        findings += runs.layouts(subject, groups)
        common = next(iter(groups[0].values())) if groups else None
        subject_masks = {p: masks[subject][p] for p in present(masks[subject])}
        findings += brain_masks(subject, subject_masks, common)
        subject_tables = [r.confounds for r in rows if r.subject == subject and r.confounds]
        findings += confounds.unused(subject, present(subject_tables), columns)
    equal = list(duplicates(present([*files, *all_films])))
    findings += equal
    findings += description.unnamed(dataset)
    for segment in progress(list(film_paths), desc="films", unit="film"):
        findings += films.film(dataset, segment, fps, seconds)
    if deep:
        findings += _values(headers, equal, "values")
    return findings


def check_pretraining(data: Pretraining, seconds: float, *, deep: bool = False) -> list[Finding]:
    """All that is missing or unusual in the pre-training runs; a sample averages `seconds`."""
    try:
        subjects = descriptions.pretraining_subjects(data)
    except InputError as problem:
        return [error("pretraining_data", str(problem))]
    findings = []
    if isinstance(data.subjects, list):
        findings += [
            warning(f"pretraining_data: {name}", "has none of the runs, so it is left out")
            for name in data.subjects
            if name not in subjects
        ]
    paths = [p for name in subjects for p in descriptions.pretraining_runs(data, name)]
    findings += absent(paths)
    headers: dict[str, Header] = {}
    for path in progress(present(paths), desc="pre-training runs", unit="run"):
        header, of_run = runs.inspect_run(path, "cifti", layout=runs.on_91k)
        findings += of_run
        if header:
            headers[path] = header
            findings += runs.repetition_time(
                path, header, data.tr, "pretraining_data", data.trust_header_tr
            )
            needed = max(1, round(seconds / data.tr))
            if header.n_volumes < needed:
                message = f"{header.n_volumes} volumes, but a sample averages {needed}"
                findings.append(error(path, message))
    if deep:
        equal = list(duplicates(present(paths)))
        findings += [*equal, *_values(headers, equal, "pre-training values")]
    return findings


def _values(headers: dict[str, Header], equal: list[Finding], desc: str) -> list[Finding]:
    """Unusual values in the runs, and runs that are the same recording, except those in `equal`."""
    signatures = runs.Signatures()
    findings: list[Finding] = []
    for path in progress(list(headers), desc=desc, unit="run"):
        findings += signatures.values_of(path, headers[path])
    return [*findings, *signatures.copies({finding.place for finding in equal})]
