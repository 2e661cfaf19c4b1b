"""From neural responses to BOLD: a linear map with variable delay and width.

Rests on: SPM's canonical response and its derivative by dispersion, from nilearn (Friston et al.
1998), which widen or narrow it; delays that differ more between people than between areas, and
grow along the visual hierarchy (Handwerker et al. 2004; Taylor et al. 2018).
Leaves out: non-linear haemodynamics (saturation, refractoriness), the initial dip, and differences
within an area (large veins lag behind capillaries).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from nilearn.glm.first_level import spm_dispersion_derivative, spm_hrf

from mindvideo.demo.sight import BIN_SECONDS

FINE = 0.05  # step at which the response is tabulated [s]
SECONDS = 32.0  # length of the response


@cache
def _canonical() -> tuple[np.ndarray, np.ndarray]:
    """The response and its derivative by the dispersion of the first gamma density, per second."""
    shape = {"oversampling": 1, "time_length": SECONDS}
    return spm_hrf(FINE, **shape) / FINE, -spm_dispersion_derivative(FINE, **shape) / FINE


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
    response, wider = _canonical()
    shape = response + widening * wider
    ages = volumes[:, None] - bins - delay
    kernel = np.interp(ages, FINE * np.arange(len(shape)), shape, left=0, right=0)
    return kernel * BIN_SECONDS
