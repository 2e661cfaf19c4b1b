"""Plain arrays (volumes, voxels), and the table that describes their columns.

An array is a NumPy file, a table of numbers (tab- or comma-separated, with a row of names), or one
of several arrays in an archive: HDF5 or ``.npz``, ``FILE::NAME``. What a column is, a voxel, a
vertex or a parcel, is in a table of its own, or in the row of names.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.images import explained, named
from mindvideo.io.matrices import Matrix
from mindvideo.io.spaces import Columns
from mindvideo.run_files import files_of, key_of
from mindvideo.templates import did_you_mean

SHOWN = 8
"""Number of names that a message lists."""
NAME = "name"
OF_MAPS = ("value", "value_name")
"""Columns that maps add to a table."""
KNOWN = (NAME, "area", "network", "hemisphere", "x", "y", "z", "vertex", "i", "j", "k", "index")


def read_array(path: Path, described: Columns | Path | None = None) -> tuple[Columns, Matrix]:
    """Find the array of a run, and what its columns are.

    Parameters
    ----------
    path : Path
        File, or ``FILE::NAME``.
    described : Columns or Path, optional
        The columns, or their table (:func:`read_columns_table`); by default they have the names in
        the first row of the run's own table, or none.

    Raises
    ------
    InputError
        If it is missing, unreadable, has no array of that name, is no matrix of real numbers, or
        has other columns than the table. The message does not name it.
    """
    file, key = Path(files_of(path)[0]), key_of(path)
    if not file.is_file():
        raise InputError(
            "does not exist. Check dataset.run, or leave out the run with dataset.exclude."
        )
    with explained():
        shape, kind, names, read = _open(file, key)
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(
            f"is {'×'.join(map(str, shape)) or 'a single number'}; expected a matrix with a row "
            "for each volume and a column for each voxel or parcel."
        )
    if kind not in "iuf":
        raise InputError(f"has values of another type than real numbers ({kind}).")
    own = Columns(pd.DataFrame({NAME: names})) if names else None
    columns = read_columns_table(described) if isinstance(described, Path) else described
    columns = columns or own or Columns(pd.DataFrame(index=range(shape[1])))
    _check_columns(shape, columns, own)
    return columns, Matrix((shape[0], shape[1]), read)


def _check_columns(shape: tuple[int, ...], columns: Columns, own: Columns | None) -> None:
    (n,) = columns.shape
    if shape[1] != n:
        turned = (
            f" It has {n} rows: it is transposed. Write it with a row for each volume (array.T)."
            if shape[0] == n
            else " Name the table of these columns in dataset.voxels."
        )
        raise InputError(
            f"is {shape[0]}×{shape[1]} (volumes × columns), but the columns described are {n}."
            + turned
        )
    if own is None or NAME not in columns.table:
        return
    found, expected = own.table[NAME], columns.table[NAME]
    if (differ := (found != expected)).any():
        first = int(np.flatnonzero(differ)[0])
        raise InputError(
            f"its column {first + 1} is {found[first]}, and that of the table {expected[first]}: "
            "they are of other parcels, or in another order."
        )


# --- arrays ---------------------------------------------------------------------------------------


def _open(file: Path, key: str) -> tuple[tuple[int, ...], str, list[str], Any]:
    """Shape, type, names of the columns if the file has them, and a function that reads all."""
    name = file.name.removesuffix(".gz")
    if name.endswith((".tsv", ".csv")):
        table = _numbers(file)
        names = [name for name in table.columns if isinstance(name, str)]
        return table.shape, "f", names, lambda: _numbers(file).to_numpy(np.float32)
    if name.endswith(".npy"):
        array = np.load(file, mmap_mode="r", allow_pickle=False)
        return array.shape, array.dtype.kind, [], lambda: np.load(file, mmap_mode="r")
    if name.endswith(".npz"):
        if not zipfile.is_zipfile(file):
            raise InputError("is not an .npz file (a zip archive): fetch it again.")
        with np.load(file, allow_pickle=False) as archive:
            key = _key(key, archive.files)
            array = archive[key]
        return array.shape, array.dtype.kind, [], lambda: np.load(file)[key]
    return _hdf5(file, key)


def _hdf5(file: Path, key: str) -> tuple[tuple[int, ...], str, list[str], Any]:
    # Imported here since few data sets are HDF5 files.
    import h5py

    if not h5py.is_hdf5(file):
        raise InputError("is not an HDF5 file: fetch it again.")

    def read() -> np.ndarray:
        with h5py.File(file) as archive:
            return archive[key][()]

    with h5py.File(file) as archive:
        names: list[str] = []
        archive.visititems(
            lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None
        )
        key = _key(key.strip("/"), names)
        return archive[key].shape, archive[key].dtype.kind, [], read


def _key(key: str, names: Sequence[str]) -> str:
    """The name of an array of an archive; it may be left out if there is only one."""
    if key in names or (not key and len(names) == 1):
        return key or names[0]
    more = f", … ({len(names)} arrays)" if len(names) > SHOWN else ""
    there = ", ".join(names[:SHOWN]) + more or "none"
    if not key:
        raise InputError(
            f"has several arrays: {there}. Say which, as FILE::NAME in dataset.run; NAME may have "
            "{subject}, {segment} and {repetition}."
        )
    raise InputError(f"has no array {key!r}{did_you_mean(key, names)}; it has {there}.")


def _numbers(file: Path) -> pd.DataFrame:
    """A table of numbers, with or without a row of names."""
    how: dict[str, Any] = {"sep": _separator(file), "na_values": ["n/a"]}
    try:
        first = pd.read_csv(file, **how, header=None, nrows=1, dtype=str).iloc[0]
        numbered = all(_is_number(str(cell)) for cell in first)
        return pd.read_csv(file, **how, header=None if numbered else 0).apply(pd.to_numeric)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, ValueError, TypeError) as error:
        raise InputError(f"is not a table of numbers below a row of names ({error}).") from error


def _separator(file: Path) -> str:
    return "," if file.name.removesuffix(".gz").endswith(".csv") else "\t"


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


# --- what the columns are -------------------------------------------------------------------------


def read_columns_table(path: Path) -> Columns:
    """Read a table with one row for each column of the arrays.

    ``.tsv`` and ``.csv`` have a row of names, such as ``name``, ``area``, ``network``,
    ``hemisphere``, ``x``, ``y``, ``z``; any other file is a list of names, one per line.

    Raises
    ------
    InputError
        If it cannot be read, is empty, or has columns that maps add.
    """
    with named(path):
        if not path.is_file():
            raise InputError("does not exist. Check dataset.voxels.")
        with explained():
            if not path.name.removesuffix(".gz").endswith((".tsv", ".csv")):
                names = path.read_text(encoding="utf-8").split("\n")
                names = [" ".join(name.split()) for name in names if name.strip()]
                table = pd.DataFrame({NAME: names})
            else:
                table = _texts(path)
        if not len(table):
            raise InputError("has no rows; expected one for each column of the arrays.")
        if taken := [name for name in OF_MAPS if name in table]:
            raise InputError(f"has a column {taken[0]}, which maps add to it: rename it.")
        if not set(table.columns) & set(KNOWN):
            raise InputError(
                f"has none of the columns {', '.join(KNOWN)}; its first row is "
                f"{', '.join(map(str, table.columns[:SHOWN]))}. Is the row of names missing?"
            )
        return Columns(table)


def _texts(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep=_separator(path), dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise InputError(f"is not a table ({error}).") from error
    return table.map(lambda cell: " ".join(cell.split()))


# --- maps -----------------------------------------------------------------------------------------


def write_table_map(
    path: Path, values: np.ndarray, columns: Columns, names: dict[int, str] | None = None
) -> None:
    """Write one value for each column: its table, with a column `value`.

    Parameters
    ----------
    path : Path
        ``.tsv``
    values : (n_columns,) float or int
    columns : Columns
    names : dict, optional
        Names of the values, if they are labels.
    """
    table = columns.table.assign(value=values)
    if names is not None:
        table["value_name"] = [names.get(int(value), "") for value in values]
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def read_table_map(path: Path) -> tuple[np.ndarray, Columns, dict[int, str]]:
    """The values of such a map, its columns, and the names of its labels if it has them.

    Raises
    ------
    InputError
        If it is not a map.
    """
    if not path.is_file():
        raise InputError("does not exist.")
    with explained():
        table = _texts(path)
    if "value" not in table:
        raise InputError(
            "has no column `value`: it is not a map that mindvideo wrote. Run its stage again."
        )
    with explained():
        values = np.array([np.nan if cell == "n/a" else float(cell) for cell in table["value"]])
    labels = table["value_name"] if "value_name" in table else [""] * len(table)
    names = {int(value): name for value, name in zip(values, labels) if name}
    return values, Columns(table.drop(columns=[c for c in OF_MAPS if c in table])), names
