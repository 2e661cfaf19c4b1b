"""Against scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mindvideo.metrics.pixel import psnr, ssim


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (2, 3, 24, 40, 3), dtype=np.uint8)
    noise = rng.normal(scale=[[20], [80]], size=(2, 3)).reshape(2, 3, 1, 1, 1)
    noisy = truth + noise * rng.normal(size=truth.shape)
    return truth, noisy.clip(0, 255).astype(np.uint8)


def each(function, truth, reconstruction):
    flat = [x.reshape(-1, *x.shape[-3:]) for x in (truth, reconstruction)]
    return np.array([function(a, b) for a, b in zip(*flat)]).reshape(truth.shape[:-3])


def test_ssim_is_that_of_scikit_image(frames):
    def reference(a, b):
        return structural_similarity(a, b, channel_axis=-1, data_range=255)

    np.testing.assert_allclose(ssim(*frames), each(reference, *frames), atol=1e-12)


def test_ssim_of_flat_and_extreme_frames():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert ssim(black, black) == 1
    assert ssim(white, white) == 1
    expected = structural_similarity(black, white, channel_axis=-1, data_range=255)
    assert ssim(black, white) == pytest.approx(expected)


def test_psnr_is_that_of_scikit_image(frames):
    def reference(a, b):
        return peak_signal_noise_ratio(a, b, data_range=255)

    np.testing.assert_allclose(psnr(*frames), each(reference, *frames))


def test_psnr_of_identical_frames_is_finite(frames):
    np.testing.assert_allclose(psnr(frames[0], frames[0]), 58.92, atol=0.01)
