"""Tuning of the simulated cortex: which area responds to what, and how much.

Rests on: retinotopic contrast, colour and motion in V1–V4; motion in MT and its neighbours; faces,
bodies and animals in FFC, VVC and PIT, objects in LO and PH, colour in V4 and V8, places in the
parahippocampal and medial parietal areas (Grill-Spector & Weiner 2014; Epstein & Baker 2019; names
of areas from Glasser et al. 2016); patchy tuning within an area; weaker, broader responses beyond
(Hasson et al. 2004).
Leaves out: interactions of stimuli, tuning that depends on position in higher areas, hemispheric
specialisation, and individual anatomy (subjects differ in tuning, not in shape).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import gaussian_filter

from mindvideo.demo.retinotopy import (
    field_centres,
    field_sizes,
    receptive_fields,
)
from mindvideo.demo.sight import CELLS, DIRECTIONS, MAPS, Sight
from mindvideo.fmri.atlas import area_of, midthickness, nearest_vertices
from mindvideo.io.runs import Grid

REACH = 4.0  # [mm] from the surface: half a cortex and half a voxel
PATCHINESS = 1.0  # [voxels] SD of the smoothing of tuning over the volume
COMPRESSION = 0.6  # of the pooled contrast (Kay et al. 2013)


@dataclass(frozen=True)
class Profile:
    """How much an area responds to the film's maps and to each attribute, and how late."""

    maps: float = 0.0
    motion: float = 0.0
    """The part of `maps` that is direction of motion, 0…1."""
    attributes: tuple[tuple[str, float], ...] = ()
    delay: float = 0.0
    """Of the haemodynamic response, after V1's [s]."""


WHAT = ("family", 0.7), ("kind", 0.8)
PROFILES: tuple[tuple[tuple[str, ...], Profile], ...] = (
    (("V1", "V2", "V3"), Profile(1.0, 0.3)),
    (("V4",), Profile(0.9, 0.1, (("colour", 0.8), ("kind", 0.3)), 0.1)),
    (
        ("V3A", "V3B", "V3CD", "V6", "V6A", "V7", "IPS1"),
        Profile(0.9, 0.7, (("motion", 0.6), ("kind", 0.2)), 0.2),
    ),
    (("MT", "MST", "V4t", "FST"), Profile(0.7, 0.9, (("motion", 0.9), ("kind", 0.2)), 0.2)),
    (("LO1", "LO2", "LO3", "PH"), Profile(0.4, 0.2, (*WHAT, ("motion", 0.2)), 0.3)),
    (("V8", "VMV2"), Profile(0.4, 0.0, (("colour", 1.0), ("kind", 0.4)), 0.3)),
    (("VVC", "PIT", "FFC"), Profile(0.3, 0.0, (*WHAT, ("colour", 0.5)), 0.4)),
    (
        ("PHA1", "PHA2", "PHA3", "VMV1", "VMV3", "DVT", "ProS", "POS1", "POS2"),
        Profile(0.3, 0.0, (("scene", 0.9), ("time", 0.3)), 0.5),
    ),
    (
        (
            *("TPOJ1", "TPOJ2", "TPOJ3", "STSdp", "STSvp", "PHT", "TE2p", "TE1p", "TF"),
            *("PGp", "IP0", "LIPv", "VIP", "MIP", "7PL", "7Pm", "FEF", "PEF"),
        ),
        Profile(
            0.1, 0.5, (("family", 0.4), ("kind", 0.35), ("scene", 0.25), ("motion", 0.25)), 0.7
        ),
    ),
)
ELSEWHERE = Profile(0.0, 0.0, (("family", 0.1), ("scene", 0.1)), 0.7)

# What whole areas prefer, beyond the patches of their voxels: (attribute, value) → areas, weight.
PREFERENCES: dict[tuple[str, str], tuple[tuple[str, ...], float]] = {
    ("family", "person"): (("FFC", "PIT", "TPOJ1", "STSdp", "MST", "FST"), 1.0),
    ("family", "animal"): (("FFC", "VVC", "LO2"), 0.7),
    ("family", "vehicle"): (("LO1", "LO3", "PH"), 0.8),
    ("motion", "still"): (("MT", "MST", "V4t", "FST", "V3A", "V6"), -1.2),
}


