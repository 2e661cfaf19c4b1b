"""From neural responses to BOLD: a linear map with variable delay and width.

Rests on: SPM's canonical response and its derivative by dispersion (Friston et al. 1998), which
widen or narrow it, with the values of nilearn; delays that differ more between people than between
areas, and grow along the visual hierarchy (Handwerker et al. 2004; Taylor et al. 2018).
Leaves out: non-linear haemodynamics (saturation, refractoriness), the initial dip, and differences
within an area (large veins lag behind capillaries).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import gammaln, xlogy

from mindvideo.demo.sight import BIN_SECONDS

FINE = 0.05  # step at which the response is tabulated [s]
SECONDS = 32.0  # length of the response
PEAK, UNDERSHOOT, RATIO = 6.0, 16.0, 0.167  # shapes of SPM's two gamma densities; of their heights
DISPERSED = 0.01  # step of the dispersion for the derivative, as SPM's


def canonical(step: float, dispersion: float = 1.0) -> np.ndarray:
    """SPM's canonical response to an impulse, at steps of `step` [s], sum 1.

    nilearn's ``spm_hrf``, whose import takes a second.

    Parameters
    ----------
    step : float
    dispersion : float
        Scale of the first gamma density [s].

    Returns
    -------
    (SECONDS / step,) float64
        From time 0 - `step` on, as nilearn's.
    """
    time = np.linspace(0, SECONDS, round(SECONDS / step)) - step
    peak = _gamma_density(time / dispersion, PEAK / dispersion) / dispersion
    response = peak - RATIO * _gamma_density(time, UNDERSHOOT)
    return response / response.sum()


def _gamma_density(x: np.ndarray, shape: float) -> np.ndarray:
    """Density of the gamma distribution of scale 1; 0 where x is not above 0."""
    later = np.where(x > 0, x, 0)
    return np.where(x > 0, np.exp(xlogy(shape - 1, later) - later - gammaln(shape)), 0)


@cache
def _tabulated() -> tuple[np.ndarray, np.ndarray]:
    """The response and its derivative by the dispersion of the first gamma density, per second."""
    response = canonical(FINE)
    wider = 1 / DISPERSED * (canonical(FINE, 1 + DISPERSED) - response)
    return response / FINE, wider / FINE


def haemodynamics(
    volumes: np.ndarray, bins: np.ndarray, delay: float, widening: float = 0.0
) -> np.ndarray:
    """Linear map from neural responses in time bins to BOLD at the volumes.

    Parameters
    ----------
    volumes : (n_volumes,) float
        Acquisition times [s].
    bins : (n_bins,) float
        Centres of the bins, :data:`~mindvideo.demo.sight.BIN_SECONDS` apart [s].
    delay : float
        Delay relative to the canonical response [s].
    widening : float
        Increase of the dispersion of the first gamma density over its 1 s [s], to first order.

    Returns
    -------
    (n_volumes, n_bins) float64
        A sustained response of 1 becomes 1. Before the first bin the response is 0.
    """
    response, wider = _tabulated()
    shape = response + widening * wider
    ages = volumes[:, None] - bins - delay
    kernel = np.interp(ages, FINE * np.arange(len(shape)), shape, left=0, right=0)
    return kernel * BIN_SECONDS
