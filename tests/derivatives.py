"""Folders of derivatives as fMRIPrep writes them, with few voxels and random values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np

from mindvideo.demo.rest import layout
from mindvideo.io.cifti import write_dtseries

SHAPE = (6, 7, 6)
AFFINE = np.array([[24.0, 0, 0, -60], [0, 24, 0, -96], [0, 0, 24, -48], [0, 0, 0, 1]])
"""Coarse, and of the size of a head."""
MNI = "space-MNI152NLin2009cAsym"
CIFTI = "space-fsLR_den-91k"


def entities(name: str) -> dict[str, str]:
    return dict(part.split("-", 1) for part in name.split("_"))


def write_run(
    folder: Path, name: str, spaces: Iterable[str] = (MNI,), *, n: int = 20, tr: float | None = 2.0
) -> None:
    """A run (``sub-01_ses-1_task-film1_run-1``) in some spaces, its masks, confounds and sidecars.

    Half of the voxels and V1 follow the task, whichever subject and session it is.
    """
    labels = entities(name)
    func = folder / f"sub-{labels['sub']}"
    func = (func / f"ses-{labels['ses']}" if "ses" in labels else func) / "func"
    func.mkdir(parents=True, exist_ok=True)
    seed = [ord(letter) for letter in name]
    rng = np.random.default_rng(seed)
    film = [ord(letter) for letter in labels["task"] + labels.get("run", "")[-1:]]
    course = np.random.default_rng(film).standard_normal(n)
    for space in spaces:
        stem = f"{name}_{space}".rstrip("_")
        if "fsLR" in space:
            values = rng.standard_normal((n, len(layout())), dtype=np.float32)
            values += 2 * course[:, None] + 100
            write_dtseries(func / f"{stem}_bold.dtseries.nii", values, layout(), tr or 2.0)
            sidecar = f"{stem}_bold.json"
        else:
            values = 1000 + 20 * rng.standard_normal((*SHAPE, n))
            values[..., : SHAPE[2] // 2, :] += 60 * course
            image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
            image.header.set_xyzt_units("mm", "sec")
            image.header.set_zooms((24, 24, 24, tr or 2.0))
            image.set_sform(AFFINE, 4)
            image.set_qform(AFFINE, 4)
            nib.save(image, func / f"{stem}_desc-preproc_bold.nii.gz")
            mask = np.ones(SHAPE, np.uint8)
            mask[0, 0, rng.integers(SHAPE[2])] = 0
            nib.save(nib.Nifti1Image(mask, AFFINE), func / f"{stem}_desc-brain_mask.nii.gz")
            sidecar = f"{stem}_desc-preproc_bold.json"
        if tr:
            (func / sidecar).write_text(json.dumps({"RepetitionTime": tr}))
    columns = {"trans_x": rng.standard_normal(n), "csf": rng.standard_normal(n)}
    for number, volume in enumerate(rng.choice(n, rng.integers(3), replace=False)):
        columns[f"motion_outlier{number:02}"] = np.eye(n)[volume]
    rows = [
        "\t".join(columns),
        *("\t".join(f"{x:g}" for x in row) for row in zip(*columns.values())),
    ]
    table = func / f"{name}_desc-confounds_timeseries.tsv"
    table.write_text("\n".join(rows) + "\n")


def write_tree(
    folder: Path,
    spaces: Iterable[str] = (MNI, CIFTI),
    subjects: Iterable[str] = ("01", "02"),
    sessions: Iterable[str] = ("1", "2"),
    tasks: Iterable[str] = ("film1", "film2", "test1"),
    **recording,
) -> Path:
    """Each task once in each session of each subject; ``ses-`` is left out where it is empty."""
    for subject in subjects:
        for session in sessions:
            for task in tasks:
                parts = [f"sub-{subject}", f"ses-{session}" if session else "", f"task-{task}"]
                write_run(folder, "_".join(filter(None, parts)), spaces, **recording)
    return folder
