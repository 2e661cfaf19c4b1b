"""Given artefacts: whether they are there, and fit the data set and each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mindvideo.config import Config
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error
from mindvideo.given import MODEL, arrays_of, file_in, folder_of, missing_files
from mindvideo.io.given import by_segment, load_texts, open_array


def given_artefacts(config: Config, *, deep: bool = False) -> Iterator[Finding]:
    """Check files, shapes and numbers of voxels; with `deep`, read the values of volumes, too."""
    dataset, given = config.dataset, config.given
    problems = list(dict.fromkeys(missing_files(config)))
    for problem in problems:
        place, _, message = problem.partition(": ")
        yield error(place, message)
    if problems:
        return
    for artefact, where in given.items():
        for split in where if isinstance(where, dict) else ():
            for subject in dataset.subjects:
                if paths := arrays_of(config, artefact, split, subject):
                    yield from _arrays(config, artefact, split, paths, deep=deep)
    if isinstance(given.get("windows"), dict) and "cotraining" in given:
        for subject in dataset.subjects:
            yield from _voxels(config, subject)


def _arrays(
    config: Config, artefact: str, split: str, paths: list[str], *, deep: bool
) -> Iterator[Finding]:
    """Check the shapes of the arrays of a split, and, of volumes, that all values are finite."""
    lengths = {name: config.dataset.n_clips(name) for name in getattr(config.dataset, split)}
    read = load_texts if artefact == "captions" else open_array
    try:
        parts = by_segment([read(Path(path)) for path in paths], lengths, paths)
    except InputError as problem:
        yield error(f"given.{artefact}.{split}", str(problem))
        return
    if deep and artefact == "windows":
        for segment, part in parts.items():
            if wrong := int((~np.isfinite(np.asarray(part, float))).sum()):
                yield error(f"{paths[0]} ({segment})", f"values that are not finite: {wrong}")


def _voxels(config: Config, subject: str) -> Iterator[Finding]:
    """Check whether the windows have as many voxels as the encoder reads."""
    from mindvideo.models.checkpoints import load_fmri_encoder

    folder = folder_of(config, "cotraining", subject)
    if folder is None:
        return
    model = Path(file_in(folder, MODEL))
    (path, *_) = arrays_of(config, "windows", config.evaluate, subject)
    n_voxels, size = open_array(Path(path)).shape[-1], config.encoder.patch_size
    wraps = config.given_windows.padding == "wrap"
    padded = n_voxels + (size - n_voxels % size if wraps else -n_voxels % size)
    try:
        expected = load_fmri_encoder(model).config["num_voxels"]
    except InputError as problem:
        yield error(f"given.cotraining ({subject})", str(problem))
        return
    if padded != expected:
        yield error(
            f"given.windows ({subject})",
            f"{path} has {n_voxels} voxels, {padded} after padding ({config.given_windows.padding})"
            f", but the encoder in {model} reads {expected}: are these files of the same subject? "
            "Check given_windows.padding and encoder.patch_size, too",
        )
