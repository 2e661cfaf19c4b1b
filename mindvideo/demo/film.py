"""Films of the world: a list of shots, its frames, and the table that says what is seen when."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from mindvideo.demo import grammar
from mindvideo.demo.world import Shot, draw_shot, render

CLIP_SECONDS = 2.0
# Share of the cuts that fall inside a clip rather than between two: about one clip in seven
# then shows two shots, and its caption is "… then …".
CUTS_INSIDE = 0.4
COLUMNS = (
    "start", "end", "kind", "family", "colour", "scene", "time", "motion", "facing",
    "x0", "y0", "x1", "y1", "size0", "size1", "seed", "caption",
)  # fmt: skip


@dataclass(frozen=True)
class Take:
    """A shot and when it is on screen: [start, end) in seconds of the film."""

    start: float
    end: float
    shot: Shot


def script(seed: int, split: str, segment: str, seconds: float) -> list[Take]:
    """Draw the shots of a film.

    Shots last 2 to 8 s. The same (seed, split, segment) gives the same film; the combinations of
    kind, colour, scene, time and motion in test films never occur in training films.

    Parameters
    ----------
    seed
        Seed of the whole set of films.
    split
        "train" or "test".
    segment
        Name of the film.
    seconds
        Duration [s]; the last shot is cut short there.
    """
    rng = np.random.default_rng([seed, zlib.crc32(split.encode()), zlib.crc32(segment.encode())])
    takes: list[Take] = []
    start = 0.0
    while start < seconds:
        border = CLIP_SECONDS * np.floor(start / CLIP_SECONDS)
        end = float(border + CLIP_SECONDS * rng.integers(2, 4))
        if rng.random() < CUTS_INSIDE:
            end += float(np.round(rng.uniform(0.7, 1.3), 1))
        if seconds - end < CLIP_SECONDS:
            end = seconds
        takes.append(Take(start, end, draw_shot(rng, round(end - start, 3), split)))
        start = end
    return takes


def frames(takes: list[Take], fps: float, size: int) -> Iterator[np.ndarray]:
    """Render a film, frame by frame: uint8 (size, size, 3); frame n is shown at n / fps [s]."""
    n_frames = round(takes[-1].end * fps)
    times = np.arange(n_frames) / fps
    # A frame on a cut belongs to the new shot, whatever the rounding of n / fps.
    places = np.searchsorted([take.end for take in takes], times + 1e-6, side="right")
    for time, place in zip(times, places, strict=True):
        take = takes[place]
        yield render(take.shot, float(time) - take.start, size)


def save_film(path: Path, pictures: Iterator[np.ndarray], fps: float, size: int) -> None:
    """Encode frames as H.264 (yuv420p, constant rate factor 18) in an mp4 file."""
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (size, size),
        fps=fps,
        codec="libx264",
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        quality=None,
        output_params=["-crf", "18", "-threads", "1", "-movflags", "+faststart"],
    )
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture))
    writer.close()


def save_shots(path: Path, takes: list[Take]) -> None:
    """Write one row a shot, tab-separated, with the columns :data:`COLUMNS`.

    Times are seconds of the film, positions and sizes shares of the frame (see
    :class:`~mindvideo.demo.world.Shot`).
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for take in takes:
            values = {name: getattr(take.shot, name, None) for name in COLUMNS}
            values |= {"start": take.start, "end": take.end, "family": take.shot.family}
            values["caption"] = grammar.caption(take.shot)
            writer.writerow({k: f"{v:g}" if isinstance(v, float) else v for k, v in values.items()})
