"""Films: cut them into clips of frames, and write them from frames.

A *clip* has ``seconds × fps`` frames, where frame k of a film is the picture on screen at time
k / fps. The ffmpeg that ships with imageio-ffmpeg decodes and
encodes, through pipes: a film is read once and never as a whole.

>>> write_video(Path("film.mp4"), np.zeros((40, 32, 48, 3), np.uint8), fps=10)
>>> changes = cut_clips(
...     Path("film.mp4"), Path("clips.npy"), seconds=2, fps=3, size=16, n_clips=2
... )
>>> np.load("clips.npy").shape
(2, 6, 16, 16, 3)
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mindvideo.errors import InputError
from mindvideo.io.ffmpeg import address, command, unreadable
from mindvideo.io.probe import probe
from mindvideo.stimuli.rates import frames_per_clip

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Fit = Literal["crop", "pad", "stretch"]

LEAD = 2.0
"""A film that is decoded from a later start is decoded from so much earlier [s]."""
SCALE = "flags=bicubic+accurate_rnd+full_chroma_inp"
FITS = {
    # The central square as it looks on screen: sar is the aspect ratio of a pixel.
    "crop": f"crop=w='min(iw,ih/sar)':h='min(ih,iw*sar)',scale={{size}}:{{size}}:{SCALE}",
    "pad": "scale=w='max(1,round({size}*min(1,iw*sar/ih)))'"
    f":h='max(1,round({{size}}*min(1,ih/(iw*sar))))':{SCALE},pad={{size}}:{{size}}:-1:-1",
    "stretch": f"scale={{size}}:{{size}}:{SCALE}",
}
"""ffmpeg's filters that make a picture square."""

LOOK = "scale=64:36:flags=area,format=gbrp,scdet=t=100,metadata=print:file=changes.txt"
"""Filter that compares each picture, scaled down, with the previous one in all three colours."""


def cut_clips(
    film: Path,
    clips: Path,
    *,
    seconds: float,
    fps: float,
    size: int,
    n_clips: int,
    fit: Fit = "crop",
    start: float = 0.0,
) -> pd.DataFrame:
    """Cut a film into clips, in one pass over the file, with one frame in memory at a time.

    Parameters
    ----------
    film : Path
        Any film that ffmpeg reads, of any frame rate, constant or not.
    clips : Path
        Output: .npy, uint8 (n_clips, n_frames, size, size, 3).
    seconds : float
        Duration of a clip [s].
    fps : float
        Frames per second of the clips; at most the film's.
    size : int
        Height and width of a frame [px].
    n_clips : int
        Number of clips to cut. The rest of the film is left out, with a warning.
    fit : {"crop", "pad", "stretch"}
        How to make the picture square: crop its centre, pad it with black, or stretch it.
    start : float
        When the first clip starts in the film [s].

    Returns
    -------
    DataFrame
        `time` [s after `start`] and `score` of the film's pictures that differ from the one before
        them: see :func:`stream_frames`.

    Raises
    ------
    InputError
        If the file cannot be decoded, has fewer than `fps` pictures per second, or ends before the
        last frame.
    """
    import pandas as pd  # 0.2 s that those who only stream frames do without

    n_frames = frames_per_clip(seconds, fps)
    n_decoded, n_needed = 0, n_clips * n_frames
    facts = probe(film)
    if fault := facts.fault(n_clips, seconds, fps, start):
        raise InputError(f"{film}: {fault}")
    if not start and facts.seconds > n_clips * seconds + 1:
        message = "%s: %g s long, its runs need %g s: the rest is left out"
        log.warning(message, film, facts.seconds, n_clips * seconds)
    changes: list[tuple[float, float]] = []
    rate = n_frames / seconds  # exact even if `fps` was rounded
    stream = stream_frames(
        film,
        fps=rate,
        size=size,
        fit=fit,
        seconds=n_clips * seconds,
        changes=changes,
        start=start,
    )
    with clips.open("wb") as out:
        shape = (n_clips, n_frames, size, size, 3)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        for n_decoded, frame in enumerate(stream, start=1):
            if n_decoded <= n_needed:
                out.write(frame.data)
    if n_decoded < n_needed:  # damaged
        raise InputError(
            f"{film}: {facts.too_short(start + n_decoded / rate, n_clips, seconds, start)}"
        )
    return pd.DataFrame(changes, columns=["time", "score"])


