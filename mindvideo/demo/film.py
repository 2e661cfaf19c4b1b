"""Films of the world: the list of shots, the frames, and the table of the content of each shot."""

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
from mindvideo.io.ffmpeg import address

CLIP_SECONDS = 2.0
# Probabilities of shots of 1, 2, 3 and 4 clips, and the fraction of cuts inside a clip rather than
# between two: about one clip in eight shows two shots, and its caption is "… then …".
LENGTHS = (0.2, 0.4, 0.25, 0.15)
CUTS_INSIDE = 0.25
LONGEST = 8.0  # [s]
CONTENT = ("kind", "family", "colour", "scene", "time", "motion", "facing", "unseen")
COURSE = ("x0", "y0", "x1", "y1", "size0", "size1", "camera0", "camera1")
COLUMNS = ("start", "end", *CONTENT, *COURSE, "seed", "caption")


@dataclass(frozen=True)
class Take:
    """A shot and when it is on screen: [start, end) in seconds of the film."""

    start: float
    end: float
    shot: Shot


def script(seed: int, split: str, segment: str, seconds: float) -> list[Take]:
    """Draw the shots of a film.

    Shots last 1 to 8 s. The same (seed, split, segment) gives the same film, and no shot occurs in
    two films. About half of the shots of test films show a combination of kind, scene and motion
    that never occurs in training films.

    Parameters
    ----------
    seed
        Seed of the whole set of films.
    split
        "train" or "test".
    segment
        Name of the film.
    seconds
        Duration [s]; the last shot is cut there.
    """
    rng = np.random.default_rng([seed, zlib.crc32(split.encode()), zlib.crc32(segment.encode())])
    takes: list[Take] = []
    start = 0.0
    while start < seconds:
        border = CLIP_SECONDS * np.floor(start / CLIP_SECONDS)
        end = float(border + CLIP_SECONDS * rng.choice(len(LENGTHS), p=LENGTHS) + CLIP_SECONDS)
        if rng.random() < CUTS_INSIDE:
            end -= float(np.round(rng.uniform(0.7, 1.0), 1))
        if end - start < 1:
            end += CLIP_SECONDS
        if seconds - end < 1:
            end = seconds if seconds - start <= LONGEST else seconds - CLIP_SECONDS
        takes.append(Take(start, end, draw_shot(rng, round(end - start, 3), split)))
        start = end
    return takes


def frames(takes: list[Take], fps: float, size: int) -> Iterator[np.ndarray]:
    """Render a film frame by frame, uint8 (size, size, 3); frame n is at n / fps [s]."""
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
        address(path),
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
    """Write one row per shot, tab-separated, with the columns :data:`COLUMNS`.

    Times are in seconds of the film, positions and sizes in fractions of the frame (see
    :class:`~mindvideo.demo.world.Shot`).
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        for take in takes:
            values = {name: getattr(take.shot, name, None) for name in COLUMNS}
            values |= {"start": take.start, "end": take.end, "unseen": int(take.shot.unseen)}
            values["caption"] = grammar.caption(take.shot)
            writer.writerow({k: f"{v:g}" if isinstance(v, float) else v for k, v in values.items()})
