"""Tuning of the simulated cortex: what each area responds to, and how strongly.

Rests on: orientation, colour and slow motion in the receptive fields of V1–V4, with finer detail
towards the centre of gaze (Henriksson et al. 2008); fast motion and optic flow in MT and its
neighbours (Huk et al. 2002); people and animals in FFC, VVC and PIT, objects in LO and PH, colour
in V4 and V8, places in the parahippocampal and medial parietal areas (Grill-Spector & Weiner 2014;
Brouwer & Heeger 2009; Epstein & Baker 2019; names of areas from Glasser et al. 2016), also
dorsally, around V3B (Dilks et al. 2013); codes that are distributed over patches within an area
(Haxby et al. 2001); compressive responses (Kay et al. 2013); weaker, broader responses beyond
(Hasson et al. 2004).
Leaves out: interactions of stimuli, tuning that depends on position in higher areas, hemispheric
specialisation, and individual anatomy (subjects differ in tuning, not in shape).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.ndimage import gaussian_filter

from mindvideo.demo.motion_energy import ANGLES, FINENESS
from mindvideo.demo.retinotopy import cells, field_centres, field_sizes, receptive_fields
from mindvideo.demo.sight import CELLS, COLOURS, Sight
from mindvideo.fmri.atlas import area_names, area_of, midthickness, nearest_vertices
from mindvideo.io.runs import Grid

REACH = 4.0  # largest distance from the surface [mm]: half a cortex and half a voxel
PATCH = 4.0  # SD of the smoothing of tuning over the volume [mm]
COMPRESSION = 0.6  # exponent on the pooled energy (Kay et al. 2013)
FINEST_AT_GAZE, OCTAVES = 8.0, 2.0  # [cycles a frame], and how much coarser at the film's edge
LEAD = -0.4  # delay of V1's response relative to the canonical one, the mean of many areas [s]
ENERGY, COLOUR = 3.0, 0.95  # weights of the two kinds of maps


@dataclass(frozen=True)
class Profile:
    """Gains of an area for the film's maps and for each attribute, and its delay."""

    maps: float = 0.0
    motion: float = 0.0
    """Fraction of `maps` that is direction of motion, 0…1."""
    fast: float = 0.3
    """Fraction of `motion` that is fast, 0…1."""
    attributes: tuple[tuple[str, float], ...] = ()
    delay: float = 0.0
    """Delay of the haemodynamic response after V1's [s]."""


OBJECT = ("family", 0.4), ("kind", 1.0)
BEYOND: tuple[str, ...] = ("TPOJ1", "TPOJ2", "TPOJ3", "STSdp", "STSvp", "PHT", "TE2p", "TE1p", "TF")
BEYOND += ("PGp", "IP0", "LIPv", "VIP", "MIP", "7PL", "7Pm", "FEF", "PEF")
PROFILES: tuple[tuple[tuple[str, ...], Profile], ...] = (
    (("V1", "V2", "V3"), Profile(1.0, 0.3, 0.2)),
    (("V4",), Profile(0.8, 0.1, 0.2, (("colour", 0.9), ("time", 0.4), ("kind", 0.4)), 0.1)),
    (
        ("V3A", "V3B", "V3CD", "V6", "V6A", "V7", "IPS1"),
        Profile(0.7, 0.7, 0.4, (("motion", 0.7), ("kind", 0.3), ("scene", 0.45)), 0.2),
    ),
    (("MT", "MST", "V4t", "FST"), Profile(0.6, 0.9, 0.6, (("motion", 0.9), ("kind", 0.3)), 0.2)),
    (("LO1", "LO2", "LO3", "PH"), Profile(0.4, 0.2, 0.3, (*OBJECT, ("motion", 0.3)), 0.3)),
    (("V8", "VMV2"), Profile(0.3, 0.0, 0.0, (("colour", 1.2), ("kind", 0.6)), 0.3)),
    (("VVC", "PIT", "FFC"), Profile(0.2, 0.0, 0.0, (*OBJECT, ("colour", 0.5)), 0.4)),
    (
        ("PHA1", "PHA2", "PHA3", "VMV1", "VMV3", "DVT", "ProS", "POS1", "POS2"),
        Profile(0.2, 0.0, 0.0, (("scene", 1.1), ("time", 0.85)), 0.4),
    ),
    (
        BEYOND,
        Profile(
            maps=0.1,
            motion=0.5,
            fast=0.5,
            attributes=(("family", 0.35), ("kind", 0.55), ("scene", 0.25), ("motion", 0.35)),
            delay=0.7,
        ),
    ),
)
ELSEWHERE = Profile(attributes=(("family", 0.1), ("scene", 0.1)), delay=0.7)

