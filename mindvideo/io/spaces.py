"""Positions of the voxels of an array: a volume grid or CIFTI grayordinates, and a mask on it.

A run in memory is one array, (n_volumes, n_voxels) float32, whose voxel axis is a :class:`Space`;
after reading, grayordinates are treated like voxels.

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
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis

# Headers store affines in single precision, and tools round them: grids closer than this are the
# same [mm].
SAME_AFFINE = 0.01
CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")


@dataclass(frozen=True)
class Grid:
    """A volume grid: the position of voxel (i, j, k)."""

    affine: np.ndarray
    """(4, 4) float64, voxel indices → mm."""
    shape: tuple[int, int, int]
    mni: bool = True
    """Whether the coordinates are those of MNI152; otherwise they are the scanner's."""

    def same(self, other: Grid | Grayordinates) -> bool:
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
    """The grayordinates of a CIFTI file: vertices of both cortices, and subcortical voxels."""

    models: BrainModelAxis

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

    def same(self, other: Grid | Grayordinates) -> bool:
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
class Space:
    """The voxel axis of an array: the voxels of `mask` on `grid`, in C order."""

    grid: Grid | Grayordinates
    mask: np.ndarray
    """``grid.shape`` bool."""

    @cached_property
    def index(self) -> np.ndarray:
        """(n_voxels,) int, flat index of each voxel in the grid."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return len(self.index)
