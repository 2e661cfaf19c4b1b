"""Films in, clips of frames out; frames in, small films out.

A *clip* is what was on screen during one volume: ``tr × fps`` frames, frame k of a film being the
picture shown at time k / fps. Decoding and encoding are left to the ffmpeg that ships with
imageio-ffmpeg, through pipes: a film is read once and never held whole.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.tables import rows

log = logging.getLogger(__name__)


def frames_per_clip(tr: float, fps: float) -> int:
    """Count the frames of a clip: ``tr × fps``.

    Parameters
    ----------
    tr : float
        Duration of a clip [s].
    fps : float
        Frames per second.

    Raises
    ------
    InputError
        If the product is no whole number: clips would drift against the volumes.
    """
    n_frames = round(tr * fps)
    if n_frames < 1 or abs(tr * fps - n_frames) > 1e-6:
        raise InputError(
            f"a clip of {tr:g} s at {fps:g} frames per second has {tr * fps:g} frames, a whole "
            f"number was needed: set clips.fps to a multiple of {1 / tr:g}"
        )
    return n_frames


def decode_clips(film: Path, *, tr: float, fps: float, size: int, n_clips: int) -> np.ndarray:
    """Cut a film into clips, in one pass over the file.

    Parameters
    ----------
    film : Path
        Anything that ffmpeg reads; any frame rate, constant or not.
    tr : float
        Duration of a clip [s].
    fps : float
        Frames per second of the clips.
    size : int
        Height and width of a frame [px]: the centre square of the picture, scaled.
    n_clips : int
        Clips to make. What the film shows after them is left out, and logged.

    Returns
    -------
    ndarray, uint8, (n_clips, n_frames, size, size, 3)

    Raises
    ------
    InputError
        If the file cannot be decoded, or ends before the last frame asked for.
    """
    n_frames = frames_per_clip(tr, fps)
    needed = n_clips * n_frames
    frames = np.empty((needed, size, size, 3), np.uint8)
    found = 0
    for found, frame in enumerate(stream_frames(film, fps=fps, size=size), start=1):
        if found > needed:  # one more than needed: the film goes on
            break
        frames[found - 1] = frame
    if found < needed:
        raise InputError(
            f"{film}: the film ends after {_seconds(film):.2f} s, {n_clips} clips of {tr:g} s "
            f"need {n_clips * tr:g} s: is the download complete, and does dataset."
            "clips_per_segment count the clips of this segment?"
        )
    if found > needed:
        log.info("%s goes on after the %g s that its runs ask for: left out", film, n_clips * tr)
    return frames.reshape(n_clips, n_frames, size, size, 3)


def stream_frames(film: Path, *, fps: float, size: int) -> Iterator[np.ndarray]:
    """Decode a film frame by frame: the k-th is the picture on screen at time k / fps.

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
    next. By default it rounds to the nearest, which shows up to half a frame of the future;
    rounding up instead puts at k / fps the last picture that had appeared by then.
    """
    filters = [
        f"fps=fps={fps!r}:start_time=0:round=up",
        # The centre square as it looks on screen: sar is the shape of a pixel.
        "crop=w='min(iw,ih/sar)':h='min(ih,iw*sar)'",
        f"scale={size}:{size}:flags=bicubic+accurate_rnd+full_chroma_inp",
    ]
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error"),
        *("-i", str(film), "-map", "0:v:0", "-vf", ",".join(filters)),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
    ]
    n_bytes = size * size * 3
    any_frame = False
    # Messages go to a file: a pipe that nobody reads would block ffmpeg once it is full.
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages)
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
        if failed or not any_frame:
            messages.seek(0)
            said = messages.read().decode(errors="replace").strip().splitlines()
            raise InputError(
                f"{film}: ffmpeg cannot decode it ({said[-1] if said else 'no picture in it'}): "
                "a film was needed; is the file complete, and unzipped as often as it was zipped?"
            )


def load_clips(path: Path) -> np.ndarray:
    """Open clips without reading them into memory.

    Returns
    -------
    memmap, uint8, (n_clips, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If the file holds anything else.
    """
    try:
        clips = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{path}: no array of clips ({error})") from error
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3:
        raise InputError(
            f"{path}: {clips.dtype} of shape {clips.shape}, clips are uint8 of shape "
            "(clips, frames, height, width, 3): was it made by the stage `clips`?"
        )
    return clips


def gather_clips(clips: dict[str, np.ndarray], segments: list[str], numbers: list[int]):
    """Collect the clips that a table names, in its order.

    Parameters
    ----------
    clips : dict of str to ndarray, (n_clips, n_frames, h, w, 3)
        By segment.
    segments, numbers : list
        Segment and number of each clip wanted.

    Returns
    -------
    ndarray, uint8, (n, n_frames, h, w, 3)

    Raises
    ------
    InputError
        If a segment or a clip of it is not there, or segments differ in frames or size.
    """
    shapes = {name: array.shape[1:] for name, array in clips.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            f"clips differ in (frames, height, width, colours): {shapes}; all segments must be "
            "cut with the same settings"
        )
    places = rows({name: len(array) for name, array in clips.items()}, segments, numbers)
    return np.stack([clips[segment][number] for segment, number in places])


def load_shown(made: np.ndarray, listing: pd.DataFrame, clips: list[Path]) -> np.ndarray:
    """Load the clips that reconstructions should look like.

    Parameters
    ----------
    made : ndarray, uint8, (n, n_frames, h, w, 3)
        Reconstructions.
    listing : DataFrame
        Their `segment` and `clip`.
    clips : list of Path
        Files of clips, named after their segments.

    Returns
    -------
    ndarray, uint8, of the reconstructions' shape

    Raises
    ------
    InputError
        If counts, frames or sizes differ, or clips are missing.
    """
    if len(made) != len(listing):
        raise InputError(
            f"{len(made)} reconstructions, but {len(listing)} rows in the table of windows: "
            "they come from different runs; reconstruct again"
        )
    films = {path.stem: load_clips(path) for path in clips}
    shown = gather_clips(films, listing["segment"].tolist(), listing["clip"].tolist())
    if shown.shape != made.shape:
        raise InputError(
            "reconstructions of (frames, height, width, colours) "
            f"{made.shape[1:]}, clips of {shown.shape[1:]}: cut the clips with the size and rate "
            "of the reconstructions"
        )
    return shown


def side_by_side(truth: np.ndarray, reconstruction: np.ndarray, *, height: int) -> np.ndarray:
    """Put ground truth (left) and reconstruction (right) into one picture, large enough to see.

    Parameters
    ----------
    truth, reconstruction : ndarray, uint8, (n_frames, h, w, 3)
    height : int
        Frames are repeated pixel by pixel, a whole number of times, to at least this height [px].

    Returns
    -------
    ndarray, uint8, (n_frames, H, 2·W + gap, 3)
        H and the width are even, as H.264 wants. The gap is white.
    """
    factor = max(1, -(-height // truth.shape[1]))
    pair = [x.repeat(factor, axis=1).repeat(factor, axis=2) for x in (truth, reconstruction)]
    n_frames, h = pair[0].shape[:2]
    gap = np.full((n_frames, h, 4, 3), 255, np.uint8)
    picture = np.concatenate([pair[0], gap, pair[1]], axis=2)
    return np.pad(picture, ((0, 0), (0, h % 2), (0, 0), (0, 0)), mode="edge")


def write_video(path: Path, frames: np.ndarray, *, fps: float, quality: int = 20) -> None:
    """Write frames as an H.264 mp4 that every browser plays; the same frames make the same bytes.

    Parameters
    ----------
    path : Path
    frames : ndarray, uint8, (n_frames, h, w, 3)
        Height and width must be even (yuv420p halves the resolution of colour).
    fps : float
    quality : int
        x264's constant rate factor: smaller is better; 18 looks like the original.
    """
    _, height, width, _ = frames.shape
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", repr(fps)),
        *("-i", "-", "-c:v", "libx264", "-preset", "veryfast", "-crf", str(quality)),
        *("-threads", "1", "-pix_fmt", "yuv420p", "-fflags", "+bitexact"),
        # RGB → BT.709, and say so: players guess by size otherwise, and colours shift.
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
        *("-movflags", "+faststart", "-f", "mp4", str(path)),
    ]
    made = subprocess.run(command, input=np.ascontiguousarray(frames).data, capture_output=True)
    if made.returncode != 0:
        raise RuntimeError(f"{path}: ffmpeg failed: {made.stderr.decode(errors='replace')}")


def _seconds(film: Path) -> float:
    """Find the duration of a film [s], by decoding it: for messages only."""
    try:
        return imageio_ffmpeg.count_frames_and_secs(str(film))[1]
    except RuntimeError:
        return 0.0
