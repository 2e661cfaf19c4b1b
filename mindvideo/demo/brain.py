"""The simulated brains: BOLD runs of a subject who watches a film of the demo.

Film → what neurons meet (:mod:`~mindvideo.demo.sight`) → their responses
(:mod:`~mindvideo.demo.neurons`, laid out by :mod:`~mindvideo.demo.retinotopy`) → haemodynamics
(:mod:`~mindvideo.demo.haemodynamics`) → the mean image (:mod:`~mindvideo.demo.epi`), changed by the
response and by a resting brain's noise (:mod:`~mindvideo.demo.noise`) → a run as a scanner's
converter leaves it, normalised to MNI space. Each module says what it rests on.

Rests on: responses of one or two percent; physiological noise that scales with the image and a
receiver's noise that does not (Krüger & Glover 2001), of which the magnitude is taken (Gudbjartsson
& Patz 1995); timing of the presentation and recording of Wen et al. 2018.
Kinder than a scanner: segments are short here (a minute and a half, not eight), so responses are
set high against noise, above all in higher areas: two showings correlate by 0.4 to 0.55 in the
median voxel of V1 (three subjects), by as much in MT, LO, FFC and PHA1–3, by 0.2 to 0.3 around the
temporo-parietal junction, by 0 where nothing responds. Temporal SNR is a scanner's: 69 in grey
matter, 52 to 58 in V1 with its responses. 18 segments give some 950 voxels at 4 mm under the
paper's own criterion.
Leaves out: head motion, distortions, slice timing (a volume is taken at one moment), and what each
module says of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mindvideo.demo.epi import head
from mindvideo.demo.haemodynamics import haemodynamics
from mindvideo.demo.neurons import Cortex
from mindvideo.demo.noise import noise
from mindvideo.demo.sight import Sight

# The first volume kept is taken this long after the film's onset (Wen et al. 2018): a lag of two
# volumes at their TR of 2 s.
FIRST_KEPT_SECONDS = 4.0

SIGNAL = 0.02  # a response of 1 where all is grey matter, as share of the brightness
RECEIVER_NOISE = 7.0  # SD, in the scanner's units
STEP = 1.0  # of the integers it stores


@dataclass(frozen=True)
class Scanner:
    """When volumes are taken, and where."""

    tr: float
    """Repetition time [s]."""
    n_volumes: int
    """All that are recorded."""
    drop_start: int
    """Volumes before the first that will be kept."""

    @property
    def times(self) -> np.ndarray:
        """(n_volumes,) relative to the film's onset [s]."""
        return FIRST_KEPT_SECONDS + (np.arange(self.n_volumes) - self.drop_start) * self.tr


def bold(cortex: Cortex, sight: Sight, scanner: Scanner) -> np.ndarray:
    """Noise-free response of the cortical voxels, (n_voxels, n_volumes), in units of 1.

    Haemodynamics are linear, and one for each area of the subject.
    """
    neural = cortex.respond(sight)
    out = np.empty((len(neural), scanner.n_volumes))
    for area in np.unique(cortex.areas):
        here = cortex.areas == area
        kernel = haemodynamics(scanner.times, sight.times, *cortex.timing[area])
        out[here] = neural[here] @ kernel.T
    return out


def record(
    response: np.ndarray,
    cortex: Cortex,
    resolution: int,
    tr: float,
    snr: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """One run: magnitude of brightness × (1 + response + noise) + the receiver's noise.

    Parameters
    ----------
    response : (n_voxels, n_volumes) float
        From :func:`bold`: the same for every repeat.
    cortex : Cortex
    resolution : int
        [mm]
    tr : float
        [s]
    snr : float
        Scales the response.
    rng : Generator
        Of this repeat's noise.

    Returns
    -------
    (i, j, k, n_volumes) float32
    """
    anatomy = head(resolution)
    change = noise(resolution, response.shape[1], tr, rng)
    where = tuple(cortex.voxels.T)
    # Of a voxel at the edge only its grey part responds.
    change[where] += SIGNAL * snr * anatomy.grey[where][:, None] * response
    run = anatomy.brightness[..., None] * (1 + change)
    run += np.float32(RECEIVER_NOISE) * rng.standard_normal(run.shape, dtype=np.float32)
    return np.hypot(
        run, np.float32(RECEIVER_NOISE) * rng.standard_normal(run.shape, dtype=np.float32)
    )
