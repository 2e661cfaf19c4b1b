"""Pixel-level likeness of frames: SSIM in two definitions, PSNR, and the likeness of hues."""

from __future__ import annotations

import cv2
import numpy as np

WINDOW = 7
"""Side of SSIM's uniform window [px] (the released code's, which is scikit-image's default)."""

LUMA = np.array([0.299, 0.587, 0.114])
"""What red, green and blue count for in grey (ITU-R BT.601)."""


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


def ssim_grey(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Structural similarity of grey frames under a Gaussian window, as Wang et al. 2004 define it.

    Grey is 0.299 R + 0.587 G + 0.114 B, not rounded; the window has σ = 1.5 px and 11 × 11 pixels,
    variances are those of the population, and pixels count whose window lies inside the frame.
    Equals ``skimage.metrics.structural_similarity(…, gaussian_weights=True, data_range=255,
    use_sample_covariance=False)`` of the grey frames.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (…, h, w, 3)
        At least 11 × 11 pixels.

    Returns
    -------
    ndarray, (…)
    """
    x, y = truth @ LUMA, reconstruction @ LUMA  # (…, h, w)
    maps = np.stack([x, y, x * x, y * y, x * y], axis=-1)
    values = np.empty(x.shape[:-2])
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for place in np.ndindex(values.shape):
        mean = cv2.GaussianBlur(maps[place], (11, 11), 1.5)[5:-5, 5:-5]  # (h − 10, w − 10, 5)
        mx, my, mxx, myy, mxy = np.moveaxis(mean, -1, 0)
        luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        structure = (2 * (mxy - mx * my) + c2) / (mxx - mx**2 + myy - my**2 + c2)
        values[place] = (luminance * structure).mean()
    return values


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


def hue(frames: np.ndarray) -> np.ndarray:
    """Hue of each pixel (HSV), as a share of the circle: 0 red, 1/3 green, 2/3 blue; 0 for grey.

    Parameters
    ----------
    frames : ndarray, uint8, (…, 3)

    Returns
    -------
    ndarray, float32, (…)
    """
    r, g, b = np.moveaxis(frames.astype(np.float32), -1, 0)
    most = np.maximum(np.maximum(r, g), b)
    span = most - np.minimum(np.minimum(r, g), b)
    of = np.where(span > 0, span, 1)
    sixth = np.where(
        most == r, (g - b) / of, np.where(most == g, 2 + (b - r) / of, 4 + (r - g) / of)
    )
    return np.where(span > 0, (sixth / 6) % 1, 0).astype(np.float32)


def hue_cosine(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Cosine between the hues of two frames, pixel by pixel (published as "Hue-pcc").

    Hues count as plain numbers from 0 to 1, so that two reds on either side of 0 are far apart,
    and unrelated pictures are well above 0: read it beside its null. 0 where a frame has no hue.

    Parameters
    ----------
    truth, reconstruction : ndarray, (h, w)
        From :func:`hue`.
    """
    norm = np.linalg.norm(truth) * np.linalg.norm(reconstruction)
    return float((truth * reconstruction).sum() / norm) if norm else 0.0


def _window_sums(x: np.ndarray) -> np.ndarray:
    """Sum whole numbers (…, h, w, c) over each window inside: (…, h − 6, w − 6, c)."""
    for axis in (-3, -2):
        x = np.moveaxis(x, axis, 0)
        two = x[:-1] + x[1:]
        four = two[:-2] + two[2:]
        x = np.moveaxis(four[:-3] + two[4:-1] + x[6:], 0, axis)  # 7 = 4 + 2 + 1
    return x
