"""Cost and scores of samplers and their steps: ``python -m benchmarks.samplers [--every 5]``

Reconstructs some evaluated clips of a finished run by each sampler, from the same noise, and scores
them as the stage does; with ``--seeds`` from several noises, to show how far the scores depend on
the noise. Run it in the workflow's folder; the finished run is not changed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.finished_run import FinishedRun, cell, declare_config
from mindvideo.io.tables import save_table
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.stages import reconstruct

SAMPLERS = ["ddim:200", "ddim:50", "ddim:20", "dpm-solver++:20", "dpm-solver++:10", "unipc:20"]
METRICS = ("identification_video", "identification_frame", "kind_accuracy", "scene_accuracy")
METRICS += ("motion_accuracy", "flow_agreement", "ssim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    declare_config(parser)
    parser.add_argument("--every", type=int, default=5, help="take every n-th evaluated clip")
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, metavar="NAME:STEPS")
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="N", help="of the noise; default: the run's"
    )
    arguments = parser.parse_args()
    run = FinishedRun(arguments.config, arguments.subject, arguments.every)
    base = run.settings("reconstruct").model_dump()
    seeds = arguments.seeds or [base["seed"]]
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time

    print(f"| sampler | steps | seed | s a clip | {' | '.join(METRICS)} |")
    print("|---|---|---|---|" + "---|" * len(METRICS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "windows.npy", run.windows)
        clips = pd.DataFrame({"segment": "all", "clip": range(len(run.windows))})
        save_table(folder / "table.tsv", clips)
        motion = run.motion() if base["moving_noise"] else None
        for sampler, seed in itertools.product(arguments.samplers, seeds):
            scheduler, steps = sampler.split(":")
            start = clock()
            state = folder / f"{scheduler}-{steps}-{seed}"
            state.mkdir()
            reconstruct.main(
                windows=folder / "windows.npy",
                table=folder / "table.tsv",
                null_window=run.folder / "windows/null.npy",
                model=run.folder / "cotraining/model",
                motion=motion,
                train_windows=run.folder / "windows/train.npy",
                empty_text=run.folder.parent / "shared/latents/empty_text.npy",
                reconstructions=state / "reconstructed.npy",
                state=state,
                segment="all",
                settings=ReconstructionSettings(
                    **base | {"scheduler": scheduler, "steps": int(steps), "seed": seed}
                ),
            )
            cost = (clock() - start) / len(run.table)
            scores = run.scores(np.load(state / "reconstructed.npy"), folder)
            cells = [cell(scores.loc[metric]) for metric in METRICS if metric in scores.index]
            print(
                f"| {scheduler} | {steps} | {seed} | {cost:.2f} | {' | '.join(cells)} |", flush=True
            )
    print(f"\n{len(run.table)} clips; 95% intervals in brackets.", file=sys.stderr)


if __name__ == "__main__":
    main()
