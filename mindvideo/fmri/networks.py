"""From patches back to voxels, and from voxels to networks, areas and the visual hierarchy.

What the encoder does to a patch is carried to the voxels that the patch was cut from; what voxels
have is summed by group. Every sum has a uniform one beside it: groups differ in size, and one that
holds a third of the voxels gets a third of what is spread evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy

# Yeo's 17 networks in the order of their labels, as later papers name them (Schaefer et al. 2018,
# whose colours are those of the atlas); the paper writes VisCent and VisPeri too.
NETWORKS = (
    *("VisCent", "VisPeri", "SomMotA", "SomMotB", "DorsAttnA", "DorsAttnB"),
    *("SalVentAttnA", "SalVentAttnB", "LimbicA", "LimbicB", "ContC", "ContA", "ContB"),
    *("TempPar", "DefaultC", "DefaultA", "DefaultB"),
)
NONE = "none"
"""Of a voxel that belongs to no group."""

# The streams of the visual hierarchy (Glasser et al. 2016, supplement 3).
STREAMS: dict[str, tuple[str, ...]] = {
    "V1": ("V1",),
    "V2": ("V2",),
    "V3": ("V3",),
    "V4": ("V4",),
    "dorsal": ("V3A", "V3B", "V3CD", "V6", "V6A", "V7", "IPS1"),
    "ventral": ("V8", "VMV1", "VMV2", "VMV3", "VVC", "PIT", "FFC"),
    "lateral": ("MT", "MST", "LO1", "LO2", "LO3", "V4t", "FST", "PH"),
    "medial": ("PHA1", "PHA2", "PHA3", "DVT", "ProS", "POS1", "POS2"),
}
BEYOND = "beyond"


@dataclass(frozen=True)
class Grouping:
    """Selected voxels in groups."""

    name: str
    groups: tuple[str, ...]
    """Those that have voxels, in a fixed order."""
    member: np.ndarray
    """(n_voxels,) int, which group each voxel is in."""

    @property
    def sizes(self) -> np.ndarray:
        """(n_groups,) voxels in each."""
        return np.bincount(self.member, minlength=len(self.groups))

    @property
    def uniform(self) -> np.ndarray:
        """(n_groups,) share of the voxels: what shares spread evenly over them would sum to."""
        return self.sizes / len(self.member)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum over the voxels of each group.

        Parameters
        ----------
        values : (…, n_voxels)

        Returns
        -------
        (…, n_groups)
        """
        one_hot = np.zeros((len(self.member), len(self.groups)))
        one_hot[np.arange(len(self.member)), self.member] = 1
        return values @ one_hot


def groupings(voxels: pd.DataFrame) -> list[Grouping]:
    """Group the table of selected voxels by network, by stream of the hierarchy and by area.

    Parameters
    ----------
    voxels : DataFrame
        With columns `area` (name, or none) and `network` (1…17, 0 is none): of the stage `select`.
    """
    areas = voxels["area"].fillna("").astype(str)
    number = voxels["network"].to_numpy(int)
    stream = {area: name for name, members in STREAMS.items() for area in members}
    networks = pd.Series([NETWORKS[n - 1] if 0 < n <= len(NETWORKS) else NONE for n in number])
    streams = areas.map(lambda area: stream.get(area, BEYOND) if area else NONE)
    return [
        _grouping("network", networks, (*NETWORKS, NONE)),
        _grouping("hierarchy", streams, (*STREAMS, BEYOND, NONE)),
        _grouping("area", areas.replace("", NONE), (*hierarchy(), NONE)),
    ]


def group_sums(groupings: list[Grouping], values: np.ndarray) -> np.ndarray:
    """Sum over the voxels of each group of each grouping, one grouping after the other.

    Parameters
    ----------
    groupings : list of Grouping
    values : (…, n_voxels)

    Returns
    -------
    (…, n_groups)
        Of all groupings together; :func:`split_groups` takes them apart.
    """
    return np.concatenate([grouping.sums(values) for grouping in groupings], axis=-1)