def stream_frames(
    film: Path,
    *,
    fps: float,
    size: int,
    fit: Fit = "crop",
    seconds: float | None = None,
    changes: list[tuple[float, float]] | None = None,
    start: float = 0.0,
) -> Iterator[np.ndarray]:
    """Decode a film frame by frame: the k-th is the picture on screen at `start` + k / fps.

    Parameters
    ----------
    film : Path
    fps, size, fit
        As in :func:`cut_clips`.
    seconds : float, optional
        Where to stop [s after `start`].
    changes : list, optional
        Filled, once the film has ended, with (time [s after `start`], score) of each of its
        pictures (all, not only those yielded) that differs from the one before it. The score is the
        mean absolute difference of 64 × 36 pixels [percent], or the change of that difference where
        this is less (ffmpeg's `scdet`): a cut scores high, steady motion does not. Scores below 1
        are left out.
    start : float
        Where to start [s of the film].

    Yields
    ------
    ndarray, uint8, (size, size, 3)

    Raises
    ------
    InputError
        If ffmpeg finds no picture in the file, or stops with an error.

    Notes
    -----
    ffmpeg's `fps` filter moves each picture to a multiple of 1 / fps and repeats it until the
    next. By default it rounds times to the nearest multiple, which shows up to half a frame of the
    future; rounded up, the frame at k / fps is the last picture that had appeared by then. Pictures
    are first rotated as the file says. To start later, decoding begins up to `LEAD` earlier, since
    the picture on screen at `start` may have appeared before it, and times are shifted.
    """
    lead = min(LEAD, start)
    frames = f"fps=fps={fps!r}:start_time=0:round=up,{FITS[fit].format(size=size)}"
    shifted = f"[0:V:0]setpts=PTS-{lead!r}/TB," if lead else "[0:V:0]"
    graph = f"{shifted}{frames}[frames]"
    if changes is not None:
        graph = f"{shifted}split[a][b];[a]{frames}[frames];[b]{LOOK}[look]"
    words = command("-nostdin", "-v", "error")
    if start:
        words += ["-ss", repr(start - lead)]
    if seconds is not None:
        words += ["-t", repr(lead + seconds)]
    words += ["-i", address(film), "-filter_complex", graph, "-map", "[frames]"]
    words += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    if changes is not None:
        words += ["-map", "[look]", "-f", "null", "-"]
    n_bytes = size * size * 3
    any_frame = False
    # Messages are written to a file: an unread pipe would block ffmpeg once it is full.
    with tempfile.TemporaryFile() as messages, tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=messages, cwd=folder)
        assert process.stdout is not None
        try:
            while len(raw := process.stdout.read(n_bytes)) == n_bytes:
                any_frame = True
                yield np.frombuffer(raw, np.uint8).reshape(size, size, 3)
            failed = process.wait() != 0
        finally:  # also when the caller stops early
            process.kill()
            process.stdout.close()
            process.wait()
        messages.seek(0)
        text = messages.read().decode(errors="replace").strip()
        if failed or not any_frame:
            raise unreadable(film, text)
        if text:
            log.warning("%s: damaged, but decoded: %s", film, text.splitlines()[0])
        if changes is not None:
            changes += _read_changes(Path(folder) / "changes.txt")


def read_pictures(film: Path) -> np.ndarray:
    """Read the pictures of a short film, each once, at their size on screen.

    Returns
    -------
    ndarray, uint8, (n_pictures, h, w, 3)
        All stored pictures, whatever their time stamps are: none is duplicated or left out to make
        a variable rate constant.

    Raises
    ------
    InputError
        If ffmpeg finds no picture in the file, or stops with an error.
    """
    words = command("-nostdin", "-v", "error", "-i", address(film), "-map", "0:V:0")
    words += ["-fps_mode", "passthrough", "-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24"]
    done = subprocess.run([*words, "pipe:1"], capture_output=True, check=False)
    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", done.stdout)
    if done.returncode or not header:
        raise unreadable(film, done.stderr.decode(errors="replace"))
    width, height = map(int, header.groups())
    start = header.end()  # ffmpeg scales all pictures to the size of the first
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, start + height * width * 3)
    return pictures[:, start:].reshape(-1, height, width, 3)


def write_video(path: Path, frames: Iterable[np.ndarray], *, fps: float, quality: int = 20) -> None:
    """Write frames as an H.264 mp4 that every browser plays; the same frames give the same bytes.

    Parameters
    ----------
    path : Path
    frames : iterable of ndarray, uint8, (h, w, 3)
        An array of them, or a stream: one is in memory at a time. Height and width must be even
        (yuv420p halves the resolution of colour).
    fps : float
    quality : int
        x264's constant rate factor: smaller is better; 18 looks like the original.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    frames = iter(frames)
    if (first := next(frames, None)) is None:
        raise ValueError(f"{path}: no frames, but a video needs at least one")
    height, width, _ = first.shape
    words = command("-y", "-v", "error")
    words += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", repr(fps)]
    words += ["-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", str(quality)]
    words += ["-threads", "1", "-pix_fmt", "yuv420p", "-fflags", "+bitexact"]
    # RGB → BT.709, and tag it: otherwise players guess from the size, and colours change.
    words += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"]
    words += ["-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    words += ["-movflags", "+faststart", "-f", "mp4", address(path)]
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=messages)
        assert process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # ffmpeg says why
                for frame in itertools.chain([first], frames):
                    process.stdin.write(np.ascontiguousarray(frame).data)
                process.stdin.close()
            failed = process.wait() != 0
        finally:  # also when the frames end in an error
            process.kill()
            process.wait()
        messages.seek(0)
        if failed:
            text = messages.read().decode(errors="replace")
            raise RuntimeError(f"{path}: ffmpeg failed: {text}")


def _read_changes(path: Path) -> list[tuple[float, float]]:
    text = path.read_text()
    times = re.findall(r"pts_time:(\S+)", text)
    scores = re.findall(r"lavfi\.scd\.score=(\S+)", text)
    pairs = zip(map(float, times), map(float, scores), strict=True)
    return [(time, score) for time, score in pairs if score >= 1 and time >= 0]
