"""Bases of a run's slow drift: Legendre polynomials, or discrete cosines.

>>> polynomials(3, order=2)
array([[ 1. , -1. ,  1. ],
       [ 1. ,  0. , -0.5],
       [ 1. ,  1. ,  1. ]])
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import legendre


def polynomials(n_volumes: int, order: int) -> np.ndarray:
    """Legendre polynomials up to `order` on the volumes' times, (n_volumes, order + 1)."""
    return legendre.legvander(np.linspace(-1, 1, n_volumes), order)


def cosines(n_volumes: int, tr: float, cutoff: float) -> np.ndarray:
    """Discrete cosines of periods down to `cutoff` [s], and a constant (SPM's high-pass filter).

    Returns
    -------
    (n_volumes, n)
    """
    # Imported here since it takes a second, and most runs have no high-pass filter.
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    return create_cosine_drift(1 / cutoff, np.arange(n_volumes) * tr)
