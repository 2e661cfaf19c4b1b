"""Time of the metrics, without the networks: ``python -m benchmarks.scoring``.

Times the metrics of a full test set (1,200 clips of 6 frames) on random clips and logits, and for
N-way accuracy the loop of 100 random trials that the closed form replaces. Slow metrics are
timed on some of the clips, and their time is multiplied. Seconds are CPU time in one thread, except
in the last table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from mindvideo.metrics import catalogue, threads
from mindvideo.metrics.embedding import (
    adjacent_consistency,
    all_pairs_consistency,
    cosine_similarity,
    frame_similarity,
    identification,
    retrieval,
)
from mindvideo.metrics.motion import direction_agreement, end_point_error, optical_flow
from mindvideo.metrics.n_way import n_way_accuracy, n_way_trials, top_classes
from mindvideo.metrics.pixel import hue, hue_cosine, psnr, ssim, ssim_grey

PIXELS = ("SSIM", "SSIM, grey", "PSNR", "hue cosine", "optical flow", "flow agreement, error")
N_CLIPS, N_FRAMES, TRIALS = 1200, 6, 100
FRAME_CLASSES, CLIP_CLASSES, DIM = 1000, 400, 768  # ImageNet, Kinetics, CLIP ViT-L/14


def seconds(run: Callable[[], object]) -> float:
    """CPU time of a second call."""
    run()
    start = time.process_time()
    run()
    return time.process_time() - start


def each(function: Callable, *clips: np.ndarray) -> None:
    """Call a function on the frames of each clip in turn, as the stage does."""
    for pair in zip(*clips):
        for frames in zip(*pair):
            function(*frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--size", type=int, default=256, help="height and width of a frame [px]")
    parser.add_argument("--clips", type=int, default=24, help="clips of a timed call")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    times: dict[str, float] = {}

    for kind, shape in (
        ("frame", (N_CLIPS * N_FRAMES, FRAME_CLASSES)),
        ("clip", (N_CLIPS, CLIP_CLASSES)),
    ):
        scores = rng.normal(size=shape).astype(np.float32)
        classes = top_classes(rng.normal(size=shape), 3)
        for n in (2, 50):
            exact = seconds(partial(n_way_accuracy, scores, classes, n))
            some = scores[:60], classes[:60], n
            loop = seconds(partial(n_way_trials, *some, trials=TRIALS, rng=rng))
            times[f"{kind} {n}-way, exact"] = exact
            times[f"{kind} {n}-way, {TRIALS} trials"] = loop * len(scores) / 60

    embeddings = rng.normal(size=(2, N_CLIPS, N_FRAMES, DIM)).astype(np.float32)
    likeness = cosine_similarity(*embeddings.mean(axis=2))
    times["identification, retrieval"] = seconds(
        lambda: (identification(likeness), retrieval(likeness, 10))
    )
    times["CLIP similarity, consistency"] = seconds(
        lambda: (
            frame_similarity(*embeddings),
            adjacent_consistency(embeddings[0]),
            all_pairs_consistency(embeddings[0]),
        )
    )

    shape = (2, arguments.clips, N_FRAMES, arguments.size, arguments.size, 3)
    stimuli, reconstructions = rng.integers(0, 256, shape, dtype=np.uint8)
    scale = N_CLIPS / arguments.clips
    for name, function in (("SSIM", ssim), ("SSIM, grey", ssim_grey), ("PSNR", psnr)):
        times[name] = scale * seconds(partial(each, function, stimuli, reconstructions))
    times["hue cosine"] = scale * seconds(
        lambda: each(lambda a, b: hue_cosine(hue(a), hue(b)), stimuli, reconstructions)
    )
    flows = [[optical_flow(clip) for clip in clips] for clips in (stimuli, reconstructions)]
    times["optical flow"] = scale * seconds(
        lambda: [optical_flow(clip) for clips in (stimuli, reconstructions) for clip in clips]
    )
    times["flow agreement, error"] = scale * seconds(
        lambda: [(end_point_error(a, b), direction_agreement(a, b)) for a, b in zip(*flows)]
    )

    rows = [np.arange(arguments.clips)]
    several = {}
    for most in (1, 2):
        start = time.perf_counter()
        catalogue.pixel_metrics(reconstructions, stimuli, rows, rng, most=most)
        several[most] = scale * (time.perf_counter() - start)

    print(f"{N_CLIPS:,} clips of {N_FRAMES} frames, {arguments.size} px; random pictures\n")
    print("| | s |\n|---|---|")
    for name, value in times.items():
        print(f"| {name} | {value:.2f} |")
    pixels = sum(times[name] for name in PIXELS)
    others = sum(v for name, v in times.items() if name not in PIXELS and "trials" not in name)
    print(f"| all but the trials | {pixels + others:.1f} |")
    print(f"\nBy the clock, in {threads.count()} threads, as the stage does it:\n")
    print("| | s |\n|---|---|")
    print(f"| all but the trials | {several[1] + others:.1f} |")
    print(f"| each shift of a segment, for the null | {several[2] - several[1]:.1f} |")


if __name__ == "__main__":
    main()