# Preferences of whole areas, added to those of their voxels: (attribute, value) → areas, weight.
PREFERENCES: dict[tuple[str, str], tuple[tuple[str, ...], float]] = {
    ("family", "person"): (("FFC", "PIT", "TPOJ1", "STSdp", "MST", "FST"), 1.0),
    ("family", "animal"): (("FFC", "VVC", "LO2"), 0.7),
    ("family", "vehicle"): (("LO1", "LO3", "PH"), 0.8),
    ("family", "scenery"): (("PHA1", "PHA2", "PHA3", "VMV3"), 0.7),
    ("motion", "still"): (("MT", "MST", "V4t", "FST", "V3A", "V6"), -1.2),
    ("motion", "towards"): (("MST", "V6", "VIP"), 0.8),
    ("motion", "pan"): (("MST", "V6", "V3A"), 0.8),
}


def stream(*names: object) -> np.random.Generator:
    """A separate random generator for each combination of names, the same on every machine."""
    digest = hashlib.blake2b("/".join(map(str, names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def profile_of(area: str) -> Profile:
    return next((profile for areas, profile in PROFILES if area in areas), ELSEWHERE)


def _gain(attribute: str, profile: Profile) -> float:
    """How strongly an area responds to an attribute."""
    return dict(profile.attributes).get(attribute, 0)


@dataclass(frozen=True)
class Cortex:
    """One subject's cortical voxels and their tuning.

    Each set of weights is drawn from a random stream named by the seed, the subject and what the
    weights are for. So it depends neither on the film nor on other weights.
    """

    grid: Grid
    seed: int
    subject: str

    @cached_property
    def _nearest(self) -> tuple[np.ndarray, np.ndarray]:
        return nearest_vertices(self.grid.affine, self.grid.shape, REACH)

    @property
    def voxels(self) -> np.ndarray:
        """Indices i, j, k, (n_voxels, 3)."""
        return self._nearest[0]

    @cached_property
    def areas(self) -> np.ndarray:
        """Area of each voxel without the hemisphere, (n_voxels,)."""
        labels = midthickness()[1][self._nearest[1]]
        return np.array([area_of(label) for label in labels])

    def _of_profiles(self, value: Callable[[Profile], float]) -> np.ndarray:
        """A value of each voxel's profile, (n_voxels,)."""
        areas, which = np.unique(self.areas, return_inverse=True)
        return np.array([value(profile_of(area)) for area in areas])[which]

    @cached_property
    def timing(self) -> dict[str, tuple[float, float]]:
        """Delay and widening of each area's haemodynamic response, from the canonical one [s]."""
        rng = stream(self.seed, self.subject, "delay")
        late, wide = rng.uniform(-0.5, 0.5), rng.uniform(-0.2, 0.2)
        areas = area_names()
        jitter = stream(self.seed, self.subject, "delay of areas").normal(0, 0.15, len(areas))
        return {
            area: (LEAD + late + profile_of(area).delay + jitter[n], wide)
            for n, area in enumerate(areas)
        }

    @cached_property
    def gains(self) -> np.ndarray:
        """Neurovascular gain of each voxel, (n_voxels,): log-normal, as veins vary."""
        rng = stream(self.seed, self.subject, "gain")
        # Subjects differ in attention and in how still they keep.
        return rng.uniform(0.88, 1.02) * np.exp(rng.normal(0, 0.25, len(self.voxels)))

    @cached_property
    def centres(self) -> np.ndarray:
        """Centres of receptive fields, (n_voxels, 2): of V1–V4 by the map, of others at random."""
        centres = field_centres()[self._nearest[1]]
        rng = stream(self.seed, self.subject, "centres")
        random = rng.normal(0, 0.35, centres.shape)
        right = self._nearest[1] >= len(field_centres()) // 2
        random[:, 0] = np.abs(random[:, 0]) * np.where(right, -1, 1)
        return np.where(np.isfinite(centres), centres, random)

    def _patches(self, *names: object) -> np.ndarray:
        """A weight for each voxel, (n_voxels,): normal, smooth over neighbours."""
        volume = stream(self.seed, self.subject, *names).normal(size=self.grid.shape)
        resolution = abs(self.grid.affine[0, 0])
        smooth = gaussian_filter(volume, PATCH / resolution, mode="wrap")
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
            Responses of early areas have an SD of about 1.
        """
        out = np.zeros((len(self.voxels), len(sight.times)))
        maps = self._of_profiles(lambda profile: profile.maps)
        mapped = maps > 0
        energy, colour = self._energy(mapped, sight), self._colour(mapped, sight)
        out[mapped] = maps[mapped, None] * (ENERGY * energy**COMPRESSION + COLOUR * colour)
        # Rows of zero weight are left out: most of the cortex is tuned to few attributes.
        for attribute in sorted({name for name, _ in sight.on_screen}):
            keys = [key for key in sight.on_screen if key[0] == attribute]
            gain = self._of_profiles(partial(_gain, attribute))
            tuned = gain > 0
            weights = np.stack([self._patches(*key) + self._preference(key) for key in keys], 1)
            on_screen = np.stack([sight.on_screen[key] for key in keys])
            out[tuned] += gain[tuned, None] * (weights[tuned] @ on_screen)
        out *= self.gains[:, None]
        return out

    @cached_property
    def sizes(self) -> np.ndarray:
        """SD of receptive fields, (n_voxels,), in half-widths of the film."""
        sizes = np.zeros(len(self.voxels))
        for area in np.unique(self.areas):
            in_area = self.areas == area
            sizes[in_area] = field_sizes(self.centres[in_area], area)
        return sizes

    def _energy(self, mapped: np.ndarray, sight: Sight) -> np.ndarray:
        """Motion energy pooled by the voxels `mapped`, (n_mapped, n_bins)."""
        motion = self._of_profiles(lambda profile: profile.motion)[mapped]
        fast = self._of_profiles(lambda profile: profile.fast)[mapped]
        by_rate = {0: 1 - motion, 1: motion * (1 - fast), 2: motion * fast}
        eccentricity = np.hypot(*self.centres[mapped].T).clip(max=1)
        best = np.log2(FINEST_AT_GAZE) - OCTAVES * eccentricity
        fine = np.exp(-0.5 * (np.log2(FINENESS)[:, None] - best) ** 2)
        fine /= fine.sum(axis=0)
        # Cortical columns are smaller than voxels: each voxel has a little of all, more of some.
        tuning = {
            (moves, angle): (np.abs(self._patches(moves, angle)) + 0.3)[mapped]
            for moves in (False, True)
            for angle in ANGLES
        }
        out = np.zeros((mapped.sum(), len(sight.times)), dtype=np.float32)
        for n, fineness in enumerate(FINENESS):
            points = sight.centres[fineness]
            fields = receptive_fields(self.centres[mapped], self.sizes[mapped], points)
            fields = fields.astype(np.float32)
            for channel in (channel for channel in sight.energy if channel.fineness == fineness):
                n_angles = len(ANGLES) if channel.rate else len(ANGLES) // 2
                preferred = tuning[channel.rate > 0, channel.angle]
                weight = by_rate[int(channel.rate)] * fine[n] * preferred / n_angles
                out += (weight[:, None] * fields).astype(np.float32) @ sight.energy[channel].T
        return out

    def _colour(self, mapped: np.ndarray, sight: Sight) -> np.ndarray:
        """Light and colours pooled by the voxels `mapped`, (n_mapped, n_bins).

        The sign depends on whether ON or OFF, red or green neurons predominate.
        """
        fields = receptive_fields(self.centres[mapped], self.sizes[mapped], cells(CELLS))
        weights = {name: self._patches("map", name)[mapped] for name in COLOURS}
        pooled = sum(
            (weights[name][:, None] * fields).astype(np.float32) @ sight.colours[name].T
            for name in COLOURS
        )
        return np.asarray(pooled)
