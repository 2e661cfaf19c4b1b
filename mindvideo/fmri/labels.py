"""Areas and networks from names: of parcels, of a table's rows, of the labels of an atlas.

A name that contains one of Glasser's areas has the label of that area (:mod:`.atlas`), left or
right; other names of areas are labels of their own, above :data:`~.atlas.NO_AREA`. Networks are
those of Yeo et al. 2011: 1…17, and 18…24 for the parcellation into seven.

>>> areas, own = area_labels(["L_V1_ROI", "R_V1", "myROI", ""])
>>> areas, own
(array([  1, 181, 362, 361], dtype=int16), {362: 'myROI'})
>>> parcel_networks(["7Networks_LH_Vis_1", "17Networks_RH_VisCent_ExStr_2", "L_V1_ROI"])
array([18,  1,  0])
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass, field

import numpy as np

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    N_AREAS,
    NO_AREA,
    area_names,
    label_names,
    labels_of,
    network_names,
)
from mindvideo.fmri.networks import NETWORKS, NETWORKS_17
from mindvideo.templates import did_you_mean

SIDE = re.compile(r"(?i)^(left|right|lh|rh|l|r)[._-]|[._-](left|right|lh|rh|l|r)$")
ROI = re.compile(r"(?i)[._-]ROI$")
SCHAEFER = re.compile(r"(?i)^(?:7|17)Networks_[LR]H_([A-Za-z]+)")
"""Names of the parcels of Schaefer et al. 2018: a network, then a place in it."""
FIRST_OWN = NO_AREA + 1
MOST = np.iinfo(np.int16).max
FEW = 12
"""Number of names that a message lists."""
GOLDEN = 0.618034
"""Steps of hue, so that consecutive labels differ."""


@dataclass(frozen=True)
class Labelling:
    """Areas and networks of all voxels of a grid; a voxel with an area above 0 is used."""

    areas: np.ndarray
    """int16: 1…361 (:mod:`.atlas`), or one of `own`; 0 is a voxel that is not used."""
    networks: np.ndarray
    """int: 1…24 as in :data:`~.networks.NETWORKS`; 0 is none."""
    own: dict[int, str] = field(default_factory=dict)
    """Names of the areas that are not Glasser's."""
    unknown: str = ""
    """Why no voxel has an area, and what to do about it; empty if some have."""


def area_labels(
    names: Sequence[str], sides: Sequence[str] | None = None
) -> tuple[np.ndarray, dict[int, str]]:
    """Labels of areas, from their names.

    Parameters
    ----------
    names : sequence of str
        Such as V1, L_V1_ROI, rh.MT; empty for none.
    sides : sequence of str, optional
        Hemisphere of each, which starts with L or R, for names that do not say it; the left where
        it is unknown, since selection by area makes no difference between them.

    Returns
    -------
    labels : (n,) int16
    own : dict
        Label → name of the areas that are not Glasser's.

    Raises
    ------
    InputError
        If there are more names than labels.
    """
    glasser = {name: number for number, name in enumerate(area_names(), start=1)}
    labels = np.full(len(names), NO_AREA, np.int16)
    numbers: dict[str, int] = {}
    for row, full in enumerate(names):
        if not full:
            continue
        name, side = _without_side(full)
        side = side or (sides[row][:1].upper() if sides is not None else "")
        if name in glasser:
            labels[row] = glasser[name] + N_AREAS * (side == "R")
            continue
        number = numbers.setdefault(name, FIRST_OWN + len(numbers))
        if number > MOST:
            raise InputError(f"more than {MOST - NO_AREA} names of areas")
        labels[row] = number
    return labels, {number: name for name, number in numbers.items()}


def _without_side(name: str) -> tuple[str, str]:
    """An area's name without hemisphere, and the hemisphere: L, R or none."""
    bare = ROI.sub("", name)
    side = SIDE.search(bare)
    return SIDE.sub("", bare, count=1), side[0].strip("._-")[0].upper() if side else ""


def labels_named(area: str, own: Mapping[int, str]) -> tuple[int, ...]:
    """Labels of an area: one of `own`, or one of Glasser's.

    Raises
    ------
    InputError
        If there is no area of that name.
    """
    if found := tuple(number for number, name in own.items() if name == area):
        return found
    try:
        return labels_of(area)
    except InputError as error:
        if not own:
            raise
        names = list(dict.fromkeys(own.values()))
        listed = ", ".join(names[:FEW]) + (", …" if len(names) > FEW else "")
        raise InputError(
            f"'{area}' is not an area of these runs{did_you_mean(area, names)}. Areas are {listed}."
        ) from error


def label_table(own: Mapping[int, str]) -> dict[int, tuple[str, tuple[float, ...]]]:
    """Names and colours of Glasser's areas and of `own`."""
    hues = ((number * GOLDEN) % 1 for number in own)
    colours = (hsv_to_rgb(hue, 0.6, 0.9) for hue in hues)
    return label_names() | {
        number: (name, (*colour, 1.0)) for (number, name), colour in zip(own.items(), colours)
    }


def network_table(networks: np.ndarray) -> dict[int, tuple[str, tuple[float, ...]]]:
    """Names and colours of Yeo's 17 networks; of the seven too, if some voxel has one."""
    seven = network_names(7) if (networks > len(NETWORKS_17)).any() else {}
    return network_names() | {number + len(NETWORKS_17): row for number, row in seven.items()}


def parcel_areas(names: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Labels of parcels: each is an area, but for those whose names say a network only."""
    return area_labels(["" if SCHAEFER.match(name) else name for name in names])


def parcel_networks(names: Sequence[str]) -> np.ndarray:
    """Networks that the names of parcels state, (n,) int; 0 where they state none."""
    said = [match[1] if (match := SCHAEFER.match(name)) else "" for name in names]
    return network_numbers(said)


def network_numbers(names: Sequence[str]) -> np.ndarray:
    """Numbers of networks, from their names or numbers; 0 for other names, and for none."""
    numbers = {name.lower(): number for number, name in enumerate(NETWORKS, start=1)}
    numbers |= {str(number): number for number in numbers.values()}
    return np.array([numbers.get(str(name).lower(), 0) for name in names], int)
