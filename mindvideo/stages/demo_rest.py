"""Simulate a resting-state run of a pre-training subject."""

from __future__ import annotations

import logging

from mindvideo.demo.rest import layout, rest
from mindvideo.io.cifti import write_dtseries
from mindvideo.settings.demo import DemoRestSettings
from mindvideo.stages import Output, chapter

log = logging.getLogger(__name__)


@chapter("the embedded data set")
def main(*, subject: str, run: str, dtseries: Output, settings: DemoRestSettings) -> None:
    """Write a dense time series on the 91k grayordinates (``….dtseries.nii``)."""
    values = rest(subject, run, settings.n_volumes, settings.tr, settings.seed)
    write_dtseries(dtseries, values, layout(), settings.tr)
    log.info("%s %s: %d volumes of %d grayordinates", subject, run, *values.shape)
