"""Against scikit-image."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from skimage.color import rgb2hsv
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mindvideo.metrics.pixel import hue, hue_cosine, psnr, ssim, ssim_grey


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


def test_grey_ssim_is_that_of_scikit_image(frames):
    def reference(a, b):
        return structural_similarity(
            *(x @ [0.299, 0.587, 0.114] for x in (a, b)),
            gaussian_weights=True,
            use_sample_covariance=False,
            data_range=255,
        )

    np.testing.assert_allclose(ssim_grey(*frames), each(reference, *frames), atol=1e-9)
    np.testing.assert_allclose(ssim_grey(frames[0], frames[0]), 1)


def test_hue_is_that_of_scikit_image(frames):
    np.testing.assert_allclose(hue(frames[0]), rgb2hsv(frames[0])[..., 0], atol=1e-6)
    assert (hue(np.full((4, 4, 3), 90, np.uint8)) == 0).all()


def test_hue_cosine_is_that_of_a_plain_product(frames):
    a, b = (rgb2hsv(x[0, 0])[..., 0].ravel() for x in frames)
    value = hue_cosine(hue(frames[0][0, 0]), hue(frames[1][0, 0]))
    assert value == pytest.approx(1 - cosine(a, b), abs=1e-6)
    assert hue_cosine(hue(frames[0][0, 0]), np.zeros((24, 40))) == 0
