"""The head and its noise: contrast of an EPI, spectrum and smoothness of a brain at rest."""

from __future__ import annotations

import numpy as np
import pytest
from nilearn.datasets import (
    load_mni152_brain_mask,
    load_mni152_gm_template,
    load_mni152_wm_template,
)
from scipy.signal import periodogram

from mindvideo.demo import noise as parts
from mindvideo.demo.epi import DROPOUTS, brain_mask, head, template
from mindvideo.demo.neurons import stream
from mindvideo.demo.noise import breathing_depth, colouring, noise, pulse, rim, vessels

RESOLUTION, TR = 6, 2.0
N = 240


@pytest.fixture(scope="module")
def anatomy():
    return head(RESOLUTION)


@pytest.fixture(scope="module")
def resting() -> np.ndarray:
    return noise(RESOLUTION, N, TR, stream("rest"))


def near(anatomy, mm: tuple[float, float, float], radius: float = 10) -> np.ndarray:
    place = np.array(mm)[:, None, None, None]
    return ((anatomy.position - place) ** 2).sum(axis=0) < radius**2


# --- the template and the mean image -------------------------------------------------------------


@pytest.mark.parametrize("resolution", [3, 4])
def test_templates_are_those_of_nilearn(resolution):
    """Its splines go through the voxels of 1 mm that a coarser grid keeps."""
    nilearn = (load_mni152_brain_mask, load_mni152_gm_template, load_mni152_wm_template)
    ours = brain_mask(resolution), template("gm", resolution), template("wm", resolution)
    for load, (values, affine) in zip(nilearn, ours, strict=True):
        image = load(resolution=resolution)
        i, j, k = values.shape  # beyond them nilearn may add a plane of air
        np.testing.assert_allclose(values, image.get_fdata()[:i, :j, :k], atol=1e-7)
        np.testing.assert_array_equal(affine, image.affine)


def test_fluid_is_brighter_than_grey_and_grey_than_white_matter(anatomy):
    middle = near(anatomy, (0, -18, 18), 45)  # where no coil and no sinus interfere
    grey, white, fluid = (
        np.average(anatomy.brightness[middle], weights=fraction[middle] ** 4)
        for fraction in (anatomy.grey, anatomy.white, anatomy.fluid)
    )
    assert white < grey < fluid
    assert 600 < grey < 1400


def test_tissues_fill_the_brain_and_nothing_else(anatomy):
    total = anatomy.brain
    np.testing.assert_allclose(total, total.round(), atol=1e-5)
    assert min(t.min() for t in (anatomy.grey, anatomy.white, anatomy.fluid)) >= 0
    assert not total[[0, -1]].any()  # a margin around it
    air = anatomy.brightness[total < 0.5]
    assert np.median(air) < 0.12 * np.median(anatomy.brightness[total > 0.5])


@pytest.mark.parametrize("where", [mm for mm, _, _ in DROPOUTS])
def test_signal_is_lost_above_the_sinuses(anatomy, where):
    x, y, z = where
    lost = near(anatomy, where, 14) & (anatomy.brain > 0)
    kept = near(anatomy, (x, y, z + 45), 14) & (anatomy.brain > 0)
    assert anatomy.brightness[lost].mean() < 0.75 * anatomy.brightness[kept].mean()


def test_the_head_is_about_as_wide_left_as_right(anatomy):
    x = anatomy.position[0]
    weight = anatomy.brightness * anatomy.brain
    assert abs(np.average(x, weights=weight)) < 2


# --- noise ----------------------------------------------------------------------------------------


def test_power_falls_as_one_over_f():
    white = np.random.default_rng(0).standard_normal((400, N), np.float32)
    coloured = white @ colouring(N, TR)
    assert coloured.std() == pytest.approx(1, abs=0.05)
    frequency, power = periodogram(coloured, 1 / TR, window="hann", axis=1)
    power = power.mean(axis=0)
    band = (frequency > 0.015) & (frequency < 0.24)
    slope, _ = np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)
    assert slope == pytest.approx(-1, abs=0.15)


def test_noise_is_stationary_and_does_not_wrap_around():
    coloured = np.random.default_rng(0).standard_normal((4000, 48), np.float32) @ colouring(48, TR)
    np.testing.assert_allclose(coloured.std(axis=0), 1, atol=0.08)
    ends, neighbours = (
        np.corrcoef(coloured[:, a], coloured[:, b])[0, 1] for a, b in ((0, -1), (0, 1))
    )
    assert abs(ends) < 0.25
    assert neighbours > 0.4


def test_breathing_depth_waves_around_its_frequency():
    waves = np.random.default_rng(0).standard_normal((200, N)) @ colouring(N, TR, breathing_depth)
    frequency, power = periodogram(waves, 1 / TR, axis=1)
    power = power.mean(axis=0)
    assert power[(frequency > 0.01) & (frequency < 0.06)].sum() > 0.9 * power.sum()


def test_grey_matter_fluctuates_slowly_and_more_than_white(anatomy, resting):
    sd = resting.std(axis=-1)
    grey, white = (np.median(sd[fraction > 0.8]) for fraction in (anatomy.grey, anatomy.white))
    assert 0.008 < grey < 0.02
    assert grey > 1.3 * white
    frequency, power = periodogram(resting[anatomy.grey > 0.8], 1 / TR, axis=1)
    power = power.mean(axis=0)
    slow, fast = ((frequency > 0.01) & (frequency < 0.05), frequency > 0.15)
    assert power[slow].mean() > 2 * power[fast].mean()


def test_neighbours_fluctuate_together_and_far_voxels_less(anatomy, resting):
    inside = (anatomy.grey > 0.6) & near(anatomy, (0, -70, 10), 40)
    values = resting - resting.mean(axis=-1, keepdims=True)
    values = values / values.std(axis=-1, keepdims=True)

    def together(step: int) -> float:
        pair = inside[step:] & inside[:-step]
        return float((values[step:] * values[:-step]).mean(axis=-1)[pair].mean())

    assert together(1) > 0.35
    assert together(1) > together(4) + 0.15


def test_pulse_and_breathing_are_felt_where_they_should(anatomy, monkeypatch):
    for name in ("SPONTANEOUS", "SLOW", "DRIFT", "RESPIRATORY"):
        monkeypatch.setattr(parts, name, 1e-9)
    sd = noise(RESOLUTION, N, TR, stream("pulse")).std(axis=-1)
    base, white = near(anatomy, (0, -8, -26), 12) & (anatomy.brain > 0), anatomy.white > 0.9
    assert sd[base].mean() > 4 * sd[white].mean()
    assert np.average(vessels(RESOLUTION), weights=anatomy.fluid) > 2 * np.average(
        vessels(RESOLUTION), weights=anatomy.white
    )
    deep = near(anatomy, (0, -18, 10), 25)
    assert rim(RESOLUTION).max() == 1
    assert rim(RESOLUTION)[deep].mean() < 0.3


def test_pulse_runs_at_its_rate_and_strays():
    phase = pulse(5000, 0.1, 1.1, 0.03, stream("heart"))
    assert (phase[-1] - phase[0]) / (2 * np.pi * 0.1 * 4999) == pytest.approx(1.1, abs=0.01)
    assert np.diff(phase).std() > 0


def test_the_same_seed_gives_the_same_noise(resting):
    np.testing.assert_array_equal(resting, noise(RESOLUTION, N, TR, stream("rest")))
    other = noise(RESOLUTION, N, TR, stream("other"))
    assert abs(np.corrcoef(resting.ravel()[::7], other.ravel()[::7])[0, 1]) < 0.1
