"""Unpack archives that were zipped twice, such as those of the Purdue films data set.

An outer zip holds a ``bundle.zip`` (or more) with the files. Zip files have their table of contents
at the end, so reading an inner one needs a seekable file. An inner zip that is *stored* in the
outer one is read in place, through a window on the outer file. Only an inner zip that is *deflated*
is first written to a temporary file, in the folder that it is unpacked to.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from mindvideo.errors import InputError

CHUNK = 1 << 20
DEEPEST = 3
"""Depth of nested zips that are unpacked."""
ENCRYPTED = 1
LOCAL_HEADER = struct.Struct("<26x2H")
"""Header of a member; its last four bytes are the lengths of the two fields that follow it."""
NOISE = ("__MACOSX", ".DS_Store", "Thumbs.db")


class Window(io.RawIOBase):
    """A part of a file, as a seekable file.

    Parameters
    ----------
    file : binary file
        May be shared within a thread, if every user seeks before reading.
    start, size : int
        Start and length of the part [bytes].
    """

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self.file, self.start, self.size, self.place = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.size}[whence]
        self.place = max(0, origin + offset)
        return self.place

    def readinto(self, buffer) -> int:
        n = max(0, min(len(buffer), self.size - self.place))
        self.file.seek(self.start + self.place)
        n_read = self.file.readinto(memoryview(buffer)[:n]) if n else 0  # type: ignore[attr-defined]
        self.place += n_read
        return n_read


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    archive: str
    """Paths of the archive and of the inner zips that contain the file, joined by " › "."""
    name: str
    size: int
    """Size when unpacked [bytes]."""
    crc: int
    zip: zipfile.ZipFile
    info: zipfile.ZipInfo

    def open(self) -> IO[bytes]:
        return self.zip.open(self.info)


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Turn zipfile's errors about a broken archive into a message with its name."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, RuntimeError):
            hint = "It cannot be unpacked here: unpack it with another tool."
        else:
            hint = "The archive is cut short or damaged: fetch it again."
        raise InputError(f"{place} ({type(error).__name__}: {reason}). {hint}") from error


@contextmanager
def members(archive: Path, spill: Path | None = None) -> Iterator[list[Member]]:
    """The files in an archive and in the zips inside it; open within the context.

    Parameters
    ----------
    archive : Path
    spill : Path, optional
        An existing folder for inner zips that are deflated; by default the system's temporary one.

    Raises
    ------
    InputError
        If the archive is missing, if it or an inner zip is cut short or damaged, or if a name in it
        leads out of the folder that it is unpacked to.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: no such file")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(archive.open("rb"))
        except OSError as error:
            raise InputError(f"{archive} cannot be opened: {error.strerror}") from error
        yield list(_walk(file, str(archive), spill, stack, 1))


def _walk(
    file: IO[bytes], place: str, spill: Path | None, stack: ExitStack, depth: int
) -> Iterator[Member]:
    with _named(f"{place} cannot be read"):
        outer = stack.enter_context(zipfile.ZipFile(file))
    for info in outer.infolist():
        name = info.filename
        if info.is_dir() or any(part in NOISE for part in PurePosixPath(name).parts):
            continue
        if name.lower().endswith(".zip") and depth < DEEPEST:
            inside = f"{place} › {name}"
            with _named(f"{inside} cannot be read"):
                inner = _inner(file, outer, info, spill, stack)
            yield from _walk(inner, inside, spill, stack, depth + 1)
        else:
            _refuse_ways_out(place, info)
            yield Member(place, name, info.file_size, info.CRC, outer, info)


def _inner(
    file: IO[bytes],
    outer: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    spill: Path | None,
    stack: ExitStack,
) -> IO[bytes]:
    """An inner zip as a seekable file."""
    if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & ENCRYPTED:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or header[:4] != b"PK\3\4":
            raise zipfile.BadZipFile("no member at the place in the table of contents")
        start = info.header_offset + LOCAL_HEADER.size + sum(LOCAL_HEADER.unpack(header))
        return io.BufferedReader(Window(file, start, info.file_size), CHUNK)
    unpacked = tempfile.TemporaryFile(dir=spill, prefix=".inner-zip-")  # noqa: SIM115
    stack.enter_context(unpacked)
    with outer.open(info) as member:
        shutil.copyfileobj(member, unpacked, CHUNK)
    return unpacked


def _refuse_ways_out(place: str, info: zipfile.ZipInfo) -> None:
    name = PurePosixPath(info.filename)
    is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
    windows = "\\" in info.filename or (len(info.filename) > 1 and info.filename[1] == ":")
    if name.is_absolute() or ".." in name.parts or windows or is_link:
        what = "is a link" if is_link else "leads out of the folder"
        raise InputError(f"{place}: {info.filename!r} {what}: nothing of this archive is unpacked")


def place(member: Member, root: str) -> PurePosixPath:
    """Path of a member relative to the folder that it is unpacked to.

    Folders above the data set's folder `root` are dropped. Archives that start with a subject's
    folder or the stimuli are unpacked into `root`; for those that start below a subject's folder,
    the archive's name gives the subject.
    """
    parts = PurePosixPath(member.name).parts
    if not root or root in parts:
        return PurePosixPath(*parts[parts.index(root) if root else 0 :])
    tops = [i for i, part in enumerate(parts[:-1]) if re.fullmatch(r"subject\d+|stimuli", part)]
    if tops:
        return PurePosixPath(root, *parts[tops[0] :])
    subject = re.findall(r"subject\d+", member.archive)
    below = [i for i, part in enumerate(parts[:-1]) if part in ("fmri", "smri")]
    if subject and below:
        return PurePosixPath(root, subject[-1], *parts[below[0] :])
    return PurePosixPath(root, *parts)


def targets(members: Iterable[Member], folder: Path, root: str) -> dict[Path, Member]:
    """Path that each member is unpacked to, in the order of the archive.

    Raises
    ------
    InputError
        If two different files would go to one path.
    """
    by_target: dict[Path, Member] = {}
    for member in members:
        target = folder / place(member, root)
        first = by_target.setdefault(target, member)
        if (first.size, first.crc) != (member.size, member.crc):
            raise InputError(
                f"two files would be unpacked to {target}: {first.archive}: {first.name}, and "
                f"{member.archive}: {member.name}. Unpack them one by one, with --root ''"
            )
    return by_target


def is_there(member: Member, target: Path) -> bool:
    """Whether a file is complete already: of the same size and checksum."""
    if not target.is_file() or target.stat().st_size != member.size:
        return False
    crc = 0
    with target.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc == member.crc


def extract(member: Member, target: Path) -> None:
    """Write a member to a file next to its target, check it, and move it into place.

    Raises
    ------
    InputError
        If the member is cut short or its checksum is wrong. The target is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        # zipfile compares the checksum at the end of a member
        with _named(f"{member.archive}: {member.name} cannot be unpacked"):
            with member.open() as source, partial.open("wb") as out:
                shutil.copyfileobj(source, out, CHUNK)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
