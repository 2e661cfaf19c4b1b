"""Pixel-level likeness of frames: SSIM and PSNR."""

from __future__ import annotations

import numpy as np

WINDOW = 7
"""Side of SSIM's uniform window [px] (the released code's, which is scikit-image's default)."""


def ssim(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Structural similarity of RGB frames: 7 × 7 uniform window, data range 255.

    Wang et al. 2004, Eq. 13, for each colour by itself, averaged over pixels whose window lies
    inside the frame and over colours; variances are those of samples (÷ 48). Equals
    ``skimage.metrics.structural_similarity(…, channel_axis=-1, data_range=255)``, but takes many
    frames at once and sums windows in whole numbers, without rounding.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (…, h, w, 3)

    Returns
    -------
    ndarray, (…)
        From −1 to 1, the latter for identical frames.
    """
    n = WINDOW**2
    x, y = truth.astype(np.int32), reconstruction.astype(np.int32)  # all sums below stay < 2³¹
    sum_x, sum_y = _window_sums(x), _window_sums(y)
    # n² times the mean and n (n − 1) times the (co)variances, still whole numbers
    product = sum_x * sum_y
    squares = sum_x**2 + sum_y**2
    covariance = (n * _window_sums(x * y) - product) / (n * (n - 1))
    variances = (n * _window_sums(x**2 + y**2) - squares) / (n * (n - 1))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * product / n**2 + c1) / (squares / n**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).mean(axis=(-3, -2, -1))


def psnr(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of frames, 20·log₁₀(255 / √MSE) [dB].

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (…, h, w, 3)

    Returns
    -------
    ndarray, (…)
        At most 58.9 dB, where errors are those of rounding to whole grey levels (MSE 1/12):
        identical frames would be infinite, and with them every mean.
    """
    error = truth.astype(np.int32) - reconstruction.astype(np.int32)
    mse = np.maximum((error**2).mean(axis=(-3, -2, -1)), 1 / 12)
    return 20 * np.log10(255 / np.sqrt(mse))


def _window_sums(x: np.ndarray) -> np.ndarray:
    """Sum whole numbers (…, h, w, c) over each window inside: (…, h − 6, w − 6, c)."""
    for axis in (-3, -2):
        x = np.moveaxis(x, axis, 0)
        two = x[:-1] + x[1:]
        four = two[:-2] + two[2:]
        x = np.moveaxis(four[:-3] + two[4:-1] + x[6:], 0, axis)  # 7 = 4 + 2 + 1
    return x
