"""What the tokens of encoders say: ``python -m benchmarks.tokens``

For the evaluated clips of a finished run on the embedded data set. Separates what is lost between
fMRI and tokens from what the video model loses afterwards. For each encoder:

- R², the fraction of the variance of the text tokens of the clips' captions that the tokens predict
  (variance around the mean of the training clips' tokens);
- how often the caption whose tokens are nearest, among all captions of the film world without a
  motion, has the kind and the scene of the clip. Chance is 1 / number of kinds or scenes; the
  control is ``--variants shuffled``.

Run it in the workflow's folder; the finished run is not changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.finished_run import FinishedRun, declare_config
from mindvideo.demo.grammar import HOURS, PLACES
from mindvideo.demo.world import COLOURS, KINDS, SCENES, TIMES
from mindvideo.io.shots import describe_clips, load_shots
from mindvideo.models.checkpoints import load_fmri_encoder
from mindvideo.models.encoding import encode_captions
from mindvideo.models.precision import beside, put
from mindvideo.models.pretrained import load_stable_diffusion

CONTENT = ("kind", "scene")
ENCODERS = {
    "after contrastive learning": ("contrastive", "model"),
    "after co-training": ("cotraining", "model/fmri_encoder"),
    "ridge regression": ("ridge", "model"),
}
"""Artefacts, and folders of encoders in them."""


def text_tokens(run: FinishedRun, captions: Sequence[str]) -> np.ndarray:
    """Text tokens of captions, one row (tokens · d) each."""
    pretrained = run.plan.config.pretrained.stable_diffusion
    tokenizer = load_stable_diffusion(pretrained, "tokenizer")
    encoder = put(load_stable_diffusion(pretrained, "text_encoder"))
    batches = encode_captions(tokenizer, encoder, list(captions), batch_size=256)
    return np.concatenate(list(batches)).reshape(len(captions), -1)


def every_caption() -> pd.DataFrame:
    """All captions of the film world that name no motion, with their content."""
    contents = product(KINDS, COLOURS, SCENES, TIMES)
    table = pd.DataFrame(contents, columns=["kind", "colour", "scene", "time"])
    parts = zip(table["kind"], table["colour"], table["scene"], table["time"])
    sentences = [f"a {colour} {kind} {PLACES[s]} {HOURS[t]}" for kind, colour, s, t in parts]
    return table.assign(caption=sentences)


@torch.no_grad()
def tokens_of(folder: Path, windows: np.ndarray) -> np.ndarray:
    """Tokens that an encoder predicts from windows, one row (tokens · d) each."""
    encoder = put(load_fmri_encoder(folder).eval())
    parts = [encoder(beside(encoder, part)).cpu() for part in torch.tensor(windows).split(64)]
    return torch.cat(parts).flatten(1).numpy()


def nearest(rows: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Index of the candidate (m, k) with the smallest Euclidean distance to each row (n, k)."""
    # ‖r − c‖² = ‖r‖² − 2 r·c + ‖c‖², of which the first term is the same for all candidates.
    return ((candidates**2).sum(axis=1) - 2 * rows @ candidates.T).argmin(axis=1)


def explained(predicted: np.ndarray, true: np.ndarray, mean: np.ndarray) -> float:
    """R² of predictions (n, k), relative to a constant prediction (k,)."""
    return float(1 - ((true - predicted) ** 2).sum() / ((true - mean) ** 2).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    declare_config(parser)
    parser.add_argument(
        "--variants", nargs="*", default=[], help="variants of the configuration, besides it"
    )
    arguments = parser.parse_args()
    run = FinishedRun(arguments.config, arguments.subject)
    dataset, segments = run.plan.config.dataset, run.plan.config.evaluated
    shots = {
        segment: load_shots(Path(path), list(CONTENT)).astype(dict.fromkeys(CONTENT, str))
        for segment, path in zip(segments, dataset.shots_paths(segments), strict=True)
    }
    content = describe_clips(run.table, shots, dataset.tr)
    true = text_tokens(run, run.captions())
    mean = np.load(run.artefact("latents") / "text.npy").mean(axis=0).reshape(-1)
    captions = every_caption()
    candidates = text_tokens(run, captions["caption"].tolist())
    print(f"{len(run.table)} {run.plan.config.evaluate} clips, {len(captions)} captions")
    print("| model | encoder | R² | kind | scene |\n|---|---|---|---|---|")
    for variant in (None, *arguments.variants):
        for name, (artefact, folder) in ENCODERS.items():
            path = run.artefact(artefact, variant) / folder
            if not path.exists():
                continue
            predicted = tokens_of(path, run.windows)
            found = captions.iloc[nearest(predicted, candidates)]
            right = [f"{(found[of].to_numpy() == content[of]).mean():.3f}" for of in CONTENT]
            cells = [variant or "full model", name, f"{explained(predicted, true, mean):.3f}"]
            print(f"| {' | '.join(cells + right)} |", flush=True)
    print(f"| chance | | 0 | {1 / len(KINDS):.3f} | {1 / len(SCENES):.3f} |")


if __name__ == "__main__":
    main()
