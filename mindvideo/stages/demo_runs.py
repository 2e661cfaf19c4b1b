"""Simulate a subject who watches a film: one BOLD run for each repetition."""

from __future__ import annotations

import csv
import logging

from mindvideo.demo.brain import STEP, Scanner, bold, record
from mindvideo.demo.epi import head
from mindvideo.demo.motion_energy import FPS, PIXELS
from mindvideo.demo.neurons import Cortex, stream
from mindvideo.demo.sight import look
from mindvideo.io.films import stream_frames
from mindvideo.io.runs import write_run
from mindvideo.settings.demo import DemoBrainSettings
from mindvideo.stages import Input, Outputs, chapter

log = logging.getLogger(__name__)


@chapter("the embedded data set")
def main(
    *,
    subject: str,
    segment: str,
    film: Input,
    shots: Input,
    runs: Outputs,
    settings: DemoBrainSettings,
) -> None:
    """Write raw runs: the volumes that are kept and those that cleaning drops."""
    timing = settings.timing
    scanner = Scanner(
        tr=settings.tr,
        n_volumes=timing.drop_start + settings.n_volumes + (timing.drop_end or 0),
        drop_start=timing.drop_start,
    )
    with shots.open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    sight = look(stream_frames(film, fps=FPS, size=PIXELS), table)
    grid = head(settings.resolution).grid
    cortex = Cortex(grid, settings.seed, subject)
    response = bold(cortex, sight, scanner)
    for repetition, path in enumerate(runs, start=1):
        rng = stream(settings.seed, subject, segment, repetition, "noise")
        run = record(response, cortex, settings.resolution, settings.tr, settings.snr, rng)
        write_run(path, run, grid, settings.tr, STEP)
    name = f"{subject} {segment}"
    volumes = f"{len(runs)} runs of {scanner.n_volumes} volumes"
    log.info("%s: %s, from %g s after the film's onset, %s", name, volumes, scanner.times[0], grid)
