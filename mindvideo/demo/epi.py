"""The simulated head: tissues of the MNI152 brain and their mean T2*-weighted image.

Rests on: fractions of grey and white matter of the ICBM 152 template (Fonov et al. 2011, from a
file of nilearn); T2*-weighted contrast at 3 T: fluid brighter than grey, grey brighter than white
matter (relaxation times in Wansapura et al. 1999); signal loss above the sphenoid sinus and the ear
canals, where air bends the field (Ojemann et al. 1997; Deichmann et al. 2003); a coil that is most
sensitive near its elements (Wiggins et al. 2006); fat suppressed to a faint rim; a ghost half the
field of view away along the phase-encoding axis (Bernstein et al. 2004).
Leaves out: geometric distortion (the runs count as unwarped), the eyes, the neck and all other
tissue below the brain, and individual anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import nibabel as nib
import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from mindvideo.fmri.atlas import data_file
from mindvideo.io.spaces import Grid

IN_BRAIN = 0.2  # smallest value of the T1 template in the brain, as nilearn's mask
BRIGHTNESS = 1000.0  # of grey matter where the coil's sensitivity is 1, in the scanner's units
CONTRAST = {"grey": 1.0, "white": 0.78, "fluid": 1.55}  # against grey matter
MARGIN = 8.0  # of the grid around the brain [mm]
SKULL, SCALP = 4.0, 0.10  # thickness of the dark skull [mm], brightness of the scalp around it
POINT_SPREAD = 2.5  # SD of the image's own blur [mm]
GHOST = 0.025  # brightness of the ghost relative to the image
FIELD_OF_VIEW = 220.0  # along the phase-encoding axis [mm]

# Signal loss near air: centre (the left one of two) and SD in MNI space [mm], and the fraction lost
# at the centre.
DROPOUTS: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float], ...] = (
    ((-6, 30, -27), (16, 17, 8), 0.85),  # orbitofrontal, above the sphenoid and ethmoid sinuses
    ((-44, 14, -42), (11, 12, 10), 0.65),  # temporal pole
    ((-52, -24, -36), (11, 15, 9), 0.6),  # inferior temporal, above the ear canal
)


@dataclass(frozen=True)
class Head:
    """Tissues and mean image on a grid, each (i, j, k) float32."""

    grid: Grid
    grey: np.ndarray
    """Fraction of grey matter in each voxel, 0…1."""
    white: np.ndarray
    fluid: np.ndarray
    brightness: np.ndarray
    """Noise-free mean image in the scanner's units."""

    @property
    def brain(self) -> np.ndarray:
        """Fraction of the three tissues together, 0…1."""
        return self.grey + self.white + self.fluid

    @property
    def position(self) -> np.ndarray:
        """MNI coordinates x, y, z of each voxel, (3, i, j, k) [mm]."""
        ijk = np.moveaxis(np.indices(self.grid.shape), 0, -1)
        return np.moveaxis(nib.affines.apply_affine(self.grid.affine, ijk), -1, 0)


@cache
def template(kind: str, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """A map of the ICBM 152 template: each n-th of its voxels of 1 mm along each axis.

    Read from the file that nilearn ships: importing nilearn takes a second, and its resampling
    (by splines, which go through these voxels) another.

    Parameters
    ----------
    kind : str
        "t1" (brain only), "gm" or "wm".
    resolution : int
        Voxel size [mm].

    Returns
    -------
    values : (i, j, k) float32
        0 to 1.
    affine : (4, 4)
        Voxel indices → MNI coordinates [mm].

    Raises
    ------
    InputError
        If nilearn is not installed.
    """
    name = f"mni_icbm152_{kind}_tal_nlin_sym_09a_converted.nii.gz"
    image = nib.Nifti1Image.from_filename(data_file(name, "nilearn", "datasets/data"))
    stored = np.asanyarray(image.dataobj)
    some = stored[::resolution, ::resolution, ::resolution].astype(np.float32)
    return some / np.float32(stored.max()), image.affine @ np.diag([*[resolution] * 3, 1])


def brain_mask(resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """The MNI152 brain, (i, j, k) bool, and its affine: where the T1 template exceeds 0.2."""
    t1, affine = template("t1", resolution)
    return t1 > IN_BRAIN, affine


@cache
def head(resolution: int) -> Head:
    """The head in the bounding box of the MNI152 brain, with a margin.

    Parameters
    ----------
    resolution : int
        Voxel size [mm].
    """
    mask, mask_affine = brain_mask(resolution)
    margin = int(MARGIN // resolution)
    volumes = (mask, *(template(kind, resolution)[0].astype(float) for kind in ("gm", "wm")))
    # Padded by the margin, so that the box stays inside the volume.
    inside, grey, white = (np.pad(volume, margin) for volume in volumes)
    filled = np.argwhere(inside)
    low, high = filled.min(0) - margin, filled.max(0) + 1 + margin
    box = tuple(slice(a, b) for a, b in zip(low, high))
    affine = mask_affine @ nib.affines.from_matvec(np.eye(3), low - margin)
    inside = inside[box]
    grey, white = (volume[box] * inside for volume in (grey, white))
    whole = np.maximum(grey + white, 1)
    grey, white = grey / whole, white / whole
    tissues = {"grey": grey, "white": white, "fluid": np.clip(inside - grey - white, 0, 1)}
    i, j, k = inside.shape
    grid = Grid(affine, (i, j, k))
    image = sum(CONTRAST[name] * fraction for name, fraction in tissues.items())
    image += _scalp(inside, resolution)
    plain = Head(grid, **{n: t.astype(np.float32) for n, t in tissues.items()}, brightness=image)
    image = gaussian_filter(image, POINT_SPREAD / resolution)
    image *= _coil(plain.position) * _dropout(plain.position)
    image += GHOST * _translated(image, round(FIELD_OF_VIEW / 2 / resolution))
    image = (BRIGHTNESS * image).astype(np.float32)
    for volume in (plain.grey, plain.white, plain.fluid, image):
        volume.setflags(write=False)  # the head is cached: all callers share it
    return Head(grid, plain.grey, plain.white, plain.fluid, image)


def _scalp(inside: np.ndarray, resolution: int) -> np.ndarray:
    """The scalp: a faint shell around the dark skull."""
    distance = resolution * distance_transform_edt(~inside)
    return SCALP * (distance > SKULL) * (distance <= SKULL + 6)


def _coil(position: np.ndarray) -> np.ndarray:
    """Sensitivity: lowest in the middle of the head, highest at the back, on the coil."""
    x, y, z = position
    radius = np.sqrt((x / 70) ** 2 + ((y + 18) / 88) ** 2 + ((z - 12) / 65) ** 2)
    return (0.82 + 0.22 * np.clip(radius, 0, 1.3) ** 2) * (1 - 0.0008 * (y + 18))


def _dropout(position: np.ndarray) -> np.ndarray:
    """Fraction of the signal that remains."""
    remaining = np.ones(position.shape[1:])
    for centre, sd, loss in DROPOUTS:
        for side in (-1, 1):
            place = np.array([-side * centre[0], *centre[1:]])[:, None, None, None]
            square = (((position - place) / np.array(sd)[:, None, None, None]) ** 2).sum(0)
            remaining *= 1 - loss * np.exp(-0.5 * square)
    return remaining


def _translated(image: np.ndarray, step: int) -> np.ndarray:
    """Sum of the image translated by `step` voxels both ways along its second axis, not wrapped."""
    out = np.zeros_like(image)
    if step < image.shape[1]:
        out[:, step:] += image[:, :-step]
        out[:, :-step] += image[:, step:]
    return out
