"""From windows or a run to clips on the disk."""

from __future__ import annotations

import json
import logging
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mindvideo.decoding.generator import Generator
from mindvideo.decoding.model import TrainedModel
from mindvideo.decoding.recordings import cleaned_run
from mindvideo.errors import InputError
from mindvideo.fmri.windows import cut, pad
from mindvideo.io.clips import enlarge
from mindvideo.io.films import write_video
from mindvideo.io.kept import compute_rows
from mindvideo.io.maps import read_labels
from mindvideo.io.runs import header_on
from mindvideo.nuisance import names_of
from mindvideo.settings.base import RunTiming
from mindvideo.settings.fmri import CleanSettings

log = logging.getLogger(__name__)

EPSILON = 1e-6
"""Durations are rounded numbers: a clip that lacks less of a volume was shown."""


def windows_of_run(
    model: TrainedModel,
    run: Path,
    *,
    confounds: Path | None = None,
    drop_start: int | None = None,
    drop_end: int | None = None,
) -> np.ndarray:
    """Clean a run of the model's subject, and cut it into one window for each clip.

    Parameters
    ----------
    model
    run
        On the grid of the runs that the model was trained on; a pair of GIFTI files with
        ``{hemi}`` in its path, an array of an archive as ``FILE::NAME``.
    confounds
        The run's table, if the settings name confounds.
    drop_start, drop_end
        Volumes recorded outside the film; not given: as in the evaluated runs.

    Returns
    -------
    ndarray, float32, (n, w, v)

    Raises
    ------
    InputError
        If the model has no regions and voxels, the run is not on their grid, is too short, or
        cannot be read, or confounds are missing or not used.
    """
    recording = model.recording
    if recording is None:
        raise InputError(
            f"{model.place} has no settings of cleaning, regions and selected voxels, which a run "
            "needs: name a folder of results that has regions/, selection/ and the sidecars of "
            "clean/, or a model exported from one; or give windows"
        )
    settings = recording.settings
    cleaning = settings.clean
    names = [*names_of(cleaning.confounds), *(name for name, _ in cleaning.censoring)]
    if names and confounds is None:
        raise InputError(
            f"the model was trained on runs cleaned by {', '.join(dict.fromkeys(names))}: give the "
            "run's table of confounds with --confounds"
        )
    if confounds is not None and not names:
        raise InputError(
            f"--confounds {confounds}: no confounds were regressed out of the runs that "
            f"{model.place} was trained on: leave the option out"
        )
    timing = _timing(model, settings.timing, drop_start, drop_end)
    times = settings.windows.times
    space = read_labels(recording.regions)[1]
    columns = model.columns(len(space))
    header = header_on(run, space)
    start = timing.start(settings.tr) or 0.0
    during = header.n_volumes - math.ceil(start) - (timing.drop_end or 0)
    # Windows may have the volumes after the film, but no clip is shown during them.
    available = header.n_volumes - math.ceil(start) - settings.lag
    n_clips = min(
        times.n_clips_in(available), max(0, int((during + EPSILON) * settings.tr / times.seconds))
    )
    if n_clips < 1:
        raise InputError(
            f"{run}: {header.n_volumes} volumes, of which {start:g} are before the film and "
            f"{timing.drop_end or 0} after it: none is left for windows of {times.size} volumes, "
            f"{settings.lag} after their clips. Is the file complete? Other numbers are set with "
            "--drop-start and --drop-end"
        )
    cleaning = CleanSettings(
        **settings.clean.model_dump(),
        tr=settings.tr,
        timing=[timing],
        lag=settings.lag,
        n_volumes=times.n_kept(n_clips, available),
    )
    cleaned = cleaned_run(run, space, cleaning, timing, confounds=confounds)
    if dead := int(cleaned.dead[columns].sum()):
        log.warning(
            "%s: %d of %d selected voxels are constant, nearly constant or not finite: set to 0",
            run,
            dead,
            len(columns),
        )
    chosen = pad(cleaned.values[:, columns], settings.windows.patch_size)
    return cut(chosen, times, n_clips)


def _timing(
    model: TrainedModel, stored: RunTiming | None, drop_start: int | None, drop_end: int | None
) -> RunTiming:
    if stored is None and None in (drop_start, drop_end):
        raise InputError(
            f"the evaluated runs of {model.place} were trimmed differently: give the volumes "
            "recorded before and after the film with --drop-start and --drop-end"
        )
    if min(drop_start or 0, drop_end or 0) < 0:
        raise InputError(
            f"--drop-start {drop_start}, --drop-end {drop_end}: neither can be negative"
        )
    timing = stored or RunTiming()
    if drop_start is not None:
        timing = timing.model_copy(update={"drop_start": drop_start, "onset": None})
    if drop_end is not None:
        timing = timing.model_copy(update={"drop_end": drop_end})
    return timing


def write_clips(
    folder: Path,
    generator: Generator,
    windows: np.ndarray,
    *,
    first: int,
    fps: float,
    film: bool,
    record: dict[str, Any],
) -> np.ndarray:
    """Generate a clip for each window, and write them to a new folder.

    Parameters
    ----------
    folder : Path
        Gets ``clips.npy`` uint8 (n, f, h, w, 3), ``0000.mp4`` …, and ``record.json``.
    generator : Generator
    windows : ndarray, shape (n, w, v)
    first : int
        Number of the first window's clip, which selects its noise.
    fps : float
        Frames per second of the videos.
    film : bool
        Also write ``film.mp4``, all clips in order.
    record : dict
        How the clips were computed.

    Returns
    -------
    memmap, uint8, (n, f, h, w, 3)
    """
    folder.mkdir()
    motion = generator.motion_of(windows)
    generator.pipeline.set_progress_bar_config(disable=True)

    def generate(rows: range) -> dict[str, np.ndarray]:
        moving = None if motion is None else motion[rows.start : rows.stop]
        numbers = [first + row for row in rows]
        return {"clips": generator.generate(windows[rows.start : rows.stop], numbers, moving)}

    with tempfile.TemporaryDirectory(dir=folder) as state:
        size = generator.settings.batch_size
        kept = compute_rows(Path(state), "rows", len(windows), generate, size=size, desc="clips")
        kept.publish("clips", folder / "clips.npy")
    clips = np.load(folder / "clips.npy", mmap_mode="r")
    for number, clip in enumerate(clips):
        write_video(folder / f"{number:04d}.mp4", enlarge(clip), fps=fps)
    if film:
        write_video(folder / "film.mp4", _frames(clips), fps=fps)
    (folder / "record.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return clips


def _frames(clips: np.ndarray) -> Iterator[np.ndarray]:
    """All frames in order, enlarged as those of a clip are."""
    for clip in clips:
        yield from enlarge(clip)
