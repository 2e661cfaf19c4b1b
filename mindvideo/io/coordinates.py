"""Whether a volume is in MNI152 space, like the atlases, by its name and its header."""

from __future__ import annotations

import re
from typing import Literal

import nibabel as nib
import numpy as np

from mindvideo.io.headers import Header
from mindvideo.io.spaces import Grid

SCANNER, ALIGNED, TALAIRACH, MNI = 1, 2, 3, 4
CODES = {
    0: "nothing",
    SCANNER: "the scanner's coordinates",
    ALIGNED: "those of another image",
    TALAIRACH: "Talairach's",
    MNI: "MNI152's",
    5: "those of some other template",
}
ENTITY = re.compile(r"(?:^|_)space-([A-Za-z0-9+]+)")
STANDARD = re.compile(r"(?i)MNI(?!Infant|Pediatric)|ICBM|IXI549Space")
"""BIDS spaces that equal the adult MNI152 to within the error of normalisation."""
NATIVE_IMAGES = {"t1w", "t2w", "anat", "bold", "boldref", "epi", "func", "run"}
NATIVE = NATIVE_IMAGES | {
    "fsnative",
    "individual",
    "native",
    "orig",
    "scanner",
    "session",
    "subject",
}
IN_NAME = re.compile(r"(?i)(?<![a-z])mni")
"""File names that contain MNI: seg1_1_mni.nii.gz, run.mni.nii.gz."""
FOLDER, ABOVE = re.compile(r"(?i)mni"), 4
"""Folders whose names contain MNI, at most so many levels above a file, such as
MNINonLinear/Results/RUN/RUN.nii.gz."""
TILTED = np.radians(1.0)
"""A grid at a larger angle to the axes is not that of a template [°]."""
APART = 1.0
"""Affines that differ by more at a corner of the grid are different [mm]."""
NATIVE_ADVICE = (
    "For runs in native space say regions.atlas: false, and name the brain mask (dataset.mask); "
    "else name the runs that are normalised to MNI152."
)
MEND = (
    "If the run is normalised to MNI152, say so in its header (fslorient -setsformcode 4 FILE) or "
    "in its name (space-MNI152NLin2009cAsym). " + NATIVE_ADVICE
)


def outside_mni(header: Header) -> tuple[Literal["error", "warning"], str] | None:
    """Evidence against a volume being in MNI152 space, the space of the atlas.

    A contradiction is an error: a native ``space-`` entity in the name, no coordinates at all, a
    qform in MNI152 coordinates with an sform that is not, or a tilted grid without any mark of
    MNI152. Missing confirmation is a warning. Programs write any of the codes 1, 2 and 4 for
    volumes in MNI space, so a code alone is never an error.

    Returns
    -------
    (level, message) or None
        The message does not name the file. None if the volume is in MNI152 space.
    """
    grid = header.grid
    assert isinstance(grid, Grid)
    sform, qform = header.codes
    code, which = (sform, "sform_code") if sform else (qform, "qform_code")
    says = f"{which} {code}: {CODES.get(code, 'unknown')}"
    entity = ENTITY.search(header.path.name)
    space = entity[1] if entity else ""
    if space.lower() in NATIVE:
        return "error", (
            f"lies in native space by its name (space-{space}; {says}), and regions.atlas places "
            f"areas of MNI152 space on it. {NATIVE_ADVICE}"
        )
    if not code:
        return "error", (
            "its header says nothing of where its voxels lie (sform_code and qform_code are 0), "
            "and regions.atlas needs MNI152 coordinates. Copy the template's, if the run is on its "
            f"grid (fslcpgeom TEMPLATE FILE -d). {NATIVE_ADVICE}"
        )
    if qform == MNI != code and header.qform is not None and _apart(grid, header.qform):
        return "error", (
            f"has two positions: its qform is MNI152's (qform_code 4), its sform, which goes "
            f"first, is not ({says}). Keep the right one: fslorient -copyqform2sform FILE, or "
            "-copysform2qform FILE. " + NATIVE_ADVICE
        )
    if space and not STANDARD.match(space):
        return "warning", (
            f"space-{space} is not known to be MNI152, for which the atlas is: areas may be off. "
            + NATIVE_ADVICE
        )
    if space or code == MNI:
        return None
    with np.errstate(invalid="ignore"):  # arccos of 1 and a rounding error
        tilt = float(np.nan_to_num(nib.affines.obliquity(grid.affine)).max())
    tilted = f", and its grid is tilted by {np.degrees(tilt):.1f}°" if tilt > TILTED else ""
    if _called_mni(header) and code != TALAIRACH and not tilted:
        return None
    level: Literal["error", "warning"] = (
        "error" if tilted and not _called_mni(header) else "warning"
    )
    return level, (
        f"nothing says that it lies in MNI152 space ({says}{tilted}), and regions.atlas places "
        f"areas of that space on it. {MEND}"
    )


def _called_mni(header: Header) -> bool:
    path = header.path
    folders = [folder.name for folder in path.parents][:ABOVE]
    return bool(IN_NAME.search(path.name)) or any(map(FOLDER.match, folders))


def _apart(grid: Grid, other: np.ndarray) -> bool:
    """Whether two affines place a corner of the grid differently."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T
    places = [nib.affines.apply_affine(affine, corners) for affine in (grid.affine, other)]
    return bool(np.abs(places[0] - places[1]).max() > APART)
