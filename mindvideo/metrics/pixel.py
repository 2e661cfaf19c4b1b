"""Pixel-level similarity of frames: SSIM in two definitions, PSNR, and similarity of hues."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

UNIFORM = 7
"""Side of SSIM's window in the released code, which is scikit-image's default [px]."""

LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)
"""Weights of red, green and blue in grey (ITU-R BT.601); they sum to 1."""

GAUSSIAN = cv2.getGaussianKernel(11, 1.5)
"""The window of Wang et al. 2004, along one axis."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""SSIM's constants, for pictures from 0 to 255."""


def ssim(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Structural similarity of RGB frames: 7 × 7 uniform window, data range 255.

    Wang et al. 2004, Eq. 13, for each colour separately, averaged over colours and over pixels
    whose window is inside the frame; with sample variances (÷ 48). Equals
    ``skimage.metrics.structural_similarity(…, channel_axis=-1, data_range=255)``.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (…, h, w, 3)

    Returns
    -------
    ndarray, (…)
        From −1 to 1, the latter for identical frames.

    Examples
    --------
    >>> frame = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    >>> ssim(frame, frame).tolist(), ssim(frame, 255 - frame).round(2).tolist()
    ([1.0], [-0.85])
    """

    def average(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, cv2.CV_64F, (UNIFORM, UNIFORM))

    n = UNIFORM**2
    values = np.empty(truth.shape[:-3])
    for place in np.ndindex(values.shape):
        pictures = truth[place], reconstruction[place]
        values[place] = _ssim(*pictures, average, UNIFORM // 2, unbiased=n / (n - 1))
    return values


def ssim_grey(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Structural similarity of grey frames under a Gaussian window, as Wang et al. 2004 define it.

    Grey is 0.299 R + 0.587 G + 0.114 B, not rounded; the window has σ = 1.5 px and 11 × 11 pixels;
    variances are population variances; only pixels whose window is inside the frame count.
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

    def average(values: np.ndarray) -> np.ndarray:
        return cv2.sepFilter2D(values, cv2.CV_64F, GAUSSIAN, GAUSSIAN)

    values = np.empty(truth.shape[:-3])
    for place in np.ndindex(values.shape):
        x, y = (cv2.transform(p[place].astype(np.float32), LUMA) for p in (truth, reconstruction))
        values[place] = _ssim(x, y, average, len(GAUSSIAN) // 2, unbiased=1)
    return values


def _ssim(
    x: np.ndarray,
    y: np.ndarray,
    average: Callable[[np.ndarray], np.ndarray],
    rim: int,
    *,
    unbiased: float,
) -> float:
    """Wang et al. 2004, Eq. 13, averaged over colours and over pixels whose window is inside.

    Pictures are in single precision, which is enough for squares around a picture's own mean;
    averages over windows are computed in double precision. The covariance is computed from the
    difference: ``2·cov(x, y) = var(x) + var(y) - var(x - y)``. Arrays are overwritten where
    possible, since allocating memory takes as long as the sums.

    Parameters
    ----------
    x, y : ndarray, (h, w) or (h, w, n_colours)
        From 0 to 255.
    average : callable
        Averages single-precision values over the window around each pixel, in double precision.
    rim : int
        Number of pixels on each side whose window is not inside the frame.
    unbiased : float
        Factor on the variances.
    """
    middles = [np.float32(round(float(picture.mean()))) for picture in (x, y)]
    x, y = (np.subtract(p, m, dtype=np.float32) for p, m in zip((x, y), middles))
    squares = x * x
    squares += y * y
    apart = x - y
    apart *= apart
    mx, my, distance, squares = (
        average(values)[rim:-rim, rim:-rim] for values in (x, y, apart, squares)
    )

    distance -= np.square(mx - my)  # of the variance of x - y
    squares -= np.square(mx)
    squares -= np.square(my)  # of both variances
    distance *= unbiased
    squares *= unbiased
    squares += C2
    distance /= squares  # 1 - structure

    mx += middles[0]
    my += middles[1]
    luminance = mx * my
    luminance *= 2
    luminance += C1
    mx *= mx
    my *= my
    mx += my
    mx += C1
    luminance /= mx
    return float((luminance * (1 - distance)).mean())


def psnr(truth: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of frames, 20·log₁₀(255 / √MSE) [dB].

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (…, h, w, 3)

    Returns
    -------
    ndarray, (…)
        At most 58.9 dB, the value for errors of rounding to whole grey levels (MSE 1/12): for
        identical frames, PSNR and so every mean would be infinite.

    Examples
    --------
    >>> black = np.zeros((1, 8, 8, 3), np.uint8)
    >>> psnr(black, black + 10).round(1).tolist()  # dB
    [28.1]
    """
    error = cv2.absdiff(np.ascontiguousarray(truth), np.ascontiguousarray(reconstruction))
    mse = np.maximum(np.square(error, dtype=np.uint16).mean(axis=(-3, -2, -1)), 1 / 12)
    return 20 * np.log10(255 / np.sqrt(mse))


def hue(frames: np.ndarray) -> np.ndarray:
    """Hue of each pixel (HSV), as a fraction of the circle: 0 red, 1/3 green, 2/3 blue; 0 for grey.

    Parameters
    ----------
    frames : ndarray, uint8, (…, w, 3)

    Returns
    -------
    ndarray, float32, (…, w)

    Examples
    --------
    >>> hue(np.array([[255, 0, 0], [0, 255, 0]], np.uint8)) * 3
    array([0., 1.], dtype=float32)
    """
    rows = np.asarray(frames, np.float32).reshape(-1, frames.shape[-2], 3)
    degrees = cv2.extractChannel(cv2.cvtColor(rows, cv2.COLOR_RGB2HSV), 0)
    return (degrees / np.float32(360)).reshape(frames.shape[:-1])


def hue_cosine(truth: np.ndarray, reconstruction: np.ndarray) -> float:
    """Cosine between the hues of two frames, pixel by pixel (published as "Hue-pcc").

    Hues are treated as numbers from 0 to 1, so that two reds on either side of 0 are far apart, and
    unrelated pictures score well above 0: compare it with its null. 0 if a frame has no hue.

    Parameters
    ----------
    truth, reconstruction : ndarray, (h, w)
        From :func:`hue`.
    """
    norm = np.linalg.norm(truth) * np.linalg.norm(reconstruction)
    return float((truth * reconstruction).sum() / norm) if norm else 0.0
