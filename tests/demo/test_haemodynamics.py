"""The haemodynamic response: when, how wide, and never before its cause."""

from __future__ import annotations

import numpy as np
import pytest
from nilearn.glm.first_level import spm_dispersion_derivative, spm_hrf

from mindvideo.demo.haemodynamics import FINE, SECONDS, _tabulated, canonical, haemodynamics
from mindvideo.demo.sight import BIN_SECONDS

BINS = np.arange(0, 40, BIN_SECONDS)
VOLUMES = np.arange(0, 60, 0.1)


@pytest.mark.parametrize("step", [0.05, 0.72, 2.0])
def test_response_is_that_of_spm(step):
    np.testing.assert_allclose(canonical(step), spm_hrf(step, oversampling=1), atol=1e-12)
    derivative = spm_dispersion_derivative(FINE, oversampling=1, time_length=SECONDS)
    np.testing.assert_allclose(_tabulated()[1], -derivative / FINE, atol=1e-9)


def width(response: np.ndarray) -> float:
    return 0.1 * (response > response.max() / 2).sum()


@pytest.mark.parametrize("delay", [0.0, 1.0])
@pytest.mark.parametrize("widening", [-0.2, 0.0, 0.2])
def test_response_peaks_after_five_seconds_and_never_before_its_cause(delay, widening):
    kernel = haemodynamics(VOLUMES, BINS, delay, widening)
    assert kernel[:, 0].argmax() * 0.1 == pytest.approx(5 + delay, abs=0.4)
    for column in range(0, len(BINS), 10):
        assert not kernel[BINS[column] > VOLUMES, column].any()


@pytest.mark.parametrize("widening", [-0.2, 0.0, 0.2])
def test_a_lasting_response_of_one_becomes_one(widening):
    lasting = haemodynamics(np.array([39.0]), BINS, 0, widening).sum()
    assert lasting == pytest.approx(1, abs=0.05)


def test_widening_widens():
    narrow, canonical, wide = (haemodynamics(VOLUMES, BINS, 0, w)[:, 0] for w in (-0.2, 0, 0.2))
    assert width(narrow) < width(canonical) - 0.2 < width(wide) - 0.4
