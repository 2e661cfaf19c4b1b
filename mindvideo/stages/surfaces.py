"""Write the maps of a subject as an interactive page on the cortical surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from mindvideo.figures.interpretation import RATIO_MAP, STAGES
from mindvideo.figures.responsive import MEASURES
from mindvideo.figures.surfaces import GroupSurface, SurfaceMap, surfaces_page
from mindvideo.io.spaces import Grid
from mindvideo.settings.evaluation import SurfaceSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes
from mindvideo.stages._cortex import is_drawn, on_cortex, read_maps, surface_of

RECORDED = "Recorded brain"
ENCODER = "Encoder"
NATIVE = (
    "These maps are volumes in the subject's own space, which has no fixed relation to the group "
    "surface. For this page, resample the runs to MNI152 space, or use runs in CIFTI format "
    "(91k grayordinates)."
)
NO_SURFACE = (
    "These runs ({}) are on no surface that the page has: fsLR 32k, fsaverage, fsaverage5 and "
    "fsaverage6. The maps themselves are in the folder selection."
)
Maps = list[SurfaceMap]
Project = Callable[[np.ndarray, np.ndarray], np.ndarray]


@chapter("evaluation")
@makes("surfaces", made_from=["selection", "clean"])
@makes("interpretation", made_from=["interpretation", "selection", "clean"])
def main(
    *,
    model: str,
    r: Input,
    t: Input,
    mask: Input,
    tsnr: Inputs,
    maps: Input | None = None,
    page: Output,
    settings: SurfaceSettings,
) -> None:
    """Write one HTML file.

    `tsnr` are the maps of the training segments. `maps` is the folder of the stage `interpret`;
    without it, the page has only the maps of the recorded brain.
    """
    of_encoder = sorted([*maps.glob("*.nii*"), *maps.glob("*.tsv")]) if maps else []
    of_encoder = [path for path in of_encoder if path.suffix != ".json"]
    (r_values, t_values, selected, *others), grid = read_maps([r, t, mask, *tsnr, *of_encoder])
    snrs, encoder_values = others[: len(tsnr)], others[len(tsnr) :]

    def project(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
        return on_cortex(values, measured, grid)

    shown: Maps = []
    notice = ""
    if not is_drawn(grid):
        notice = NATIVE if isinstance(grid, Grid) else NO_SURFACE.format(grid)
    if not notice:
        shown += _recorded(r_values, t_values, selected > 0, snrs, project, settings.by)
        for path, values in zip(of_encoder, encoder_values):
            if values.any():  # without repetitions there is no noise ceiling
                shown.append(_of_encoder(path, values, selected > 0, project))
    group = surface_of(grid)
    surface = GroupSurface(group.meshes, group.faces, group.depth, group.areas)
    subject, _, variant = model.partition("/variants/")
    title = f"{settings.dataset}, {subject}{variant and f', variant {variant}'}"
    text = surfaces_page(f"{title}: maps on the cortex", shown, surface, notice=notice)
    page.write_text(text, encoding="utf-8")


def _recorded(
    r: np.ndarray,
    t: np.ndarray,
    selected: np.ndarray,
    snrs: list[np.ndarray],
    project: Project,
    by: str,
) -> Maps:
    """Maps of the stages `select` and `clean`; without those of r and t if nothing was tested."""
    measure, snr = MEASURES[by], np.mean(snrs, axis=0)
    measured = snr > 0 if by == "areas" else np.isfinite(r) & (r != 0)
    tested = [
        SurfaceMap(
            key="r",
            name=measure.title.replace("Correlation", "Correlation r"),
            group=RECORDED,
            about=f"{measure.about} of the training "
            f"segments, averaged over {len(snrs)} segments (mean Fisher z).",
            unit="correlation r",
            values=project(r, measured),
            scale="positive",
            colours="YlOrRd",
        ),
        SurfaceMap(
            key="t",
            name="t statistic of the correlation",
            group=RECORDED,
            about="One-sample t test, over the training segments, of the Fisher z of the "
            f"{measure.t_about}.",
            unit=f"t ({len(snrs) - 1} degrees of freedom)",
            values=project(t, measured & np.isfinite(t)),
            scale="signed",
            colours=RATIO_MAP,
        ),
    ]
    return [
        *([] if by == "areas" else tested),
        SurfaceMap(
            key="selected",
            name="Selected voxels",
            group=RECORDED,
            about=f"The {selected.sum():,} voxels that the encoder reads, selected by "
            f"{measure.selected_by}. In volumes, a vertex takes the mean of the voxels "
            "around it.",
            unit="fraction selected at the vertex",
            values=project(selected, measured),
            scale="fraction",
            colours="Blues",
        ),
        SurfaceMap(
            key="tsnr",
            name="Temporal SNR of the raw runs",
            group=RECORDED,
            about="Mean of the raw signal divided by its standard deviation over time, drift "
            "included, averaged over the training runs.",
            unit="mean / standard deviation",
            values=project(snr, snr > 0),
            scale="positive",
            colours="viridis",
        ),
    ]


def _of_encoder(
    path: Path, values: np.ndarray, selected: np.ndarray, project: Project
) -> SurfaceMap:
    """Describe a map of the stage `interpret` by the parts of its name: method, stage, layer."""
    key = path.name.partition(".")[0]
    method, stage, layer = [*key.split("_"), "", ""][:3]
    ratio = SurfaceMap(
        key=key,
        name=f"{method.capitalize()} {STAGES[stage]}" if stage in STAGES else key,
        group=ENCODER,
        about="",
        unit="times uniform",
        values=project(values, selected),
        scale="ratio",
        colours=RATIO_MAP,
    )
    if method == "attention":
        layers = layer.replace("-", " = ")
        return replace(
            ratio,
            name=f"{ratio.name}, {layers} layer",
            about="Attention that each selected voxel receives from the encoder, averaged over "
            "the evaluated windows. 1 is uniform attention over the selected voxels.",
        )
    if method == "attribution":
        return replace(
            ratio,
            about="Each selected voxel's fraction of the integrated gradients' magnitude, for the "
            "cosine between the encoder's embedding and CLIP's embedding of the frame. 1 is the "
            "same fraction for all selected voxels.",
        )
    if method == "contribution":
        return replace(
            ratio,
            about="Integrated gradients with their signs: how much each selected voxel adds to "
            "the cosine between the encoder's embedding and CLIP's embedding of the frame.",
            unit="cosine",
            scale="signed",
        )
    return replace(
        ratio,
        name="Noise ceiling",
        about="Correlation that a perfect model would reach with the mean of the test "
        "repetitions, estimated from the correlation between training repetitions.",
        unit="correlation",
        values=project(values, values > 0),
        scale="fraction",
        colours="viridis",
    )
