"""Reconstruct a whole evaluated segment as one film, and measure how it flickers between clips."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.decoding.generator import load_generator
from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips, side_by_side
from mindvideo.io.films import stream_frames, write_video
from mindvideo.io.kept import KeptRows
from mindvideo.io.snapshots import load_snapshot, save_snapshot
from mindvideo.io.tables import find_segment, load_table, save_table
from mindvideo.metrics.flicker import flicker, frame_change
from mindvideo.models.film import Film, film_noise
from mindvideo.models.views import count_frames
from mindvideo.progress import progress
from mindvideo.settings.evaluation import FilmSettings
from mindvideo.stages import Input, Output, State, chapter, makes

log = logging.getLogger(__name__)

SECONDS = 60.0
"""Time between two saves [s]: a kill loses at most this much work, and one batch of views."""


@chapter("reconstruction")
@makes("films", made_from=["windows", "latents", "cotraining", "reconstruction"])
def main(
    *,
    windows: Input,
    table: Input,
    null_window: Input,
    model: Input,
    film: Input,
    reconstructions: Input,
    train_windows: Input | None,
    empty_text: Input | None,
    video: Output,
    flickers: Output,
    state: State,
    segment: str,
    settings: FilmSettings,
) -> None:
    """Write the mp4, with the ground truth next to the reconstructed film, and the flicker table.

    The table has a row for the stimulus, for the film, and for the `reconstructions` clip by clip
    of the same windows. `train_windows` and `empty_text` are needed as for clips. Finished frames
    and the state of the denoising are kept in the state folder until the outputs are in place.
    """
    fmri, clips = np.load(windows, mmap_mode="r"), load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    for path, rows in ((windows, fmri), (reconstructions, clips)):
        if len(rows) != len(listing):
            raise InputError(
                f"{path} has {len(rows)} rows, but {table} has {len(listing)}: they come from "
                "different runs of the workflow; compute both again"
            )
    places = find_segment(listing, segment)
    generator = load_generator(
        model,
        settings,
        windows,
        fmri.shape[1:],
        null_window=null_window,
        train_windows=train_windows,
        empty_text=empty_text,
    )
    pipeline, conditions = generator.pipeline, generator.conditions
    side = settings.size // pipeline.vae_factor
    latent = (pipeline.unet.config["in_channels"], side, side)
    per_clip = settings.fps * settings.seconds
    rate = per_clip / settings.num_frames
    n_frames = count_frames(len(places), settings.num_frames, rate)
    log.info("%d clips → %d frames at %g a second", len(places), n_frames, settings.fps)

    truth = partial(_truth, film, n_frames, settings)
    changes = {"shown": _changes(truth())}  # first, to detect a film that is too short
    with (
        KeptRows(state, n_frames, "film") as kept,
        progress(range(0), desc=segment, unit="view") as bar,
    ):

        def watch(views: int, total: int) -> None:
            bar.total = total
            bar.update(views)

        reconstruction = Film(
            pipeline,
            conditions.of([fmri[place] for place in places], len(places)),
            conditions.negative,
            noise=film_noise(latent, seed=settings.seed, shared=settings.shared_noise),
            num_frames=settings.num_frames,
            num_inference_steps=settings.steps,
            guidance_scale=generator.guidance,
            rate=rate,
            overlap=settings.overlap,
            batch_size=settings.batch_size,
            watch=watch,
        )
        _finish(reconstruction, kept, state / "film.pt")
        frames = kept.array("frames")
    pictures = (side_by_side(left[None], right[None])[0] for left, right in zip(truth(), frames))
    write_video(video, pictures, fps=settings.fps)

    changes["film"] = _changes(frames)
    changes["clip by clip"] = _changes(frame for place in places for frame in clips[place])
    save_table(flickers, _measure(changes, settings))


def _finish(film: Film, kept: KeptRows, snapshot: Path) -> None:
    """Compute the frames that are not saved yet.

    The film's state is saved every `SECONDS`, with the number of frames that belong to it: first
    the frames, then the state. A kill between the two leaves more frames than the state has, and
    these are computed again. A SIGTERM can arrive in the middle of a batch, so the state saved last
    is used, as after a kill.
    """
    saved = load_snapshot(snapshot)
    kept.rewind(saved["frames"] if saved else 0)
    if saved:
        film.load_state_dict(saved["film"])
        log.info("resuming at frame %d of %d", kept.done, kept.n)

    def save() -> None:
        kept.flush()
        save_snapshot(snapshot, {"frames": kept.done, "film": film.state_dict()})

    last = time.monotonic()
    for frames in film:
        if frames:
            kept.put(range(kept.done, kept.done + len(frames)), frames=np.stack(frames))
        if time.monotonic() - last >= SECONDS:
            save()
            last = time.monotonic()
    save()


def _truth(film: Input, n_frames: int, settings: FilmSettings) -> Iterator[np.ndarray]:
    """The stimulus at the time of each frame; its last frame is held for up to one second."""
    seconds = n_frames / settings.fps
    stream = stream_frames(
        film,
        fps=settings.fps,
        size=settings.size,
        fit=settings.fit,
        seconds=seconds,
        start=settings.start,
    )
    n_read = 0
    for frame in itertools.islice(stream, n_frames):
        n_read += 1
        yield frame
    if n_frames - n_read > max(1, settings.fps):
        raise InputError(
            f"{film}: the film ends after {n_read / settings.fps:.2f} s, but the windows end at "
            f"{seconds:g} s: is it the right film, and is the file complete?"
        )
    for _ in range(n_read, n_frames):
        yield frame


def _changes(frames: Iterable[np.ndarray]) -> list[float]:
    """Mean change of each frame from the previous one."""
    return [frame_change(before, frame) for before, frame in itertools.pairwise(frames)]


def _measure(changes: dict[str, list[float]], settings: FilmSettings) -> pd.DataFrame:
    """The table of flicker, one row per film."""
    rates = {
        "shown": settings.fps,
        "film": settings.fps,
        "clip by clip": settings.num_frames / settings.seconds,
    }
    rows = []
    for what, per_frame in changes.items():
        measured = flicker(np.array(per_frame), rates[what] * settings.seconds)
        rows.append({"what": what, "fps": rates[what], **vars(measured), "flicker": measured.ratio})
    return pd.DataFrame(rows)
