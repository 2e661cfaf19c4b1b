"""The simulated brains: BOLD runs of a subject who watches a film of the demo.

Film → the stimulus as neurons receive it (:mod:`~mindvideo.demo.sight`) → their responses
(:mod:`~mindvideo.demo.neurons`, laid out by :mod:`~mindvideo.demo.retinotopy`) → haemodynamics
(:mod:`~mindvideo.demo.haemodynamics`) → the mean image (:mod:`~mindvideo.demo.epi`), modulated by
the response and by the noise of a resting brain (:mod:`~mindvideo.demo.noise`) → a run in the form
of a converted scan, normalised to MNI space. Each module states its sources.

Rests on: responses of one or two percent; physiological noise that scales with the image and a
receiver's noise that does not (Krüger & Glover 2001), in magnitude images (Gudbjartsson & Patz
1995); timing of the presentation and recording of Wen et al. 2018.
Easier than real data: segments are short here (a minute and a half, not eight), so the responses
are strong relative to the noise, above all in higher areas. Two repetitions correlate by 0.4 to
0.55 in the median voxel of V1 (three subjects), by as much in MT, LO, FFC and PHA1–3, by 0.2 to 0.3
around the temporo-parietal junction, and by 0 where nothing responds. The temporal SNR is
realistic: 69 in grey matter, 52 to 58 in V1 with its responses. 18 segments give some 950 voxels
at 4 mm under the paper's criterion.
Leaves out: head motion, distortions, slice timing (a volume is acquired at one moment), and the
omissions that each module lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mindvideo.demo.epi import head
from mindvideo.demo.haemodynamics import haemodynamics
from mindvideo.demo.neurons import Cortex
from mindvideo.demo.noise import noise
from mindvideo.demo.sight import Sight

# Onset of the first volume kept, after the film's onset (Wen et al. 2018): a haemodynamic delay of
# two volumes at their TR of 2 s.
FIRST_KEPT_SECONDS = 4.0

SIGNAL = 0.02  # fraction of the brightness: the change in pure grey matter at a response of 1
RECEIVER_NOISE = 7.0  # SD, in the scanner's units
STEP = 1.0  # of the stored integers


@dataclass(frozen=True)
class Scanner:
    """Acquisition times of the volumes."""

    tr: float
    """Repetition time [s]."""
    n_volumes: int
    """Number of recorded volumes, including those to be dropped."""
    drop_start: int
    """Number of volumes before the first one kept."""

    @property
    def times(self) -> np.ndarray:
        """(n_volumes,) relative to the film's onset [s]."""
        return FIRST_KEPT_SECONDS + (np.arange(self.n_volumes) - self.drop_start) * self.tr


def bold(cortex: Cortex, sight: Sight, scanner: Scanner) -> np.ndarray:
    """Noise-free response of the cortical voxels, (n_voxels, n_volumes), dimensionless.

    Haemodynamics are linear, with one response function for each area of the subject.
    """
    neural = cortex.respond(sight)
    out = np.empty((len(neural), scanner.n_volumes))
    for area in np.unique(cortex.areas):
        in_area = cortex.areas == area
        kernel = haemodynamics(scanner.times, sight.times, *cortex.timing[area])
        out[in_area] = neural[in_area] @ kernel.T
    return out


def record(
    response: np.ndarray,
    cortex: Cortex,
    resolution: int,
    tr: float,
    snr: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Simulate a run: the magnitude of brightness × (1 + response + noise) + the receiver's noise.

    Parameters
    ----------
    response : (n_voxels, n_volumes) float
        From :func:`bold`: the same for every repetition.
    cortex : Cortex
    resolution : int
        Voxel size [mm].
    tr : float
        Repetition time [s].
    snr : float
        Factor on the response.
    rng : Generator
        Source of the noise of this repetition.

    Returns
    -------
    (i, j, k, n_volumes) float32
    """
    anatomy = head(resolution)
    change = noise(resolution, response.shape[1], tr, rng)
    where = tuple(cortex.voxels.T)
    # In a voxel at the edge only the grey matter responds.
    change[where] += SIGNAL * snr * anatomy.grey[where][:, None] * response
    run = anatomy.brightness[..., None] * (1 + change)
    run += np.float32(RECEIVER_NOISE) * rng.standard_normal(run.shape, dtype=np.float32)
    return np.hypot(
        run, np.float32(RECEIVER_NOISE) * rng.standard_normal(run.shape, dtype=np.float32)
    )
