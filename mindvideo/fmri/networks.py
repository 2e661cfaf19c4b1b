"""From patches back to voxels, and from voxels to networks, areas and the visual hierarchy.

Weights of patches, such as the encoder's attention, are distributed over the voxels of the patches,
and summed over groups of voxels. Groups differ in size, so compare a sum with the group's fraction
of the voxels (:attr:`Grouping.uniform`).

>>> import numpy as np
>>> import pandas as pd
>>> voxels = pd.DataFrame({"area": ["V1", "V1", "MT", None], "network": [1, 2, 1, 0]})
>>> by_network, by_stream, by_area = groupings(voxels)
>>> by_stream.groups
('V1', 'lateral', 'none')
>>> weights = to_voxels(np.array([0.8, 0.2]), n_voxels=4, patch_size=2)
>>> weights
array([0.4, 0.4, 0.1, 0.1])
>>> by_stream.sums(weights), by_stream.uniform
(array([0.8, 0.1, 0.1]), array([0.5 , 0.25, 0.25]))
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import DORSAL, EARLY, LATERAL, MEDIAL, VENTRAL, hierarchy

# Yeo's 17 networks in the order of their labels, as later papers name them (Schaefer et al. 2018,
# whose colours are those of the atlas). The paper, too, writes VisCent and VisPeri.
NETWORKS_17 = (
    "VisCent",
    "VisPeri",
    "SomMotA",
    "SomMotB",
    "DorsAttnA",
    "DorsAttnB",
    "SalVentAttnA",
    "SalVentAttnB",
    "LimbicA",
    "LimbicB",
    "ContC",
    "ContA",
    "ContB",
    "TempPar",
    "DefaultC",
    "DefaultA",
    "DefaultB",
)
NETWORKS_7 = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")
"""Yeo's seven networks, of parcels that are named after them."""
NETWORKS = (*NETWORKS_17, *NETWORKS_7)
NAMES = {name: number for number, name in enumerate(NETWORKS, start=1)} | {
    f"network_{number}": number for number in range(1, len(NETWORKS_17) + 1)
}
"""Number of each network, by its name here and in the maps of the stage `regions`."""
NONE = "none"
"""Group of the voxels that belong to no other."""

# The streams of the visual hierarchy (Glasser et al. 2016, supplement 3).
STREAMS: dict[str, tuple[str, ...]] = {
    **{area: (area,) for area in EARLY},
    "dorsal": DORSAL,
    "ventral": VENTRAL,
    "lateral": LATERAL,
    "medial": MEDIAL,
}
BEYOND = "beyond"
"""Stream of the areas beyond the visual ones."""


def network_number(name: str) -> int:
    """Number of a network in the maps, 1…24.

    Raises
    ------
    InputError
        If there is no network of that name.

    >>> network_number("VisPeri"), network_number("network_2")
    (2, 2)
    """
    if name not in NAMES:
        alike = {known.lower(): known for known in NAMES}
        near = difflib.get_close_matches(name.lower(), alike, n=1)
        guess = f" Did you mean {alike[near[0]]}?" if near else ""
        raise InputError(
            f"'{name}' is not one of Yeo's networks.{guess} Expected a name such as VisCent, "
            "VisPeri, DorsAttnA, or network_1 … network_17; of parcels named after the seven "
            "networks, such as Vis (case matters)."
        )
    return NAMES[name]


@dataclass(frozen=True)
class Grouping:
    """Selected voxels in groups."""

    name: str
    groups: tuple[str, ...]
    """Names of the groups that have voxels, in a fixed order."""
    member: np.ndarray
    """(n_voxels,) int, index of each voxel's group."""

    @property
    def sizes(self) -> np.ndarray:
        """(n_groups,) int, number of voxels of each."""
        return np.bincount(self.member, minlength=len(self.groups))

    @property
    def uniform(self) -> np.ndarray:
        """(n_groups,) fraction of the voxels: the sums of weights that are equal in all voxels."""
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
        From the stage `select`, with columns `area` (name, or none) and `network` (number in
        :data:`NETWORKS`, from 1; 0 is none). Areas that are not Glasser's are beyond the visual
        hierarchy, and follow Glasser's.
    """
    areas = voxels["area"].fillna("").astype(str)
    number = voxels["network"].to_numpy(int)
    stream = {area: name for name, members in STREAMS.items() for area in members}
    networks = pd.Series([NETWORKS[n - 1] if 0 < n <= len(NETWORKS) else NONE for n in number])
    streams = areas.map(lambda area: stream.get(area, BEYOND) if area else NONE)
    own = sorted(set(areas) - set(hierarchy()) - {""})
    return [
        _grouping("network", networks, (*NETWORKS, NONE)),
        _grouping("hierarchy", streams, (*STREAMS, BEYOND, NONE)),
        _grouping("area", areas.replace("", NONE), (*hierarchy(), *own, NONE)),
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
        Groups of all groupings; :func:`split_groups` separates them again.
    """
    return np.concatenate([grouping.sums(values) for grouping in groupings], axis=-1)


