"""Positions of the voxels of an array: a grid of one of several forms, and a mask on it.

A run in memory is one array, (n_volumes, n_voxels) float32, whose voxel axis is a :class:`Space`;
after reading, grayordinates, vertices, parcels and columns of a table are treated like voxels. The
form of the grid is also that of the maps: each has `endings`, of maps of values and of labels.

>>> grid = Grid(np.diag([3.0, 3, 3, 1]), (4, 5, 6))
>>> print(grid)
4×5×6 voxels of 3×3×3 mm, origin (0, 0, 0) mm
>>> mask = np.zeros(grid.shape, bool)
>>> mask[1, 2, 3:] = True
>>> space = Space(grid, mask)
>>> len(space), space.index
(3, array([45, 46, 47]))
>>> grid.places(space.index)["k"]
array([3, 4, 5])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, ParcelsAxis

if TYPE_CHECKING:
    import pandas as pd

# Headers store affines in single precision, and tools round them: grids closer than this are the
# same [mm].
SAME_AFFINE = 0.01
CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")
MESHES = {
    10242: "fsaverage5",
    32492: "fsLR 32k",
    40962: "fsaverage6",
    59292: "fsLR 59k",
    163842: "fsaverage",
}
"""Meshes by the number of vertices of a hemisphere. 163,842 is that of fsLR 164k, too."""


@dataclass(frozen=True)
class Grid:
    """A volume grid: the position of voxel (i, j, k)."""

    affine: np.ndarray
    """(4, 4) float64, voxel indices → mm."""
    shape: tuple[int, int, int]
    mni: bool = True
    """Whether the coordinates are those of MNI152; otherwise they are the scanner's."""

    endings: ClassVar = (".nii.gz", ".nii.gz")

    def same(self, other: AnyGrid) -> bool:
        """Whether both have the same shape and, up to rounding, the same affine."""
        return (
            isinstance(other, Grid)
            and self.shape == other.shape
            and np.allclose(self.affine, other.affine, rtol=0, atol=SAME_AFFINE)
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Columns `i`, `j`, `k` of some voxels, by their index in C order."""
        return dict(zip("ijk", np.unravel_index(index, self.shape)))

    def __str__(self) -> str:
        size = "×".join(f"{s:.3g}" for s in nib.affines.voxel_sizes(self.affine))
        origin = ", ".join(f"{o:.6g}" for o in self.affine[:3, 3])
        return f"{'×'.join(map(str, self.shape))} voxels of {size} mm, origin ({origin}) mm"


@dataclass(frozen=True)
class Grayordinates:
    """The grayordinates of a CIFTI file: vertices of both cortices, and subcortical voxels.

    The vertices of a pair of GIFTI files are grayordinates, too: all of the left, then all of the
    right. Their maps are CIFTI files, since one file of both hemispheres cannot lose its other
    half, and Workbench, FSLeyes and nilearn read it with surfaces of any number of vertices.
    """

    models: BrainModelAxis

    endings: ClassVar = (".dscalar.nii", ".dlabel.nii")

    @property
    def shape(self) -> tuple[int]:
        return (len(self.models),)

    @cached_property
    def mapping(self) -> Any:
        """The mapping of a file's columns to these grayordinates, for its header."""
        return self.models.to_mapping(1)

    @cached_property
    def vertices(self) -> tuple[np.ndarray, np.ndarray]:
        """Mesh vertices of the left and right cortex, in the file's order."""
        left, right = (self.models.vertex[self.models.name == side] for side in CORTEX)
        return left, right

    @property
    def n_cortex(self) -> int:
        return sum(map(len, self.vertices))

    @property
    def n_mesh(self) -> int:
        """Vertices of the mesh of a hemisphere; 0 if those of left and right differ."""
        numbers = {self.models.nvertices.get(side, 0) for side in CORTEX}
        return int(numbers.pop()) if len(numbers) == 1 else 0

    @cached_property
    def cortex(self) -> np.ndarray:
        """(n_cortex,) int, indices of the cortical grayordinates, left before right."""
        return np.concatenate([np.flatnonzero(self.models.name == side) for side in CORTEX])

    @cached_property
    def on_mesh(self) -> np.ndarray:
        """(n_cortex,) int, their vertices on both meshes; those of the right follow the left's."""
        left, right = self.vertices
        return np.concatenate([left, right + self.models.nvertices.get(CORTEX[0], 0)])

    def same(self, other: AnyGrid) -> bool:
        """Whether both have the same grayordinates in the same order."""
        return self is other or (
            isinstance(other, Grayordinates)
            and all(
                np.array_equal(getattr(self.models, name), getattr(other.models, name))
                for name in ("name", "vertex", "voxel")
            )
        )

    def follows(self, vertices: tuple[np.ndarray, np.ndarray]) -> bool:
        """Whether the cortex comes first, left before right, with exactly these mesh vertices."""
        sides = np.repeat(CORTEX, [len(vertices[0]), len(vertices[1])])
        return (
            np.array_equal(self.models.name[: len(sides)], sides)
            and self.n_cortex == len(sides)
            and all(map(np.array_equal, self.vertices, vertices))
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Columns with the position of some grayordinates; vertex is -1 for subcortical ones."""
        names = [str(name).removeprefix("CIFTI_STRUCTURE_") for name in self.models.name[index]]
        return {
            "grayordinate": index,
            "structure": np.array(names),
            "vertex": self.models.vertex[index],
        }

    def __str__(self) -> str:
        left, right = map(len, self.vertices)
        return f"{len(self.models)} grayordinates, {left} + {right} of them cortical"


@dataclass(frozen=True)
class Parcels:
    """The parcels of a parcellated CIFTI file (``.ptseries.nii``)."""

    axis: ParcelsAxis

    endings: ClassVar = (".pscalar.nii", ".plabel.nii")

    @property
    def shape(self) -> tuple[int]:
        return (len(self.axis),)

    @cached_property
    def mapping(self) -> Any:
        """The mapping of a file's columns to these parcels, for its header."""
        return self.axis.to_mapping(1)

    def same(self, other: AnyGrid) -> bool:
        """Whether both have the same parcels in the same order."""
        return self is other or (
            isinstance(other, Parcels)
            and np.array_equal(self.axis.name, other.axis.name)
            and self.axis == other.axis
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Columns with the number and the name of some parcels."""
        return {"parcel": index, "name": self.axis.name[index].astype(str)}

    def __str__(self) -> str:
        return f"{len(self.axis)} parcels ({self.axis.name[0]}, …)"


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a plain array, each described by a row of a table."""

    table: pd.DataFrame
    """Text of each cell, as in the file; it may have no columns."""

    endings: ClassVar = (".tsv", ".tsv")

    @property
    def shape(self) -> tuple[int]:
        return (len(self.table),)

    def same(self, other: AnyGrid) -> bool:
        """Whether both have the same table."""
        return self is other or (
            isinstance(other, Columns)
            and list(self.table.columns) == list(other.table.columns)
            and np.array_equal(self.table.to_numpy(object), other.table.to_numpy(object))
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Number of some columns, and what the table says of them."""
        of_table = {name: self.table[name].to_numpy()[index] for name in self.table.columns}
        return {"element": index, **of_table}

    def __str__(self) -> str:
        described = ", ".join(self.table.columns) or "no table"
        return f"{len(self.table)} columns ({described})"


AnyGrid: TypeAlias = Grid | Grayordinates | Parcels | Columns


@dataclass(frozen=True)
class Space:
    """The voxel axis of an array: the voxels of `mask` on `grid`, in C order."""

    grid: AnyGrid
    mask: np.ndarray
    """``grid.shape`` bool."""

    @cached_property
    def index(self) -> np.ndarray:
        """(n_voxels,) int, flat index of each voxel in the grid."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return len(self.index)
