"""What a film is: its rate, and how long its pictures last, by their own time stamps.

A file's stated duration says little: browsers record films without one, and sound or a damaged
index may go on after the last picture. So the time stamps of all pictures are listed, which takes
no decoding where the container has them.
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
"""30 frames per second are no more than the 29.97 of a film."""
DISCARDED = 4
"""Flag of packets that ffmpeg decodes and does not show: those before the start of an edit."""
COPIED = ("-c", "copy")
DECODED = ("-vf", "scale=16:16", "-fps_mode", "passthrough")


@dataclass(frozen=True)
class Film:
    """What a file holds as its first video stream, pictures of its sleeve left out.

    Attributes
    ----------
    width, height : int
        Of a picture as it is stored [px].
    rate : float
        Pictures per second; of a variable rate, the highest.
    mean_rate : float
        Pictures, by the time that they last [1/s].
    seconds : float
        When the last picture ends [s]. Time 0 is where the earliest stream of the file starts.
    stated : float
        Duration that the file states [s], NaN where it states none.
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

    def fault(self, n_clips: int, tr: float, fps: float) -> str | None:
        """Say what keeps clips from being cut from the film, if anything does.

        Parameters
        ----------
        n_clips : int
        tr : float
            Duration of a clip [s].
        fps : float
            Frames per second of the clips.
        """
        if fps > SAME_RATE * self.rate:
            return (
                f"{self.rate:g} pictures a second, clips.fps asks for {fps:g}: frames would only "
                f"repeat; set it to at most {self.rate:g}{rates_up_to(self.rate, tr)}"
            )
        # The last frame is due 1 / fps before the end of the last clip.
        if self.seconds <= n_clips * tr - 1 / fps + 1e-6:
            return self.too_short(self.seconds, n_clips, tr)
        return None

    def too_short(self, seconds: float, n_clips: int, tr: float) -> str:
        """Say that the film's pictures end after `seconds` [s], before the last clip."""
        longer = self.stated > seconds + 0.1
        file = f" (the file states {self.stated:.2f} s, as its sound may last)" if longer else ""
        return (
            f"the film ends after {seconds:.2f} s{file}, {n_clips} clips of {tr:g} s need "
            f"{n_clips * tr:g} s: is the download complete, and does dataset.clips_per_segment "
            "count the clips of this segment?"
        )


def probe(film: Path) -> Film:
    """Read what a film's file says of itself, and the time stamps of all its pictures.

    Pictures are decoded only where their packets have no time stamps (AVI, MPEG-1, raw H.264).

    Raises
    ------
    InputError
        If the file is empty, no film, or has no picture (sound alone, say).
    """
    if not film.stat().st_size:
        raise InputError(f"{film}: an empty file, a film was needed: copy or download it again")
    said, pictures = _list_pictures(film, COPIED)
    streams = re.findall(r"^\s*Stream #\S+.*?: (\w+): (.*)$", said, flags=re.MULTILINE)
    if not streams:
        raise unreadable(film, said)
    # A picture of its sleeve, in a sound file, is no film.
    videos = [line for kind, line in streams if kind == "Video" and "(attached pic)" not in line]
    size = next((m for line in videos if (m := re.search(r", (\d+)x(\d+)", line))), None)
    if size is None:
        found = ", ".join(sorted({kind.lower() for kind, _ in streams}))
        raise InputError(
            f"{film}: no picture in it, only {found}: a film was needed; is it the right file, "
            "and complete?"
        )
    if not len(pictures) or np.isnan(pictures).any():
        pictures = _list_pictures(film, DECODED)[1]
    if not len(pictures):
        raise unreadable(film, "")
    # fps is the mean rate, tbr the one that all time stamps are multiples of.
    rates = [
        float(n) * 1000 ** bool(k) for n, k in re.findall(r"([\d.]+)(k?) (?:fps|tbr)", size.string)
    ]
    time = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said)
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
    """When pictures (start, duration) appear, in order, and when the last one ends [s]."""
    starts, duration = pictures[pictures[:, 0].argsort()].T
    if not duration[-1] and len(starts) > 1:  # not said: as long as others
        duration[-1] = np.median(np.diff(starts))
    return starts, float((starts + duration).max())


def _list_pictures(film: Path, how: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """What ffmpeg says of a file, and start and duration of each of its film's pictures."""
    words = command("-nostdin", "-hide_banner", "-nostats", "-i", address(film), "-map", "0:V:0")
    done = subprocess.run([*words, *how, "-f", "framecrc", "-"], capture_output=True, check=False)
    said = done.stderr.decode(errors="replace").partition("\nStream mapping:")[0]
    return said, _read_listing(done.stdout.decode(errors="replace"))


def _read_listing(listing: str) -> np.ndarray:
    """Start and duration [s] of each picture that is shown, (n, 2), from ffmpeg's `framecrc`.

    The start is NaN where a picture has no time stamp.
    """
    unit = re.search(r"^#tb 0: (\d+)/(\d+)$", listing, flags=re.MULTILINE)
    rows = re.findall(r"^0, *-?\d+, *(-?\d+), *(\d+),(.*)$", listing, flags=re.MULTILINE)
    shown = []
    for stamp, duration, rest in rows:
        flags = re.search(r"F=0x([0-9A-Fa-f]+)", rest)
        if not (flags and int(flags[1], 16) & DISCARDED):
            shown.append((float(stamp) if int(stamp) > -(2**62) else np.nan, float(duration)))
    seconds = int(unit[1]) / int(unit[2]) if unit else 1.0
    return np.array(shown, dtype=float).reshape(-1, 2) * seconds
