"""Reconstruct a whole test segment as one film, and measure how it flickers between clips."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips, side_by_side
from mindvideo.io.films import stream_frames, write_video
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import find_segment, load_table, save_table
from mindvideo.metrics.flicker import flicker, frame_change
from mindvideo.models.film import film_noise, make_film
from mindvideo.models.trained import load_pipeline, negative_window
from mindvideo.models.views import count_frames
from mindvideo.progress import progress
from mindvideo.settings import FilmSettings
from mindvideo.stages import Input, Output

log = logging.getLogger(__name__)


def main(
    *,
    windows: Input,
    table: Input,
    null_window: Input,
    model: Input,
    film: Input,
    reconstructions: Input,
    video: Output,
    flickers: Output,
    segment: str,
    settings: FilmSettings,
) -> None:
    """Write the mp4, ground truth beside the film, and the table of flicker.

    The table has a row for what was shown, for the film, and for the `reconstructions` clip by clip
    of the same windows. Frames are made, written and forgotten one by one.
    """
    fmri, clips = np.load(windows, mmap_mode="r"), load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    for path, found in ((windows, fmri), (reconstructions, clips)):
        if len(found) != len(listing):
            raise InputError(
                f"{path} has {len(found)} rows, {table} {len(listing)}: they come from different "
                "runs; make both again"
            )
    places = find_segment(listing, segment)
    negative = negative_window(settings.negative, np.load(null_window), fmri.shape[1:])
    pipeline = load_pipeline(
        model, settings.stable_diffusion, settings.scheduler, settings.precision
    )
    check_voxels(windows, pipeline.fmri_encoder.config["voxels"], model)
    side = settings.size // pipeline.vae_factor
    latent = (pipeline.unet.config["in_channels"], side, side)
    per_clip = settings.fps * settings.tr
    rate = per_clip / settings.num_frames
    n_frames = count_frames(len(places), settings.num_frames, rate)
    log.info("%d clips → %d frames at %g a second", len(places), n_frames, settings.fps)

    with progress(range(0), desc=segment, unit="view") as bar:

        def watch(views: int, total: int) -> None:
            bar.total = total
            bar.update(views)

        made = make_film(
            pipeline,
            [fmri[place] for place in places],
            negative,
            noise=film_noise(latent, seed=settings.seed, shared=settings.shared_noise),
            num_frames=settings.num_frames,
            num_inference_steps=settings.steps,
            guidance_scale=1.0 if negative is None else settings.guidance,
            rate=rate,
            overlap=settings.overlap,
            batch_size=settings.batch_size,
            watch=watch,
        )
        changes: dict[str, list[float]] = {"shown": [], "film": [], "clip by clip": []}
        shown = _watched(_show(film, n_frames, settings), changes["shown"])
        pairs = zip(_watched(made, changes["film"]), shown)  # the film ends first
        pictures = (side_by_side(truth[None], frame[None])[0] for frame, truth in pairs)
        write_video(video, pictures, fps=settings.fps)

    for _ in _watched(
        (frame for place in places for frame in clips[place]), changes["clip by clip"]
    ):
        pass
    rates = {
        "shown": settings.fps,
        "film": settings.fps,
        "clip by clip": settings.num_frames / settings.tr,
    }
    rows = []
    for what, found in changes.items():
        measured = flicker(np.array(found), rates[what] * settings.tr)
        rows.append({"what": what, "fps": rates[what], **vars(measured), "flicker": measured.ratio})
    save_table(flickers, pd.DataFrame(rows))


def _show(film: Input, n_frames: int, settings: FilmSettings) -> Iterator[np.ndarray]:
    """What was on screen at each frame's time; the last picture, up to a second after the end."""
    seconds = n_frames / settings.fps
    stream = stream_frames(
        film, fps=settings.fps, size=settings.size, fit=settings.fit, seconds=seconds
    )
    shown = 0
    for frame in stream:
        shown += 1
        yield frame
    if n_frames - shown > max(1, settings.fps):
        raise InputError(
            f"{film}: the film ends after {shown / settings.fps:.2f} s, the windows go on to "
            f"{seconds:g} s: is it the right film, and complete?"
        )
    for _ in range(shown, n_frames):
        yield frame


def _watched(frames: Iterable[np.ndarray], changes: list[float]) -> Iterator[np.ndarray]:
    """Hand frames on, and append what each changes of the one before."""
    before = None
    for frame in frames:
        if before is not None:
            changes.append(frame_change(before, frame))
        before = frame
        yield frame
