"""Runs and labels on surfaces: pairs of GIFTI files, one for each hemisphere.

A pair has one path, with ``{hemi}`` in place of L and R (:mod:`mindvideo.run_files`). In memory its
vertices are grayordinates: those of the left hemisphere, then those of the right.
"""

from __future__ import annotations

import gzip
import math
import re
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis

from mindvideo.errors import InputError
from mindvideo.io.images import explained, named
from mindvideo.io.kinds import GZIP
from mindvideo.io.matrices import Matrix
from mindvideo.io.spaces import CORTEX, Grayordinates
from mindvideo.run_files import HEMISPHERES, files_of

HEAD = 4096
"""Bytes within which a GIFTI file names its format."""
OF_A_SURFACE = (1008, 1009)
"""NIfTI intent codes of points and triangles."""
STRUCTURES = ("CortexLeft", "CortexRight")
LONGEST_TR = 30
"""A larger time step is one of milliseconds: programs write either unit."""
FSLR_164K = 163_842
FSLR = re.compile(r"(?i)fs_?LR")


def read_pair(path: Path) -> tuple[Grayordinates, Matrix, float]:
    """Read the headers of the two files of a run.

    Returns
    -------
    grid : Grayordinates
    stored : Matrix
    tr : float
        Repetition time [s]; 0 if the files do not state it.

    Raises
    ------
    InputError
        If one is missing, unreadable, no GIFTI file, of the other hemisphere, without a time
        series, or of another length than the other.
    """
    shapes, times = [], []
    files = [Path(file) for file in files_of(path)]
    for file, side in zip(files, STRUCTURES):
        image = _image(file, side)
        with named(file):
            shapes.append(_series(image).shape)
        times.append(_time_step(image))
    (n_volumes, n_left), (n_right_volumes, n_right) = shapes
    if n_volumes != n_right_volumes:
        raise InputError(
            f"{files[0].name} has {n_volumes} volumes, and {files[1].name} {n_right_volumes}: are "
            "they the same run? Fetch both again, or leave it out with dataset.exclude."
        )
    if n_left == FSLR_164K and FSLR.search(path.name):
        raise InputError(
            "is on the fsLR 164k mesh, of which no areas are known and which no figure draws. "
            "Resample each hemisphere to fsLR 32k: wb_command -metric-resample FILE SPHERE_164k "
            "SPHERE_32k BARYCENTRIC NEW.func.gii"
        )

    def read() -> np.ndarray:
        return np.hstack([_series(_image(file, side)) for file, side in zip(files, STRUCTURES)])

    return _vertices(n_left, n_right), Matrix((n_volumes, n_left + n_right), read), times[0]


def read_label_pair(path: Path) -> tuple[Grayordinates, np.ndarray, dict[int, str]]:
    """Read the labels of both hemispheres (``.label.gii``).

    Returns
    -------
    grid : Grayordinates
    labels : (n_left + n_right,) int
        The right hemisphere's numbers follow the left's, since each file has a table of its own.
    names : dict
        Label → name, with ``L_`` or ``R_`` before it unless it says the hemisphere itself.

    Raises
    ------
    InputError
        If a file is missing, unreadable, or no GIFTI file of labels.
    """
    numbers: list[np.ndarray] = []
    names: dict[int, str] = {}
    for file, side, letter in zip(files_of(path), STRUCTURES, HEMISPHERES):
        image = _image(Path(file), side)
        with named(Path(file)):
            keys = _series(image)[0].astype(int)
            table = image.labeltable.get_labels_as_dict()
            if not table:
                raise InputError("has no table of labels. Name a file of labels (.label.gii).")
        start = max(names, default=0)
        numbers.append(np.where(keys > 0, keys + start, 0))
        prefix = re.compile(rf"(?i)^({letter}|{letter}h)[._-]")
        for key, name in table.items():
            if key > 0:
                names[key + start] = name if prefix.match(name) else f"{letter}_{name}"
    return _vertices(*map(len, numbers)), np.concatenate(numbers), names


@lru_cache(maxsize=4)
def _vertices(n_left: int, n_right: int) -> Grayordinates:
    left, right = (
        BrainModelAxis.from_surface(np.arange(n), n, side)
        for n, side in zip((n_left, n_right), CORTEX)
    )
    return Grayordinates(left + right)


def _image(file: Path, expected: str) -> nib.GiftiImage:
    with named(file):
        if not file.is_file():
            raise InputError(
                f"does not exist: the hemisphere {expected.removeprefix('Cortex').lower()} of this "
                "run is missing. Fetch it, or leave the run out with dataset.exclude."
            )
        with explained():
            packed = file.open("rb").read(len(GZIP)) == GZIP
            with gzip.open(file) if packed else file.open("rb") as opened:
                if b"gifti" not in opened.read(HEAD).lower():
                    raise InputError(
                        "is not a GIFTI file (.func.gii). Name those, or set dataset.space to the "
                        "form of this file: volume, cifti, parcels or array."
                    )
            image = nib.GiftiImage.from_filename(str(file))
        stated = {
            meta.get("AnatomicalStructurePrimary")
            for meta in (image.meta, *(array.meta for array in image.darrays))
        } & set(STRUCTURES)
        if stated and expected not in stated:
            raise InputError(
                f"has the AnatomicalStructurePrimary {stated.pop()}, but {expected} is expected: "
                "{hemi} in the path is L for left, R for right."
            )
        return image


def _series(image: nib.GiftiImage) -> np.ndarray:
    """Values of a file, (n_volumes, n_vertices)."""
    arrays = [array for array in image.darrays if array.intent not in OF_A_SURFACE]
    if not arrays:
        raise InputError("is a surface, without values at its vertices. Name the run (.func.gii).")
    if len(arrays) == 1 and arrays[0].data.ndim == 2:  # all volumes in one array
        return np.asarray(arrays[0].data).T
    if len({array.data.shape for array in arrays}) > 1 or arrays[0].data.ndim != 1:
        raise InputError("its arrays are not one value per vertex each, a volume an array.")
    return np.stack([array.data for array in arrays])


def _time_step(image: nib.GiftiImage) -> float:
    for meta in (image.meta, *(array.meta for array in image.darrays[:1])):
        try:
            step = float(meta.get("TimeStep", 0))
        except ValueError:
            continue
        if 0 < step < math.inf:
            return step / 1000 if step > LONGEST_TR else step
    return 0.0