def stream(*names: object) -> np.random.Generator:
    """A generator of its own for each combination of names, the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def profile_of(area: str) -> Profile:
    return next((profile for areas, profile in PROFILES if area in areas), ELSEWHERE)


@dataclass(frozen=True)
class Cortex:
    """One subject's cortical voxels and what they are tuned to.

    Every weight is drawn from a stream named by seed, subject and what it is a weight of: it does
    not depend on the film, nor on what else there is.
    """

    grid: Grid
    seed: int
    subject: str

    @cached_property
    def _nearest(self) -> tuple[np.ndarray, np.ndarray]:
        return nearest_vertices(self.grid.affine, self.grid.shape, REACH)

    @property
    def voxels(self) -> np.ndarray:
        """(n, 3) indices i, j, k."""
        return self._nearest[0]

    @cached_property
    def areas(self) -> np.ndarray:
        """(n,) names, without the hemisphere."""
        labels = midthickness()[1][self._nearest[1]]
        return np.array([area_of(label) for label in labels])

    @cached_property
    def profiles(self) -> list[Profile]:
        """One a voxel."""
        known = {area: profile_of(area) for area in np.unique(self.areas)}
        return [known[area] for area in self.areas]

    @cached_property
    def delays(self) -> np.ndarray:
        """Delay of each voxel's haemodynamic response against the canonical one [s], (n,)."""
        own = stream(self.seed, self.subject, "delay").uniform(-0.4, 0.4)
        return own + np.array([profile.delay for profile in self.profiles])

    @cached_property
    def gains(self) -> np.ndarray:
        """How strongly a voxel's blood follows its neurons, (n,): log-normal, as veins lie."""
        rng = stream(self.seed, self.subject, "gain")
        # Subjects differ in how well they attend and lie still.
        return rng.uniform(0.85, 1.1) * np.exp(rng.normal(0, 0.25, len(self.voxels)))

    @cached_property
    def centres(self) -> np.ndarray:
        """Receptive fields' centres, (n, 2): V1–V4 by the map, others at random opposite."""
        centres = field_centres()[self._nearest[1]]
        rng = stream(self.seed, self.subject, "centres")
        drawn = rng.normal(0, 0.35, centres.shape)
        right = self._nearest[1] >= len(field_centres()) // 2
        drawn[:, 0] = np.abs(drawn[:, 0]) * np.where(right, -1, 1)
        return np.where(np.isfinite(centres), centres, drawn)

    def _patches(self, *names: object) -> np.ndarray:
        """A weight a voxel, (n,): normal, alike in neighbours."""
        volume = stream(self.seed, self.subject, *names).normal(size=self.grid.shape)
        smooth = gaussian_filter(volume, PATCHINESS, mode="wrap")
        return (smooth / smooth.std())[tuple(self.voxels.T)]

    def _preference(self, key: tuple[str, str]) -> np.ndarray:
        areas, weight = PREFERENCES.get(key, ((), 0.0))
        return weight * np.isin(self.areas, areas)

    def respond(self, sight: Sight) -> np.ndarray:
        """Neural response of each voxel to a film.

        Parameters
        ----------
        sight : Sight

        Returns
        -------
        (n_voxels, n_bins) float64
            An SD of about 1 is the response of early areas.
        """
        out = np.zeros((len(self.voxels), len(sight.times)))
        self._add_maps(out, sight)
        # Rows of zero weight need no product: most of the cortex is tuned to little.
        for attribute in sorted({name for name, _ in sight.shown}):
            keys = [key for key in sight.shown if key[0] == attribute]
            gain = np.array(
                [dict(profile.attributes).get(attribute, 0) for profile in self.profiles]
            )
            tuned = gain > 0
            weights = np.stack([self._patches(*key) + self._preference(key) for key in keys], 1)
            shown = np.stack([sight.shown[key] for key in keys])
            out[tuned] += gain[tuned, None] * (weights[tuned] @ shown)
        return self.gains[:, None] * out

    def _add_maps(self, out: np.ndarray, sight: Sight) -> None:
        """Add what each voxel's receptive field pools from the maps, compressed."""
        sees = np.array([profile.maps for profile in self.profiles]) > 0
        sizes = np.zeros(len(sees))
        for area in np.unique(self.areas[sees]):
            here = self.areas == area
            sizes[here] = field_sizes(self.centres[here], area)
        fields = receptive_fields(self.centres[sees], sizes[sees], CELLS).reshape(sees.sum(), -1)
        gain = np.array([profile.maps for profile in self.profiles])[sees]
        motion = np.array([profile.motion for profile in self.profiles])[sees]
        for name, weight in self._mixture(sees).items():
            share = motion / len(DIRECTIONS) if name in DIRECTIONS else (1 - motion) / 4
            pooled = fields @ sight.maps[name].reshape(len(sight.times), -1).T
            pooled = np.sign(pooled) * np.abs(pooled) ** COMPRESSION
            out[sees] += (gain * np.sqrt(2 * share) * weight)[:, None] * pooled

    def _mixture(self, sees: np.ndarray) -> dict[str, np.ndarray]:
        """Weight of each map in each voxel that sees, (n,).

        Contrast and motion drive every voxel up; luminance and colours either way, as a voxel's
        ON or OFF, red or green neurons prevail.
        """
        weights = {name: self._patches("map", name)[sees] for name in MAPS}
        for name in ("contrast", *DIRECTIONS):
            weights[name] = np.abs(weights[name]) + 0.3
        return weights
