"""Where responses repeat, and which voxels were selected for it."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure
from nilearn.datasets import load_mni152_template
from nilearn.image import resample_img

from mindvideo.figures.style import BLUE, ORANGE, SOFT, style


def draw_selection(r: np.ndarray, mask: np.ndarray, affine: np.ndarray) -> Figure:
    """Draw the map of reproducibility on a few slices, selected voxels outlined, and a histogram.

    Parameters
    ----------
    r : ndarray, (x, y, z)
        Mean correlation between viewings; NaN or 0 where nothing was measured.
    mask : ndarray of bool, (x, y, z)
        Selected voxels.
    affine : ndarray, (4, 4)
        Voxel → MNI [mm].
    """
    template = load_mni152_template(resolution=2)
    brain = template.get_fdata()
    measured = np.isfinite(r) & (r != 0)
    values = np.where(measured, r, 0).astype(np.float32)
    on_brain, known, chosen = (
        resample_img(
            nib.Nifti1Image(volume.astype(np.float32), affine),
            target_affine=template.affine,
            target_shape=brain.shape,
            interpolation="nearest",
            force_resample=True,
            copy_header=True,
        ).get_fdata()
        for volume in (values, measured, mask)
    )
    limit = float(np.quantile(values[measured], 0.995)) if measured.any() else 1.0
    limit = max(limit, 1e-3)
    inside = brain > 0.05
    x, y = (np.flatnonzero(inside.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    box = np.s_[x[0] : x[-1] + 1, y[0] : y[-1] + 1]
    with style():
        figure = Figure(figsize=(10, 4.6), layout="constrained")
        parts: Any = figure.subfigures(1, 2, width_ratios=[2.4, 1])
        left, right = parts
        axes = left.subplots(2, 4)
        for axis, k in zip(axes.flat, _slices(chosen if mask.any() else known, 8)):
            axis.axis("off")
            z = template.affine[2, 3] + k * template.affine[2, 2]
            axis.set_title(f"z = {z:.0f} mm", weight="normal", fontsize=8, color=SOFT)
            under = np.ma.masked_where(~inside[:, :, k], brain[:, :, k])[box]
            axis.imshow(under.T, cmap="gray", origin="lower", vmin=-0.6, vmax=1.1)
            shown = np.ma.masked_where(known[:, :, k] < 0.5, on_brain[:, :, k])[box]
            picture = axis.imshow(
                *(shown.T, "YlOrRd"),
                origin="lower",
                vmin=0,
                vmax=limit,
                interpolation="nearest",
            )
            if chosen[:, :, k].any():
                axis.contour(chosen[:, :, k][box].T, [0.5], colors=BLUE, linewidths=0.8)
        bar = left.colorbar(picture, ax=axes, location="bottom", shrink=0.5, aspect=40, pad=0.03)
        bar.set_label("r between viewings; blue: around selected voxels")
        bar.outline.set_visible(False)  # type: ignore[operator]
        _histogram(right.subplots(), values[measured], values[measured & mask.astype(bool)])
    return figure


def _slices(volume: np.ndarray, n: int) -> list[int]:
    """Choose axial slices evenly over the part of the volume that is not empty."""
    filled = np.flatnonzero(volume.any(axis=(0, 1)))
    if not len(filled):
        filled = np.arange(volume.shape[2])
    inside = np.linspace(filled[0], filled[-1], n + 2)[1:-1]
    return [int(k) for k in inside.round()]


def _histogram(axis: Any, values: np.ndarray, selected: np.ndarray) -> None:
    if not len(values):
        return
    edges = np.linspace(values.min(), values.max(), 50)
    axis.hist(values, edges, color=BLUE, alpha=0.45, label=f"measured ({len(values):,})")
    axis.hist(selected, edges, color=ORANGE, label=f"selected ({len(selected):,})")
    axis.set_yscale("log")
    axis.set_xlabel("r between viewings")
    axis.set_ylabel("voxels")
    axis.legend(loc="upper right", fontsize=8)
    axis.set_title("Reproducibility")
