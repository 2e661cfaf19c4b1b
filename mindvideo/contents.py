"""SHA-256 of files: each file is read once, and then identified by its size and time.

The digest of a file that need not be read comes from, in this order:

1. its sidecar, if a stage wrote the file;
2. the *digests* in the folder of results (``results/digests/*.json``), for all other files: raw
   runs, films, and results that were copied or restored and so have another time.

A file whose size or time differs from the record is read again, and the record is updated.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mindvideo.io.sidecars import sidecar_path

FOLDER = "MINDVIDEO_DIGESTS"
"""Environment variable with the folder of the digests. The workflow sets it for its jobs."""

NOT_CONTENT = ".snakemake"
"""Prefix of Snakemake's marker files in a folder."""

Stamp = tuple[int, int]
"""Size [bytes] and time of the last change [ns]."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of the files in a folder; reads them all."""
    if path.is_dir():
        return _of_listing({name: file_digest(path / name) for name in files_of(path)})
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_of(folder: Path) -> list[str]:
    """Names of the files in a folder and below it, sorted."""
    return sorted(
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(NOT_CONTENT)
    )


def text_digest(*texts: str) -> str:
    """A short digest of some texts."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _of_listing(digests: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, of_file in digests.items():
        digest.update(f"{name}\0{of_file}\0".encode())
    return digest.hexdigest()


def stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def content_of(path: Path) -> dict[str, Any]:
    """The part of a sidecar that describes the content of an output; reads the whole output."""
    names = files_of(path) if path.is_dir() else [""]
    digests = {name: file_digest(path / name) for name in names}
    return {
        "sha256": _of_listing(digests) if path.is_dir() else digests[""],
        "files": {name: [*stamp(path / name), digest] for name, digest in digests.items()},
    }


def _by_sidecar(path: Path) -> str | None:
    """The digest recorded in a sidecar, if every file has the recorded size and time."""
    try:
        content = json.loads(sidecar_path(path).read_text(encoding="utf-8"))["content"]
        files = content["files"]
        if path.is_dir() and [*files] != files_of(path):
            return None
        if all([*stamp(path / name)] == record[:2] for name, record in files.items()):
            return str(content["sha256"])
    except (OSError, ValueError, KeyError, TypeError):  # no sidecar, or another program's file
        pass
    return None


def touch_recorded(path: Path, touch: Callable[[], None]) -> None:
    """Touch an output, and update its sidecar so that the recorded digest remains valid."""
    vouched = _by_sidecar(path)
    touch()
    if not vouched or path.is_dir():  # files in a folder keep their times
        return
    sidecar = sidecar_path(path)
    record = json.loads(sidecar.read_text(encoding="utf-8"))
    record["content"]["files"][""][:2] = stamp(path)
    temporary = sidecar.with_name(f".{sidecar.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # on failure, the file is read once more
        temporary.write_text(json.dumps(record, indent=2), encoding="utf-8")
        os.replace(temporary, sidecar)


class Digests:
    """Digests of files by size and time, kept in a folder that several processes share.

    Each process writes its own file as a whole, so no locks are needed.

    Parameters
    ----------
    folder : Path or None
        Where the digests are kept; None keeps them only in this process.
    name : str
        Name of this process's file, the same for all jobs that write the same outputs.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder, self._name = folder.absolute() if folder else None, name
        self._digests: dict[tuple[str, Stamp], str] = {}
        self._read_here: dict[str, list[Any]] = {}
        self._read: dict[str, Stamp] = {}
        self._saved: float | None = None
        self._loaded = 0

    @classmethod
    def near(cls, path: Path, name: str) -> Digests:
        """The digests of this process's workflow, or of the folder of results that has a path.

        If there is neither, digests are kept only in this process.
        """
        if folder := os.environ.get(FOLDER):
            return cls(Path(folder), name)
        places = (parent / "digests" for parent in path.absolute().parents)
        return cls(next((place for place in places if place.is_dir()), None), name)

    def of(self, path: Path) -> str:
        """SHA-256 of a file or folder; it is read only if no record has its size and time."""
        if digest := _by_sidecar(path):
            return digest
        if path.is_dir():
            return _of_listing({name: self._of_file(path / name) for name in files_of(path)})
        return self._of_file(path)

    def _of_file(self, path: Path) -> str:
        name, now = os.path.abspath(path), stamp(path)
        if (name, now) not in self._digests:
            self._load()
        if (name, now) not in self._digests:
            self._digests[name, now] = digest = file_digest(path)
            self._read_here[name] = [*now, digest]
            self._save_soon()
        return self._digests[name, now]

    def _load(self) -> None:
        """Read what other processes have written since the last call."""
        if self._folder is None or not self._folder.is_dir():
            return
        if (changed := self._folder.stat().st_mtime_ns) == self._loaded:
            return
        self._loaded = changed
        for entry in os.scandir(self._folder):
            if not entry.name.endswith(".json"):
                continue
            with contextlib.suppress(OSError, ValueError):
                now = stamp(Path(entry))
                if self._read.get(entry.name) != now:
                    self._take_in(entry.name, json.loads(Path(entry).read_text()))
                    self._read[entry.name] = now

    def _take_in(self, file: str, records: dict[str, list[Any]]) -> None:
        for name, (size, time_ns, digest) in records.items():
            self._digests[name, (size, time_ns)] = digest
            if file == f"{self._name}.json":
                self._read_here.setdefault(name, [size, time_ns, digest])

    def _save_soon(self) -> None:
        self._saved = self._saved or time.monotonic()
        if time.monotonic() - self._saved > 5:
            self.save()
        else:
            atexit.register(self.save)

    def save(self) -> None:
        """Write the digests of this process, with those that it wrote before."""
        if self._folder is None or not self._read_here:
            return
        self._saved = time.monotonic()
        atexit.unregister(self.save)
        temporary = self._folder / f".{self._name}.{os.getpid()}"
        with contextlib.suppress(OSError):  # on a full disk, files are read again later
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(self._read_here, indent=0))
            os.replace(temporary, self._folder / f"{self._name}.json")
