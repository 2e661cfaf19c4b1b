"""What samplers and their steps cost and give: ``python benchmarks/samplers.py [--every 5]``

Reconstructs some of a finished run's test clips by each sampler, from the same noise, and scores
them as the stage does. Run it where the workflow ran; nothing of the run is changed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mindvideo.config import load_config
from mindvideo.io.tables import load_table, save_table
from mindvideo.plan import Plan
from mindvideo.settings import ReconstructionSettings, ScoringSettings
from mindvideo.stages import reconstruct, score

SAMPLERS = ["ddim:200", "ddim:50", "ddim:20", "dpm-solver++:20", "dpm-solver++:10", "unipc:20"]
METRICS = ("identification_video", "identification_frame", "kind_right", "scene_right", "ssim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--subject", default="sub1")
    parser.add_argument("--every", type=int, default=5, help="take every n-th test clip")
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, metavar="NAME:STEPS")
    arguments = parser.parse_args()
    plan = Plan(load_config(arguments.config))
    subject, dataset = arguments.subject, plan.config.dataset
    own = Path(plan.config.results) / subject
    base = json.loads(plan.settings("reconstruct", subject))
    scoring = ScoringSettings(**json.loads(plan.settings("score", subject)))
    left = max(1, scoring.block // arguments.every)  # of neighbours that are drawn together
    scoring = scoring.model_copy(update={"block": left})
    clips = [
        Path(plan.config.results, plan.home("clips", subject), "clips", f"{segment}.npy")
        for segment in dataset.test
    ]
    shots = [Path(path) for path in dataset.shots_paths(dataset.test)] or None

    print(f"| sampler | steps | s a clip | {' | '.join(METRICS)} |")
    print("|---|---|---|" + "---|" * len(METRICS))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "windows.npy", np.load(own / "windows/test.npy")[:: arguments.every])
        table = load_table(own / "windows/test.tsv").iloc[:: arguments.every]
        save_table(folder / "table.tsv", table)
        for scheduler, steps in (sampler.split(":") for sampler in arguments.samplers):
            chosen = ReconstructionSettings(**base | {"scheduler": scheduler, "steps": int(steps)})
            start = time.perf_counter() if torch.cuda.is_available() else time.process_time()
            reconstruct.main(
                windows=folder / "windows.npy",
                null_window=own / "windows/null.npy",
                model=own / "cotraining/model",
                reconstructions=folder / "made.npy",
                settings=chosen,
            )
            end = time.perf_counter() if torch.cuda.is_available() else time.process_time()
            score.main(
                reconstructions=folder / "made.npy",
                table=folder / "table.tsv",
                clips=clips,
                shots=shots,
                scenes=None,
                metrics=folder / "metrics.tsv",
                per_clip=folder / "per_clip.tsv",
                settings=scoring,
            )
            found = load_table(folder / "metrics.tsv").set_index("metric")
            cells = [_cell(found.loc[metric]) for metric in METRICS if metric in found.index]
            cost = (end - start) / len(table)
            print(f"| {scheduler} | {steps} | {cost:.2f} | {' | '.join(cells)} |", flush=True)
    print(f"\n{len(table)} clips; 95% intervals in brackets.", file=sys.stderr)


def _cell(row: pd.Series) -> str:
    return f"{row['value']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"


if __name__ == "__main__":
    main()
