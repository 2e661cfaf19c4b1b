"""What the map of r is called, by how voxels were selected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """What voxels were selected by, in the words of figures and pages."""

    title: str
    """Of a map."""
    unit: str
    axis: str
    """Of a histogram."""
    histogram: str
    """Its title."""
    about: str
    """What the map shows, for "… of the training segments" to follow."""
    t_about: str
    """What is tested over the training segments."""
    selected_by: str


TSNR = Measure(
    title="Temporal SNR of the raw runs",
    unit="mean / SD",
    axis="temporal SNR of the raw runs",
    histogram="Temporal SNR",
    about="",
    t_about="",
    selected_by="their areas",
)
MEASURES = {
    "repeats": Measure(
        title="Correlation between repetitions",
        unit="r",
        axis="correlation r between repetitions",
        histogram="Reproducibility",
        about="Correlation of a voxel's responses between repetitions",
        t_about="correlation between repetitions",
        selected_by="the reproducibility of their responses",
    ),
    "areas": TSNR,
    "subjects": Measure(
        title="Correlation between subjects",
        unit="r",
        axis="correlation r between subjects",
        histogram="Correlation between subjects",
        about="Correlation of a voxel's response with the mean response of the other subjects",
        t_about="correlation between subjects",
        selected_by="the correlation of their responses with those of the other subjects",
    ),
    "encoding": Measure(
        title="Prediction of the responses from the film",
        unit="r",
        axis="correlation r with the prediction",
        histogram="Prediction from the film",
        about="Correlation of a voxel's response with its prediction from the film, by ridge "
        "regression on the other segments,",
        t_about="correlation with the prediction",
        selected_by="how well their responses are predicted from the film",
    ),
}
"""By the setting `selection.by`; areas are not tested, so figures show the signal's quality."""
