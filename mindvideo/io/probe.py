"""Frame rate and duration of a film, from the time stamps of its pictures.

The duration that a file states is unreliable: browsers record films without one, and sound or a
damaged index may extend beyond the last picture. So the time stamps of all pictures are listed,
which needs no decoding if the container has them.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.ffmpeg import address, command, unreadable
from mindvideo.stimuli.rates import rates_up_to

SAME_RATE = 1.01
"""Rates within this factor are equal: 30 frames per second are no more than a film's 29.97."""
DISCARDED = 4
"""Flag of packets that ffmpeg decodes but does not output: those before the start of an edit."""
COPIED = ("-c", "copy")
DECODED = ("-vf", "scale=16:16", "-fps_mode", "passthrough")


@dataclass(frozen=True)
class Film:
    """The first video stream of a file, ignoring cover pictures.

    Attributes
    ----------
    width, height : int
        Size of a stored picture [px].
    rate : float
        Pictures per second; the highest, if the rate is variable.
    mean_rate : float
        Number of pictures divided by their duration [1/s].
    seconds : float
        When the last picture ends [s]. Time 0 is where the earliest stream of the file starts.
    stated : float
        Duration that the file states [s], NaN if it states none.
    starts : tuple of float
        When each picture appears [s].
    """

    width: int
    height: int
    rate: float
    mean_rate: float
    seconds: float
    stated: float
    starts: tuple[float, ...] = field(repr=False)

    def fault(self, n_clips: int, seconds: float, fps: float, start: float = 0.0) -> str | None:
        """Why clips cannot be cut from the film, or None if they can.

        Parameters
        ----------
        n_clips : int
        seconds : float
            Duration of a clip [s].
        fps : float
            Frames per second of the clips.
        start : float
            When the first clip starts [s].
        """
        if fps > SAME_RATE * self.rate:
            return (
                f"{self.rate:g} pictures per second, but clips.fps is {fps:g}: frames would only "
                f"repeat; set it to at most {self.rate:g}{rates_up_to(self.rate, seconds)}"
            )
        # The last frame is due 1 / fps before the end of the last clip.
        if self.seconds <= start + n_clips * seconds - 1 / fps + 1e-6:
            return self.too_short(self.seconds, n_clips, seconds, start)
        return None

    def too_short(self, end: float, n_clips: int, seconds: float, start: float = 0.0) -> str:
        """The message that the film's pictures end after `end` [s], before the last clip."""
        longer = self.stated > end + 0.1
        after = f" from {start:g} s on" if start else ""
        file = f" (the file states {self.stated:.2f} s, as its sound may last)" if longer else ""
        return (
            f"the film ends after {end:.2f} s{file}, {n_clips} clips of {seconds:g} s{after} need "
            f"{start + n_clips * seconds:g} s: is the download complete, and does "
            "dataset.clips_per_segment count the clips of this segment?"
        )


def probe(film: Path) -> Film:
    """Read the metadata of a film, and the time stamps of all its pictures.

    Pictures are decoded only if their packets have no time stamps (AVI, MPEG-1, raw H.264).

    Raises
    ------
    InputError
        If the file is empty, not a film, or has no picture (only sound, for example).
    """
    if not film.stat().st_size:
        raise InputError(f"{film}: the file is empty: copy or download the film again")
    messages, pictures = _list_pictures(film, COPIED)
    streams = re.findall(r"^\s*Stream #\S+.*?: (\w+): (.*)$", messages, flags=re.MULTILINE)
    if not streams:
        raise unreadable(film, messages)
    # The cover picture of a sound file is not a film.
    videos = [line for kind, line in streams if kind == "Video" and "(attached pic)" not in line]
    size = next((m for line in videos if (m := re.search(r", (\d+)x(\d+)", line))), None)
    if size is None:
        kinds = ", ".join(sorted({kind.lower() for kind, _ in streams}))
        raise InputError(
            f"{film}: no pictures, only {kinds}: expected a film; is it the right file, and is it "
            "complete?"
        )
    if not len(pictures) or np.isnan(pictures).any():
        pictures = _list_pictures(film, DECODED)[1]
    if not len(pictures):
        raise unreadable(film, "")
    # fps is the mean rate; all time stamps are multiples of 1 / tbr.
    rates = [
        float(n) * 1000 ** bool(k) for n, k in re.findall(r"([\d.]+)(k?) (?:fps|tbr)", size.string)
    ]
    time = re.search(r"Duration: (\d+):(\d+):([\d.]+)", messages)
    hours, minutes, seconds = map(float, time.groups()) if time else (0, 0, float("nan"))
    starts, end = _in_order(pictures)
    span = end - starts[0]
    return Film(
        width=int(size[1]),
        height=int(size[2]),
        rate=max(rates, default=float("inf")),
        mean_rate=float(len(pictures) / span) if span > 0 else float("inf"),
        seconds=end,
        stated=3600 * hours + 60 * minutes + seconds,
        starts=tuple(starts.tolist()),
    )


def _in_order(pictures: np.ndarray) -> tuple[np.ndarray, float]:
    """Sorted start times of pictures (start, duration), and the end of the last one [s]."""
    starts, duration = pictures[pictures[:, 0].argsort()].T
    if not duration[-1] and len(starts) > 1:  # not stated: assume the duration of the others
        duration[-1] = np.median(np.diff(starts))
    return starts, float((starts + duration).max())


def _list_pictures(film: Path, how: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """ffmpeg's messages about a file, and start and duration of each picture of its film."""
    words = command("-nostdin", "-hide_banner", "-nostats", "-i", address(film), "-map", "0:V:0")
    done = subprocess.run([*words, *how, "-f", "framecrc", "-"], capture_output=True, check=False)
    messages = done.stderr.decode(errors="replace").partition("\nStream mapping:")[0]
    return messages, _read_listing(done.stdout.decode(errors="replace"))


def _read_listing(listing: str) -> np.ndarray:
    """Start and duration [s] of each displayed picture, (n, 2), from ffmpeg's `framecrc`.

    The start is NaN if a picture has no time stamp.
    """
    unit = re.search(r"^#tb 0: (\d+)/(\d+)$", listing, flags=re.MULTILINE)
    rows = re.findall(r"^0, *-?\d+, *(-?\d+), *(\d+),(.*)$", listing, flags=re.MULTILINE)
    displayed = []
    for stamp, duration, rest in rows:
        flags = re.search(r"F=0x([0-9A-Fa-f]+)", rest)
        if not (flags and int(flags[1], 16) & DISCARDED):
            start = float(stamp) if int(stamp) > -(2**62) else np.nan
            displayed.append((start, float(duration)))
    seconds = int(unit[1]) / int(unit[2]) if unit else 1.0
    return np.array(displayed, dtype=float).reshape(-1, 2) * seconds
