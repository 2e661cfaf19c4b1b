"""Draw the strip of reconstructions, the training curves and the selected voxels."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from matplotlib.figure import Figure

from mindvideo.errors import InputError
from mindvideo.figures.selection import draw_selection
from mindvideo.figures.strip import draw_strip
from mindvideo.figures.style import metric_label
from mindvideo.figures.training import draw_training
from mindvideo.io.clips import load_clips, load_shown
from mindvideo.io.tables import load_table
from mindvideo.settings import FigureSettings
from mindvideo.stages import Input, Inputs, Output

COLUMNS = ("metric", "value", "chance", "null_mean")


def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    metrics: Input,
    per_clip: Input,
    r: Input,
    mask: Input,
    histories: Inputs,
    strip: Output,
    training: Output,
    selection: Output,
    settings: FigureSettings,
) -> None:
    """Write three PNG files."""
    made = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    shown = load_shown(made, listing, clips)
    chosen = np.arange(0, len(made), settings.every)
    scores = load_table(per_clip, ["segment", "clip", "ssim"])
    listing = listing[["segment", "clip"]].merge(scores, "left", ["segment", "clip"])
    rows = listing.iloc[chosen].to_dict("records")
    labels = [f"{row['segment']}, clip {row['clip']}   SSIM {row['ssim']:.2f}" for row in rows]
    summary = "  ·  ".join(_result(row) for row in load_table(metrics, COLUMNS).to_dict("records"))
    _save(draw_strip(shown[chosen], made[chosen], labels, caption=summary), strip)

    curves = {}
    for path, title in zip(histories, _titles(histories), strict=True):
        history = load_table(path, ["step", "loss"])
        curves[title] = (history["step"].to_numpy(), history["loss"].to_numpy(float))
    _save(draw_training(curves), training)

    r_map, voxels = nib.Nifti1Image.from_filename(r), nib.Nifti1Image.from_filename(mask)
    if r_map.shape != voxels.shape or not np.allclose(r_map.affine, voxels.affine):
        raise InputError(
            f"{r} {r_map.shape} and {mask} {voxels.shape} are not on the same grid: "
            "both come from the stage `select`; run it again"
        )
    picture = draw_selection(r_map.get_fdata(), voxels.get_fdata() > 0, r_map.affine)
    _save(picture, selection)


def _result(row: dict) -> str:
    """Say a metric beside its chance level, or the mean of its null where chance has no formula."""
    other = "null" if np.isnan(row["chance"]) else "chance"
    against = row["null_mean" if other == "null" else "chance"]
    words = f"{metric_label(row['metric'])} {row['value']:.2f} ({other} {against:.2f})"
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def _titles(histories: list[Path]) -> list[str]:
    """Name each history after its file, or after its folder where the file says only "history"."""
    if len({path.stem for path in histories}) == len(histories):
        names = [path.stem for path in histories]
    else:
        names = [path.parent.name for path in histories]
    names = [name.removesuffix("_history").replace("_", " ") for name in names]
    return [name if names.count(name) == 1 else f"{name} {i}" for i, name in enumerate(names, 1)]


def _save(figure: Figure, path: Path) -> None:
    # Without a date or version in it, the same figure is the same file.
    figure.savefig(path, format="png", dpi=160, metadata={"Software": None})