def split_groups(groupings: list[Grouping], sums: np.ndarray) -> dict[str, np.ndarray]:
    """Take the sums of :func:`group_sums` apart, by the grouping's name."""
    ends = np.cumsum([len(grouping.groups) for grouping in groupings])
    parts = np.split(sums, ends[:-1], axis=-1)
    return {grouping.name: part for grouping, part in zip(groupings, parts, strict=True)}


def _grouping(name: str, of_voxel: pd.Series, order: tuple[str, ...]) -> Grouping:
    there = set(of_voxel)
    groups = tuple(group for group in order if group in there)
    return Grouping(name, groups, of_voxel.map({g: i for i, g in enumerate(groups)}).to_numpy())


def to_voxels(patches: np.ndarray, n_voxels: int, patch_size: int) -> np.ndarray:
    """Carry shares of patches back to the voxels that the patches were cut from.

    A patch's share is spread evenly over its voxels; what falls on the zeros that fill the last
    patch is left out, and the rest is scaled to sum to 1 again. Equal shares of the patches so
    become equal shares of the voxels.

    Parameters
    ----------
    patches : (…, n_patches)
        Not negative.
    n_voxels : int
        Those that were selected, without padding.
    patch_size : int

    Returns
    -------
    (…, n_voxels)
        Each row sums to 1; voxels in the order of the windows.

    Raises
    ------
    InputError
        If these patches do not hold these voxels.
    """
    room = patches.shape[-1] * patch_size
    # A whole patch of zeros is what the released code adds: their windows can be read too.
    if not room - 2 * patch_size < n_voxels <= room:
        raise InputError(
            f"{patches.shape[-1]} patches of {patch_size} voxels do not hold {n_voxels} selected "
            "voxels: the encoder was trained on another selection. Give the table of voxels that "
            "its windows were cut from."
        )
    voxels = np.repeat(patches, patch_size, axis=-1)[..., :n_voxels]
    return voxels / voxels.sum(axis=-1, keepdims=True)


def in_grid_order(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of the selected voxels, from the windows' order into that of the grid.

    Parameters
    ----------
    values : (n_voxels,)
        In the order of the table of selected voxels.
    columns : (n_voxels,) int
        Its column `column`.
    """
    return values[np.argsort(columns)]


def from_grid_order(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The way back of :func:`in_grid_order`."""
    return values[np.argsort(np.argsort(columns))]


def noise_ceiling(r: np.ndarray, repeats: int) -> np.ndarray:
    """Highest correlation that a model can reach with the mean of some repeats.

    Two repeats that correlate by r have signal in r of their variance, so that the mean of k has it
    in k·r / (1 + (k - 1)·r) (Spearman 1910, Brown 1910), and the signal itself correlates with that
    mean by the root of this (see Lage-Castellanos et al. 2019, PLoS Comput. Biol. 15:e1006397).

    Parameters
    ----------
    r : ndarray
        Correlation of two single repeats; 0 or less is no signal.
    repeats : int
        k.
    """
    signal = np.clip(np.nan_to_num(r), 0, 1)
    return np.sqrt(repeats * signal / (1 + (repeats - 1) * signal))


def agreement(density: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """How well a map over areas follows what is known of these areas.

    Parameters
    ----------
    density : (n_areas,)
        What the map gives an area, a voxel.
    truth : (n_areas,)
        In the same order, along the hierarchy.

    Returns
    -------
    rho : float
        Spearman's rank correlation; NaN where either is constant. Areas within one patch tie,
        although sums over their voxels differ in the last digits: ranks are those of single
        precision.
    p : float
        One-sided, from shifting the areas in a circle along the hierarchy. Neighbours share patches
        and are alike: to shuffle them singly would make chance look rarer than it is. With n areas
        it is never below 1 / n.
    """
    ranks = [rankdata(np.asarray(values, np.float32)) for values in (density, truth)]
    if len(density) < 3 or any(np.ptp(rank) == 0 for rank in ranks):
        return np.nan, np.nan
    a, b = (rank - rank.mean() for rank in ranks)
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    shifted = np.array([np.roll(a, s) @ b for s in range(len(a))]) / scale
    return float(shifted[0]), float((shifted >= shifted[0] - 1e-9).mean())
