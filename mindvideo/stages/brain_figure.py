"""Draw flat maps of the recorded brain: temporal SNR, reproducibility and selected voxels."""

from __future__ import annotations

import numpy as np

from mindvideo.figures.brain import draw_brain
from mindvideo.figures.responsive import MEASURES
from mindvideo.io.figures import save_figure
from mindvideo.settings.evaluation import BrainFigureSettings
from mindvideo.stages import Input, Inputs, Outputs, chapter, makes
from mindvideo.stages._cortex import on_cortex, read_maps, surface_of


@chapter("evaluation")
@makes("figures", made_from=["selection", "clean"])
def main(
    *, r: Input, mask: Input, tsnr: Inputs, brain: Outputs, settings: BrainFigureSettings
) -> None:
    """Write one figure, as PNG and as PDF: temporal SNR is the mean over the segments of `tsnr`.

    If voxels were selected by their areas, none has an r, and the histogram is of temporal SNR.
    """
    (r_values, selected, *snrs), grid = read_maps([r, mask, *tsnr])
    mean_snr = np.mean(snrs, axis=0)
    tested = np.isfinite(r_values) & (r_values != 0)
    measured = mean_snr > 0 if settings.by == "areas" else tested
    values = mean_snr if settings.by == "areas" else r_values
    surface = surface_of(grid)
    figure = draw_brain(
        surface.flat,
        surface.areas,
        tsnr=on_cortex(mean_snr, mean_snr > 0, grid),
        r=on_cortex(r_values, tested, grid),
        selected=on_cortex(selected > 0, measured, grid),
        voxels=(values[measured], selected[measured] > 0),
        measure=MEASURES[settings.by],
    )
    save_figure(figure, brain)
