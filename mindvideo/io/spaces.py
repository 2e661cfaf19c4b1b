"""Where the voxels of an array lie: a volume grid or CIFTI grayordinates, and a mask on it.

A run in memory is one array, (n_volumes, n_voxels) float32, whose voxel axis is a :class:`Space`;
nothing after the readers asks whether a voxel is one or a grayordinate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis

# Headers store affines in single precision, and tools round them: closer is the same grid [mm].
SAME_AFFINE = 0.01
CORTEX = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")


@dataclass(frozen=True)
class Grid:
    """A volume grid: where voxel (i, j, k) lies."""

    affine: np.ndarray
    """(4, 4) float64, voxel indices → mm."""
    shape: tuple[int, int, int]
    mni: bool = True
    """Whether these are MNI152's; else they are the scanner's own."""

    def same(self, other: Grid | Grayordinates) -> bool:
        return (
            isinstance(other, Grid)
            and self.shape == other.shape
            and np.allclose(self.affine, other.affine, rtol=0, atol=SAME_AFFINE)
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Columns that say where some voxels lie, by their index in C order."""
        return dict(zip("ijk", np.unravel_index(index, self.shape)))

    def __str__(self) -> str:
        size = "×".join(f"{s:.3g}" for s in nib.affines.voxel_sizes(self.affine))
        origin = ", ".join(f"{o:.6g}" for o in self.affine[:3, 3])
        return f"{'×'.join(map(str, self.shape))} voxels of {size} mm, origin ({origin}) mm"


@dataclass(frozen=True)
class Grayordinates:
    """The grayordinates of a CIFTI file: vertices of both cortices, voxels below them."""

    models: BrainModelAxis

    @property
    def shape(self) -> tuple[int]:
        return (len(self.models),)

    @cached_property
    def mapping(self) -> Any:
        """The columns of a file that has these grayordinates, for its header."""
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
        return self is other or (
            isinstance(other, Grayordinates)
            and all(
                np.array_equal(getattr(self.models, name), getattr(other.models, name))
                for name in ("name", "vertex", "voxel")
            )
        )

    def follows(self, vertices: tuple[np.ndarray, np.ndarray]) -> bool:
        """Whether the cortex comes first, left before right, as just these vertices of its mesh."""
        sides = np.repeat(CORTEX, [len(vertices[0]), len(vertices[1])])
        return (
            np.array_equal(self.models.name[: len(sides)], sides)
            and self.n_cortex == len(sides)
            and all(map(np.array_equal, self.vertices, vertices))
        )

    def places(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """Columns that say where some grayordinates lie; vertex -1 is none of a mesh's."""
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
    """What the voxel axis of an array is: where `mask` is set on `grid`, in C order."""

    grid: Grid | Grayordinates
    mask: np.ndarray
    """``grid.shape`` bool."""

    @cached_property
    def index(self) -> np.ndarray:
        """(n_voxels,) index of each voxel in the grid, flat."""
        return np.flatnonzero(self.mask)

    def __len__(self) -> int:
        return len(self.index)
