"""Noise of a run: spontaneous fluctuations, heartbeat, breathing and drift.

Rests on:

- spontaneous fluctuations whose power falls as 1/f down to about 0.01 Hz (Zarahn et al. 1997; He
  2011), larger in grey than in white matter (Krüger & Glover 2001), correlated between neighbours;
- the heartbeat near fluid and the large arteries at the base (Dagli et al. 1999), breathing at the
  brain's rim, where it moves the field (Raj et al. 2001), both with a second harmonic (Glover et
  al. 2000), aliased by the long TR;
- slow waves around 0.03 Hz in the grey matter as the depth of breathing changes (Birn et al. 2006;
  Wise et al. 2004);
- the scanner's drift (Smith et al. 1999), smooth in space.

Leaves out: networks (fluctuations are correlated only within some millimetres), head motion and its
interactions with the above, and steps and spikes of the hardware. The receiver's noise is added
where the magnitude is taken (:mod:`~mindvideo.demo.brain`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.linalg import toeplitz
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude

from mindvideo.demo.epi import Head, head

# SD of each part as a fraction of the brightness; of the pulses where they are strongest.
SPONTANEOUS, SLOW, DRIFT = 0.010, 0.003, 0.006
CARDIAC, RESPIRATORY = 0.015, 0.010
SPONTANEOUS_IN = {"grey": 1.0, "white": 0.5, "fluid": 0.6}

EXPONENT, CORNER = 1.0, 0.01  # power ∝ 1 / f^exponent, constant below the corner [Hz]
FWHM = 7.0  # of the spontaneous fluctuations in space [mm]
FAR = 20.0  # SD of the smoothing of maps that vary over the whole brain [mm]
SLOW_CENTRE, SLOW_WIDTH = 0.03, 0.012  # of the waves of breathing depth [Hz]
# Rates [Hz], and the SD of a cycle's length as a fraction of its mean.
HEART, BREATH = ((0.9, 1.25), 0.03), ((0.22, 0.33), 0.08)
HARMONIC = 0.4  # amplitude of the second relative to the first
ARTERIES = ((0.0, -8.0, -26.0), 16.0)  # around the circle of Willis: centre and SD [mm]


def one_over_f(frequency: np.ndarray) -> np.ndarray:
    """Power of spontaneous fluctuations at these frequencies [Hz]."""
    return np.maximum(frequency, CORNER) ** -EXPONENT


def breathing_depth(frequency: np.ndarray) -> np.ndarray:
    """Power of the slow waves at these frequencies [Hz]."""
    return np.exp(-0.5 * ((frequency - SLOW_CENTRE) / SLOW_WIDTH) ** 2)


@cache
def colouring(
    n_volumes: int, tr: float, power: Callable[[np.ndarray], np.ndarray] = one_over_f
) -> np.ndarray:
    """Matrix that gives white noise a spectrum: Cholesky factor of the autocovariance.

    The noise is stationary from the first volume to the last, and does not wrap around.

    Parameters
    ----------
    n_volumes : int
    tr : float
        Repetition time [s].
    power : callable
        Power at a frequency [Hz], up to half the sampling rate.

    Returns
    -------
    (n_volumes, n_volumes) float32
        ``white @ colouring(…)`` has variance 1 for white noise (…, n_volumes) of variance 1.
    """
    step = 1 / (8 * n_volumes * tr)  # fine enough for the longest lag
    frequency = np.arange(step / 2, 0.5 / tr, step)
    weight = power(frequency)
    lags = np.arange(n_volumes)[:, None] * tr
    covariance = np.cos(2 * np.pi * lags * frequency) @ (weight / weight.sum())
    factor = np.linalg.cholesky(toeplitz(covariance) + 1e-6 * np.eye(n_volumes))
    return factor.T.astype(np.float32)


def noise(resolution: int, n_volumes: int, tr: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of a run, as a fraction of the brightness.

    Parameters
    ----------
    resolution : int
        Voxel size of :func:`~mindvideo.demo.epi.head` [mm].
    n_volumes : int
    tr : float
        Repetition time [s].
    rng : Generator

    Returns
    -------
    (i, j, k, n_volumes) float32
    """
    anatomy = head(resolution)
    shape = anatomy.grid.shape
    white = rng.standard_normal((*shape, n_volumes), dtype=np.float32)
    sd = FWHM / np.sqrt(8 * np.log(2)) / resolution
    smooth = gaussian_filter(white, (sd,) * 3 + (0,), mode="wrap")
    where = sum(scale * getattr(anatomy, name) for name, scale in SPONTANEOUS_IN.items())
    smooth *= (SPONTANEOUS / smooth.std() * where)[..., None]
    out = smooth @ colouring(n_volumes, tr)

    maps, waves = [], []
    slow = rng.standard_normal(n_volumes) @ colouring(n_volumes, tr, breathing_depth)
    maps.append(SLOW * anatomy.grey)
    waves.append(slow)
    time = np.linspace(-1, 1, n_volumes)
    for course in (time, time**2 - 1 / 3, np.cos(np.pi * (time + rng.uniform(0, 2)))):
        maps.append(DRIFT * field(anatomy, rng))
        waves.append(course)
    for amplitude, strength, (rates, jitter) in (
        (CARDIAC, vessels(resolution), HEART),
        (RESPIRATORY, rim(resolution), BREATH),
    ):
        phase = pulse(n_volumes, tr, rng.uniform(*rates), jitter, rng)
        for course in (np.cos(phase), np.sin(phase)):
            maps.append(amplitude * strength * field(anatomy, rng))
            waves.append(course)
        for course in (np.cos(2 * phase), np.sin(2 * phase)):
            maps.append(HARMONIC * amplitude * strength * field(anatomy, rng))
            waves.append(course)
    out += np.stack(maps, -1).astype(np.float32) @ np.stack(waves).astype(np.float32)
    return out


def pulse(
    n_volumes: int, tr: float, rate: float, jitter: float, rng: np.random.Generator
) -> np.ndarray:
    """Phase of heartbeat or breathing at each volume [rad], (n_volumes,).

    The cycles vary independently, so the phase drifts as the square root of time.
    """
    steps = rate * tr + jitter * np.sqrt(rate * tr) * rng.standard_normal(n_volumes)
    return 2 * np.pi * (rng.uniform() + np.cumsum(steps))


def field(anatomy: Head, rng: np.random.Generator) -> np.ndarray:
    """A random map that varies slowly over the whole brain, SD 1, (i, j, k)."""
    resolution = abs(anatomy.grid.affine[0, 0])
    values = gaussian_filter(rng.standard_normal(anatomy.grid.shape), FAR / resolution, mode="wrap")
    return values / values.std()


@cache
def vessels(resolution: int) -> np.ndarray:
    """Relative strength of the heartbeat, 0…1, (i, j, k)."""
    anatomy = head(resolution)
    centre, sd = ARTERIES
    distance = ((anatomy.position - np.array(centre)[:, None, None, None]) ** 2).sum(0)
    near = np.exp(-0.5 * distance / sd**2) * anatomy.brain
    fluid = gaussian_filter(anatomy.fluid, 3.0 / resolution)
    return np.clip(fluid / fluid.max() + near + 0.12 * anatomy.brain, 0, 1)


@cache
def rim(resolution: int) -> np.ndarray:
    """Relative strength of breathing, 0…1, (i, j, k)."""
    anatomy = head(resolution)
    edge = gaussian_gradient_magnitude(anatomy.brain, 4.0 / resolution)
    return np.clip(edge / edge.max() + 0.15 * anatomy.brain, 0, 1)
