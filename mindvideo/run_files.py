"""The files of a run: one, or one per hemisphere, or a part of one.

The path of a run of GIFTI files has ``{hemi}`` in place of L and R; that of an array in an archive
(HDF5, ``.npz``) ends in ``::`` and the array's name. Such a path names the run as a whole; rules
and digests need its files.

>>> files_of("sub-1_hemi-{hemi}_bold.func.gii")
['sub-1_hemi-L_bold.func.gii', 'sub-1_hemi-R_bold.func.gii']
>>> files_of("sub-1.h5::ses-1/task-film1"), key_of("sub-1.h5::ses-1/task-film1")
(['sub-1.h5'], 'ses-1/task-film1')
>>> run_path("sub-1_hemi-L_bold.func.gii", "sub-1_hemi-R_bold.func.gii").name
'sub-1_hemi-{hemi}_bold.func.gii'
>>> run_path("sub-1.h5", key="film1").name
'sub-1.h5::film1'
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

Form = Literal["volume", "cifti", "gifti", "parcels", "array"]
"""Forms of runs: NIfTI volumes, dense CIFTI series, pairs of GIFTI files, parcellated CIFTI series,
and arrays with a table of their columns."""
HEMI = "{hemi}"
HEMISPHERES = ("L", "R")
KEY = "::"
ARCHIVES = (".h5", ".hdf5", ".npz")
"""Files with several arrays, each with a name."""
ARRAYS = (*ARCHIVES, ".npy", ".tsv", ".csv", ".tsv.gz", ".csv.gz")


def files_of(path: str | os.PathLike[str]) -> list[str]:
    """The files of a run: two if its path has ``{hemi}``, left before right."""
    file = str(path).partition(KEY)[0]
    if HEMI not in file:
        return [file]
    return [file.replace(HEMI, side) for side in HEMISPHERES]


def key_of(path: str | os.PathLike[str]) -> str:
    """The name of a run's array in its archive; empty if the path names none."""
    return str(path).partition(KEY)[2]


def run_path(
    left: str | os.PathLike[str], right: str | os.PathLike[str] | None = None, key: str = ""
) -> Path:
    """The path of a run, from its files and the name of its array."""
    path = str(left)
    if right is not None:
        pairs = zip(path, str(right))
        path = "".join(HEMI if (a, b) == HEMISPHERES else a for a, b in pairs)
    return Path(f"{path}{KEY}{key}" if key else path)


def form_problem(form: Form, path: str) -> str:
    """Why a path cannot be that of a run of some form; empty if it can.

    Archives are recognised by their names, since a path says which array of one is meant.
    """
    file, key = files_of(path)[0], key_of(path)
    if form == "gifti" and HEMI not in path:
        return (
            "runs of GIFTI files are pairs: write {hemi} where the names of the two files have L "
            "and R"
        )
    if form != "gifti" and HEMI in path:
        return f"{{hemi}} is for dataset.space: gifti, and it is {form}"
    if key and form != "array":
        return f"{KEY} names an array in a file, which needs dataset.space: array; it is {form}"
    if form == "array" and not file.endswith(ARRAYS):
        return f"with dataset.space: array, a run is one of {', '.join(ARRAYS)}"
    if key and not file.endswith(ARCHIVES):
        return f"{KEY} names an array in one of {', '.join(ARCHIVES)}; this file is none of them"
    return ""