def split_groups(groupings: list[Grouping], sums: np.ndarray) -> dict[str, np.ndarray]:
    """Separate the sums of :func:`group_sums` by grouping: its name → (…, n_groups)."""
    ends = np.cumsum([len(grouping.groups) for grouping in groupings])
    parts = np.split(sums, ends[:-1], axis=-1)
    return {grouping.name: part for grouping, part in zip(groupings, parts, strict=True)}


def _grouping(name: str, of_voxel: pd.Series, order: tuple[str, ...]) -> Grouping:
    present = set(of_voxel)
    groups = tuple(group for group in order if group in present)
    return Grouping(name, groups, of_voxel.map({g: i for i, g in enumerate(groups)}).to_numpy())


def to_voxels(patches: np.ndarray, n_voxels: int, patch_size: int) -> np.ndarray:
    """Distribute weights of patches over the voxels that the patches were cut from.

    A patch's weight is distributed evenly over its voxels. The padding of the last patch is left
    out, and the rest is scaled to sum to 1. So equal weights of patches give equal weights of
    voxels.

    Parameters
    ----------
    patches : (…, n_patches)
        Not negative.
    n_voxels : int
        Selected voxels, without padding.
    patch_size : int

    Returns
    -------
    (…, n_voxels)
        Each row sums to 1; voxels in the order of the windows.

    Raises
    ------
    InputError
        If the numbers of voxels and patches do not match.
    """
    padded = patches.shape[-1] * patch_size
    # The released code pads with up to a whole patch of zeros: its windows are also accepted.
    if not padded - 2 * patch_size < n_voxels <= padded:
        raise InputError(
            f"{patches.shape[-1]} patches of {patch_size} voxels do not match {n_voxels} selected "
            "voxels: the encoder was trained on another selection. Use the table of voxels that "
            "its windows were cut from."
        )
    voxels = np.repeat(patches, patch_size, axis=-1)[..., :n_voxels]
    return voxels / voxels.sum(axis=-1, keepdims=True)


def in_grid_order(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Reorder values of the selected voxels, from the order of windows to that of the grid.

    Parameters
    ----------
    values : (n_voxels,)
        In the order of the table of selected voxels.
    columns : (n_voxels,) int
        Its column `column`.
    """
    return values[np.argsort(columns)]


def from_grid_order(values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The inverse of :func:`in_grid_order`."""
    return values[np.argsort(np.argsort(columns))]


def noise_ceiling(r: np.ndarray, n_repetitions: int) -> np.ndarray:
    """Highest correlation that a model can reach with the mean of some repetitions.

    If two repetitions correlate by r, the signal is a fraction r of their variance, and a fraction
    k·r / (1 + (k - 1)·r) of the variance of the mean of k (Spearman 1910, Brown 1910). The signal
    itself correlates with that mean by the square root of this (see Lage-Castellanos et al. 2019,
    PLoS Comput. Biol. 15:e1006397).

    Parameters
    ----------
    r : ndarray
        Correlation of two single repetitions; 0 or less is no signal.
    n_repetitions : int
        k.

    Returns
    -------
    ndarray
        Of the same shape as `r`.
    """
    signal = np.clip(np.nan_to_num(r), 0, 1)
    return np.sqrt(n_repetitions * signal / (1 + (n_repetitions - 1) * signal))


def agreement(density: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """How well a map over areas agrees with ground truth about these areas.

    Parameters
    ----------
    density : (n_areas,)
        Mean of the map over the voxels of each area.
    truth : (n_areas,)
        In the same order, along the hierarchy.

    Returns
    -------
    rho : float
        Spearman's rank correlation; NaN if either is constant. Ranks are computed in single
        precision, so that areas within one patch tie although their means differ by rounding.
    p : float
        One-sided, from circular shifts of the areas along the hierarchy. Neighbours share patches
        and are similar, so permuting single areas would make p too small. With n areas, p is never
        below 1 / n.
    """
    ranks = [rankdata(np.asarray(values, np.float32)) for values in (density, truth)]
    if len(density) < 3 or any(np.ptp(rank) == 0 for rank in ranks):
        return np.nan, np.nan
    a, b = (rank - rank.mean() for rank in ranks)
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    shifted = np.array([np.roll(a, s) @ b for s in range(len(a))]) / scale
    return float(shifted[0]), float((shifted >= shifted[0] - 1e-9).mean())
