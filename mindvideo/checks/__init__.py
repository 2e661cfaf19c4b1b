"""Compare data sets as they lie on the disk with their descriptions, before any work starts.

Everything that is missing or odd becomes a finding; nothing stops the walk. An *error*
would stop a stage later, or make it read what it should not; a *warning* is for a person to judge.
"""

from __future__ import annotations

from pathlib import Path

from mindvideo import descriptions
from mindvideo.checks import description, films, runs, scores
from mindvideo.checks.files import absent, duplicates, present
from mindvideo.dataset import Dataset
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, warning
from mindvideo.io.headers import Header
from mindvideo.pretraining_data import Pretraining
from mindvideo.progress import progress
from mindvideo.settings import Clips


def check_dataset(
    dataset: Dataset, *, fps: float = Clips().fps, deep: bool = False, atlas: bool = True
) -> list[Finding]:
    """All that is missing or odd in a data set.

    Parameters
    ----------
    dataset : Dataset
    fps : float
        Frames per second of the clips, the most that the model or a variant asks for.
    deep : bool
        Whether to read the runs' values too.
    atlas : bool
        Whether an atlas is laid on volumes (`regions.atlas`): they must lie in MNI152 space.
    """
    paths = [run.path for run in dataset.rows]
    tables = [run.confounds for run in dataset.rows if run.confounds]
    film_paths = {segment: dataset.film_path(segment) for segment in dataset.segments}
    masks = {s: mask for s in dataset.subjects if (mask := dataset.mask_path(s))}
    shots = dataset.shots_paths(dataset.segments)
    found = [*description.description(dataset), *scores.shifts(dataset)]
    found += absent(dict.fromkeys([*film_paths.values(), *shots, *masks.values(), *paths, *tables]))
    headers: dict[str, Header] = {}
    for path in progress(present(paths), desc="runs", unit="run"):
        header, findings = runs.read_run_header(path, dataset.space)
        found += findings
        if header:
            headers[path] = header
            found += runs.coordinates(path, header) if atlas else ()
    for run in dataset.rows:
        if header := headers.get(run.path):
            found += runs.recording(dataset, run, header)
    for subject in dataset.subjects:
        own = [run.path for run in dataset.rows if run.subject == subject]
        found += runs.layouts(subject, {p: headers[p] for p in own if p in headers})
        if (mask := masks.get(subject)) and Path(mask).is_file():
            found += runs.brain_mask(mask, [headers[p] for p in own if p in headers])
    equal = list(duplicates(present([*paths, *film_paths.values()])))
    found += equal
    found += description.unnamed(dataset)
    for segment in progress(dataset.segments, desc="films", unit="film"):
        found += films.film(dataset, segment, fps)
    if deep:
        found += _values(headers, equal, "values")
    return found


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
    found += absent(paths)
    headers: dict[str, Header] = {}
    for path in progress(present(paths), desc="pre-training runs", unit="run"):
        header, findings = runs.read_run_header(path, "cifti")
        found += findings
        if header:
            headers[path] = header
            found += runs.repetition_time(
                path, header, data.tr, "pretraining_data", data.trust_header_tr
            )
            if header.n_volumes < (needed := max(1, round(seconds / data.tr))):
                found.append(error(path, f"{header.n_volumes} volumes; a sample averages {needed}"))
    if deep:
        equal = list(duplicates(present(paths)))
        found += [*equal, *_values(headers, equal, "pre-training values")]
    return found


def _values(headers: dict[str, Header], equal: list[Finding], desc: str) -> list[Finding]:
    """What is odd in the runs' values, and which are one recording, but those known as `equal`."""
    signatures = runs.Signatures()
    found: list[Finding] = []
    for path in progress(list(headers), desc=desc, unit="run"):
        found += signatures.values_of(path, headers[path])
    return [*found, *signatures.copies({finding.place for finding in equal})]
