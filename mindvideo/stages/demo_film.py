"""Draw a film of the demo world, and the table of its shots."""

from __future__ import annotations

import logging

from mindvideo.demo import film as films
from mindvideo.settings.demo import DemoFilmSettings
from mindvideo.stages import Output, chapter

log = logging.getLogger(__name__)


@chapter("the embedded data set")
def main(*, segment: str, film: Output, shots: Output, settings: DemoFilmSettings) -> None:
    takes = films.script(settings.seed, settings.split, segment, settings.seconds)
    films.save_film(
        film, films.frames(takes, settings.fps, settings.size), settings.fps, settings.size
    )
    films.save_shots(shots, takes)
    log.info("%s: %d shots in %g s", segment, len(takes), settings.seconds)
