"""Cost of random crops in training, compared with embeddings that are computed once.

``python -m benchmarks.embedding [--clip ViT-L-14]``

Times CLIP on frames and captions, and drawing a step's targets (batch 20, half of the frames
cropped, as in the paper). Random weights suffice for timing. `--clip ViT-L-14` is the
paper's; `zoo:clip`, the demo's, is the default.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import open_clip
import torch

from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_clip
from mindvideo.training.objectives.contrastive import ClipTargets

BATCH, CROP, N_CLIPS, N_FRAMES, SIZE, STEPS, PARAPHRASES = 20, 0.5, 4320, 6, 256, 1200, 8


def seconds(run: Callable[[], object], n_repetitions: int) -> float:
    """Median time of a call: wall clock on a GPU, CPU time on a CPU."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    times = []
    for _ in range(n_repetitions + 1):
        start = clock()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(clock() - start)
    return float(np.median(times[1:]))  # the first warms up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clip", default="zoo:clip")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--frames", type=int, default=60, help="frames of a timed call")
    arguments = parser.parse_args()
    if arguments.clip.startswith("zoo:"):
        clip = load_clip(arguments.clip)
    else:
        model, _, preprocess = open_clip.create_model_and_transforms(arguments.clip)
        tokenizer = open_clip.get_tokenizer(arguments.clip)
        clip = SimpleNamespace(model=model.eval(), preprocess=preprocess, tokenizer=tokenizer)
    put(clip.model)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (40, N_FRAMES, SIZE, SIZE, 3), dtype=np.uint8)
    texts = ["a man riding a wave on top of a surfboard"] * 64
    width = embed_texts(clip, texts[:1]).shape[-1]

    n, some = arguments.frames, frames.reshape(-1, SIZE, SIZE, 3)[: arguments.frames]
    frame = seconds(lambda: embed_frames(clip, some), arguments.repetitions) / n
    text = seconds(lambda: embed_texts(clip, texts[:n]), arguments.repetitions) / len(texts[:n])
    images = torch.randn(40, N_FRAMES, width, device=device())
    paraphrases = torch.randn(40, 1 + PARAPHRASES, width, device=device())
    targets = ClipTargets(images, paraphrases, frames, lambda crops: embed_frames(clip, crops))
    index, generator = torch.arange(BATCH), torch.Generator().manual_seed(0)

    def draw(crop: float) -> Callable[[], object]:
        return lambda: (
            targets.draw_images(index, crop, generator),
            targets.draw_texts(index, generator),
        )

    cached, cropped = (seconds(draw(crop), arguments.repetitions) for crop in (0.0, CROP))
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    n_crops = STEPS * BATCH * CROP
    n_frames, n_texts = N_CLIPS * N_FRAMES, N_CLIPS * (1 + PARAPHRASES)
    print(f"{arguments.clip} on {where}, {SIZE} px\n")
    print("| | each | all |\n|---|---|---|")
    rows = [
        ("frames, once", frame, n_frames),
        ("paraphrases, once (at most)", text, n_texts),
        ("a step's targets from these", cached, STEPS),
        (f"the same, {CROP:.0%} of the frames cropped", cropped, STEPS),
    ]
    for name, each, count in rows:
        print(f"| {name} | {each * 1e3:.2f} ms | {count:,}: {each * count / 60:.1f} min |")
    print(f"\nA training draws {n_crops:,.0f} crops.")


if __name__ == "__main__":
    main()
