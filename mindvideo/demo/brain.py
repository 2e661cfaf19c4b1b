"""The simulated brains: BOLD runs of a subject who watches a film of the demo.

Film → what neurons meet (:mod:`~mindvideo.demo.sight`) → their responses
(:mod:`~mindvideo.demo.neurons`) → haemodynamics → noise → a run as a scanner's converter leaves it,
normalised to MNI space.

Rests on: SPM's canonical haemodynamic response (Friston et al. 1998), later in higher areas and
different between subjects (Handwerker et al. 2004); noise that is smooth in space and correlated
in time, white noise and slow drifts (Woolrich et al. 2001; Welvaert & Rosseel 2014); timing of the
presentation and recording of Wen et al. 2018.
Kinder than a scanner: segments are short here (a minute, not eight), so signal is set against noise
such that two showings correlate by 0.2 to 0.5 in most voxels of V1 and by about 0 elsewhere; 18
segments then give some 400 voxels at 4 mm under the paper's own criterion.
Leaves out: head motion, breathing and heartbeat, distortions, slice timing (a volume is taken at
one moment), and non-linear haemodynamics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import nibabel as nib
import numpy as np
from nilearn.datasets import load_mni152_brain_mask, load_mni152_template
from nilearn.glm.first_level import spm_hrf
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

from mindvideo.demo.neurons import Cortex
from mindvideo.demo.sight import BIN_SECONDS, Sight
from mindvideo.io.runs import Grid

# The first volume kept is taken this long after the film's onset (Wen et al. 2018): a lag of two
# volumes at their TR of 2 s.
FIRST_KEPT_SECONDS = 4.0

BRIGHTNESS = 1000.0  # of the brain, in the scanner's units
STEP = 0.1  # of the integers it stores
SIGNAL = 0.018  # a response of 1, as share of the brightness
# Noise, as shares of the brightness: smooth, white, and drift (largest of each of its parts).
SMOOTH_NOISE, WHITE_NOISE, DRIFT = 0.012, 0.009, 0.01
AUTOCORRELATION = 0.4  # of the smooth noise from one volume to the next
SMOOTHNESS = 1.0  # of it in space, SD [voxels]
RECEIVER_NOISE = 4.0  # in the scanner's units


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


@cache
def anatomy(resolution: int) -> tuple[np.ndarray, Grid]:
    """Brightness of each voxel of the MNI152 brain, in its bounding box.

    Parameters
    ----------
    resolution : int
        Voxel size [mm].

    Returns
    -------
    brightness : (i, j, k) float64
        0 outside the brain.
    grid : Grid
    """
    template = load_mni152_template(resolution=resolution)
    inside = np.argwhere(load_mni152_brain_mask(resolution=resolution).get_fdata() > 0)
    low, high = inside.min(0), inside.max(0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high))
    affine = template.affine @ nib.affines.from_matvec(np.eye(3), low)
    brain = template.get_fdata()[box]
    # The coil's reach: brighter at the back, where its elements lie closest.
    field = np.linspace(1.15, 0.85, brain.shape[1])[None, :, None]
    i, j, k = brain.shape
    return BRIGHTNESS * brain * field / brain.max(), Grid(affine, (i, j, k))


def haemodynamics(volumes: np.ndarray, bins: np.ndarray, delay: float) -> np.ndarray:
    """Linear map from responses in bins of time to BOLD at the volumes.

    Parameters
    ----------
    volumes : (n_volumes,) float
        [s]
    bins : (n_bins,) float
        Middles, :data:`~mindvideo.demo.sight.BIN_SECONDS` apart [s].
    delay : float
        Of the response against the canonical one [s].

    Returns
    -------
    (n_volumes, n_bins) float64
        A lasting response of 1 becomes 1. Before the first bin there was none.
    """
    fine = 0.05
    response = spm_hrf(fine, oversampling=1, time_length=32.0) / fine
    ages = volumes[:, None] - bins - delay
    kernel = np.interp(ages, fine * np.arange(len(response)), response, left=0, right=0)
    return kernel * BIN_SECONDS


def bold(cortex: Cortex, sight: Sight, scanner: Scanner) -> np.ndarray:
    """Noise-free response of the cortical voxels, (n_voxels, n_volumes), in units of 1 %."""
    neural = cortex.respond(sight)
    out = np.empty((len(neural), scanner.n_volumes))
    for delay in np.unique(cortex.delays):
        here = cortex.delays == delay
        out[here] = neural[here] @ haemodynamics(scanner.times, sight.times, delay).T
    return out


def noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of a run, as share of the brightness: smooth and autocorrelated, white, and drift.

    Parameters
    ----------
    shape : (i, j, k, n_volumes)

    Returns
    -------
    shape float64
    """
    n = shape[3]
    innovations = gaussian_filter(rng.standard_normal(shape), (SMOOTHNESS,) * 3 + (0,), mode="wrap")
    innovations *= np.sqrt(1 - AUTOCORRELATION**2) / innovations.std()
    innovations[..., 0] /= np.sqrt(1 - AUTOCORRELATION**2)  # stationary from the start
    smooth = lfilter([1], [1, -AUTOCORRELATION], innovations, axis=3)
    time = np.linspace(-1, 1, n)
    slow = np.stack([time, time**2, np.cos(np.pi * time + rng.uniform(0, 2 * np.pi))])
    weights = rng.uniform(-DRIFT, DRIFT, (*shape[:3], 3))
    white = rng.standard_normal(shape)
    return SMOOTH_NOISE * smooth + WHITE_NOISE * white + weights @ slow


def record(
    response: np.ndarray, cortex: Cortex, resolution: int, snr: float, rng: np.random.Generator
) -> np.ndarray:
    """One run: magnitude of brightness × (1 + response + noise) + the receiver's noise.

    Parameters
    ----------
    response : (n_voxels, n_volumes) float
        From :func:`bold`: the same for every repeat.
    cortex : Cortex
    resolution : int
        [mm]
    snr : float
        Scales the response.
    rng : Generator
        Of this repeat's noise.

    Returns
    -------
    (i, j, k, n_volumes) float64
    """
    brightness, grid = anatomy(resolution)
    change = noise((*grid.shape, response.shape[1]), rng)
    change[tuple(cortex.voxels.T)] += SIGNAL * snr * response
    run = brightness[..., None] * (1 + change)
    # A magnitude image: the receiver's noise is everywhere, and folded where nothing else is.
    return np.abs(run + rng.normal(0, RECEIVER_NOISE, run.shape))
