"""Speed of cutting a film into clips, compared with ffmpeg: ``python -m benchmarks.decoding FILM``.

Both decode the film and scale 3 pictures a second to 256 × 256. ffmpeg discards them; the stage
writes them to a memory-mapped file, and searches every picture for cuts. PySceneDetect, if
installed, detects cuts too, for comparison. Runs alternate, and the fastest of each counts, since
other work on the machine only slows them. Peak memory is that of one run in a separate process,
without ffmpeg.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mindvideo.io.ffmpeg import address, command
from mindvideo.io.films import cut_clips
from mindvideo.io.probe import probe

TR, FPS, SIZE, THRESHOLD = 2.0, 3.0, 256, 8.0


def ffmpeg_alone(film: Path, seconds: float) -> None:
    filters = f"fps={FPS:g},scale={SIZE}:{SIZE}"
    output = ("-an", "-f", "rawvideo", "-pix_fmt", "rgb24", "-y", "/dev/null")
    words = command("-nostdin", "-v", "error", "-t", str(seconds), "-i", address(film))
    subprocess.run([*words, "-vf", filters, *output], check=True)


def cut(film: Path, seconds: float) -> np.ndarray:
    """Cut the film; the times of its cuts [s]."""
    with tempfile.TemporaryDirectory() as folder:
        changes = cut_clips(
            film,
            Path(folder) / "clips.npy",
            seconds=TR,
            fps=FPS,
            size=SIZE,
            n_clips=int(seconds // TR),
        )
    return changes["time"][changes["score"] >= THRESHOLD].to_numpy()


def peak_memory(film: Path, seconds: float) -> float:
    """Peak of a process that cuts this much of the film [MiB]."""
    command = [sys.executable, __file__, str(film), "--memory", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def fastest(n: int, **runs: Callable[[], object]) -> dict[str, tuple[float, float]]:
    """Wall-clock and CPU seconds of each, the smallest of n runs."""
    best = {name: (float("inf"), float("inf")) for name in runs}
    for _ in range(n):
        for name, run in runs.items():
            start, busy = time.perf_counter(), sum(os.times()[:4])
            run()
            took = (time.perf_counter() - start, sum(os.times()[:4]) - busy)
            best[name] = tuple(map(min, best[name], took))
    return best


def compare_cuts(film: Path, ours: np.ndarray, seconds: float) -> str:
    from scenedetect import AdaptiveDetector, detect

    start, busy = time.perf_counter(), sum(os.times()[:4])
    scenes = detect(str(film), AdaptiveDetector(), end_time=seconds)
    reference = np.array([float(first.seconds) for first, _ in scenes[1:]])
    took, busy = time.perf_counter() - start, sum(os.times()[:4]) - busy
    gaps = np.abs(ours[:, None] - reference)
    both = (gaps.min(axis=0) < 0.05).sum()
    return (
        f"| PySceneDetect, adaptive detector | {took:.1f} | {busy:.1f} "
        f"| {len(reference)} cuts, {both} of them among our {len(ours)} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    film = arguments.film
    if arguments.memory:
        cut(film, arguments.memory)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    facts = probe(film)
    seconds = facts.seconds // TR * TR
    times = fastest(
        arguments.runs,
        ffmpeg=lambda: ffmpeg_alone(film, seconds),
        clips=lambda: cut(film, seconds),
    )
    memory = {s: peak_memory(film, s) for s in (min(60.0, seconds), seconds)}
    print(f"{film.name}: {facts.width}×{facts.height}, {facts.rate:g} fps, {seconds:g} s\n")
    print("| | seconds | of processors | |\n|---|---|---|---|")
    (alone, busy_alone), (stage, busy) = times.values()
    print(f"| ffmpeg alone, `fps={FPS:g},scale={SIZE}:{SIZE}` | {alone:.1f} | {busy_alone:.1f} | |")
    peaks = ", ".join(f"{m:.0f} MiB for {s:g} s of film" for s, m in memory.items())
    print(f"| the stage `clips`, cuts included | {stage:.1f} | {busy:.1f} | peak {peaks} |")
    if find_spec("scenedetect"):
        print(compare_cuts(film, cut(film, seconds), seconds))


if __name__ == "__main__":
    main()
