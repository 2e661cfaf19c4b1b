"""The format of a file, from its first bytes: NIfTI, or another one, with advice to convert it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from mindvideo.errors import InputError

HEADER_SIZES = {348: b"n+1\0", 540: b"n+2\0"}
"""Length of the header, with which a NIfTI file starts → magic string of a single file."""
MAGIC_AT = {348: 344, 540: 4}
HEAD = 560
"""Number of bytes that suffices to distinguish formats."""
GZIP = b"\x1f\x8b"

# (offset, bytes at that offset, what the file is, what to do with it)
SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"CDF\x01", "a MINC file", "Convert it with mnc2nii"),
    (
        0,
        b"\x89HDF",
        "an HDF5 file",
        "Set dataset.space: array for arrays in it (FILE::NAME); convert MINC 2 with mnc2nii",
    ),
    (0, b"\0\0\0\x01", "a FreeSurfer volume (MGH)", "Convert it: mri_convert FILE FILE.nii.gz"),
    (128, b"DICM", "a DICOM file", "Convert the series with dcm2niix"),
    (0, b"PK\x03\x04", "a zip archive", "Unpack it first (mindvideo unpack)"),
    (0, b"\x93NUMPY", "a NumPy array", "Set dataset.space: array, or name its NIfTI file"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "Fetch its content: git lfs pull"),
    (0, b"/annex/objects/", "a pointer of git-annex", "Fetch its content: datalad get"),
)
GIFTI = (
    "a GIFTI file, the surface of one hemisphere",
    "For the runs of a data set, set dataset.space: gifti and write {hemi} for L and R in "
    "dataset.run. Elsewhere name volumes (.nii.gz), or the CIFTI dense series of both hemispheres "
    "(.dtseries.nii, dataset.space: cifti): fMRIPrep writes it with --cifti-output 91k, Connectome "
    "Workbench with wb_command -metric-resample (from fsaverage to fsLR 32k) and "
    "-cifti-create-dense-timeseries",
)


def unpacked(path: Path) -> io.BufferedIOBase:
    """Open a file; one whose name ends in .gz is unpacked."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def nifti_size(path: Path) -> int:
    """Check that a file is a single NIfTI file.

    Returns
    -------
    int
        Length of its header [bytes]: 348 of NIfTI-1, 540 of NIfTI-2.

    Raises
    ------
    InputError
        If it is missing, a folder, empty, or of another format; the message does not name it.
    OSError, EOFError, zlib.error
        If it cannot be read.
    """
    if path.is_dir():
        raise InputError("is a folder; expected a file.")
    if not path.is_file():
        raise InputError(
            "does not exist. Check the path templates in `dataset`, or leave out the run with "
            "dataset.exclude."
        )
    with path.open("rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    with gzip.open(path) if packed else path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise InputError("is empty. Fetch it again.")
    size = _nifti(head)
    if not size:
        raise InputError(f"is not a NIfTI or CIFTI file{_other(head, path)}")
    if len(head) < size:
        raise InputError(f"is cut short: only {len(head)} bytes of a header. Fetch it again.")
    if packed != (path.suffix == ".gz"):
        if packed:
            problem, remedy = "is packed (gzip), and its name does not end in .gz", "unpack"
        else:
            problem, remedy = "is not packed (gzip), and its name ends in .gz", "pack"
        raise InputError(f"{problem}: programs rely on the name. Rename it, or {remedy} it.")
    return size


def _nifti(head: bytes) -> int:
    """Length of the header of a single NIfTI file [bytes]; 0 for other files."""
    for order in ("little", "big"):
        size = int.from_bytes(head[:4], order)
        if size in HEADER_SIZES:
            at = MAGIC_AT[size]
            magic = head[at : at + 4]
            return size if magic in (HEADER_SIZES[size], b"") else 0
    return 0


def _other(head: bytes, path: Path) -> str:
    what, advice = _format(head, path)
    return f" but {what}. {advice}." if what else f" (it starts with {head[:4]!r}). {advice}."


def _format(head: bytes, path: Path) -> tuple[str, str]:
    for place, signature, what, advice in SIGNATURES:
        if head[place:].startswith(signature):
            return what, advice
    starts = (int.from_bytes(head[:4], order) for order in ("little", "big"))
    if any(start in HEADER_SIZES for start in starts) or _half_of_a_pair(path):
        return (
            "half of an Analyze or NIfTI pair (.hdr, .img)",
            "Join the two: fslchfiletype NIFTI_GZ FILE",
        )
    if path.suffix.upper() in (".HEAD", ".BRIK"):
        return "an AFNI data set", "Convert it: 3dAFNItoNIFTI FILE"
    text = head.lstrip().lower()
    if b"gifti" in text:
        return GIFTI
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "a web page (HTML): a download that failed", "Fetch it again"
    if _is_text(head):
        return "a text file", "Name the run itself, or fetch it again"
    return "", "Is it damaged, or of another format? Fetch it again, or convert it"


def _half_of_a_pair(path: Path) -> bool:
    return path.suffix == ".img" and path.with_suffix(".hdr").is_file()


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("ascii")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)
