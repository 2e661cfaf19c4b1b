"""Cost and scores of samplers and their steps: ``python -m benchmarks.samplers [--every 5]``

Reconstructs some evaluated clips of a finished run by each sampler, from the same noise, and scores
them as the stage does; with ``--seeds`` from several noises, to show how far the scores depend on
the noise. A sampler is NAME:STEPS, NAME:STEPS:PRECISION, or a preset. The presets beside each
other, with the ratio of their times, and the differences of their scores in standard errors:
``--samplers paper fast --every 1``. Run it in the workflow's folder; the finished run is
not changed.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.finished_run import FinishedRun, cell, declare_config
from mindvideo.io.tables import save_table
from mindvideo.settings.evaluation import PRESETS, ReconstructionSettings
from mindvideo.stages import reconstruct

SAMPLERS = ["ddim:200", "ddim:50", "ddim:20", "dpm-solver++:20", "dpm-solver++:10", "unipc:20"]
METRICS = ("identification_video", "identification_frame", "kind_accuracy", "scene_accuracy")
METRICS += ("motion_accuracy", "flow_agreement", "ssim")


def sampling(text: str) -> dict[str, Any]:
    """Settings of a preset, or of a sampler given as NAME:STEPS or NAME:STEPS:PRECISION."""
    if text in PRESETS:
        return PRESETS[text]
    scheduler, steps, *precision = text.split(":")
    return {"scheduler": scheduler, "steps": int(steps)} | (
        {"precision": precision[0]} if precision else {}
    )


def differences(scores: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Difference of each metric to `others`, in standard errors of these.

    Parameters
    ----------
    scores, others : DataFrame
        Tables of metrics, whose 95% intervals are 3.92 standard errors wide.
    """
    error = (others["ci_high"] - others["ci_low"]) / 3.92
    return ((scores["value"] - others["value"]) / error).dropna()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    declare_config(parser)
    parser.add_argument("--every", type=int, default=5, help="take every n-th evaluated clip")
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, metavar="SAMPLER")
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="N", help="of the noise; default: the run's"
    )
    arguments = parser.parse_args()
    run = FinishedRun(arguments.config, arguments.subject, arguments.every)
    base = run.settings("reconstruct").model_dump()
    seeds = arguments.seeds or [base["seed"]]
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time

    print(f"| sampler | steps | precision | seed | s a clip | ratio | {' | '.join(METRICS)} |")
    print("|---|---|---|---|---|---|" + "---|" * len(METRICS))
    runs = list(itertools.product(arguments.samplers, seeds))
    costs: list[float] = []
    tables: list[pd.DataFrame] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "windows.npy", run.windows)
        clips = pd.DataFrame({"segment": "all", "clip": range(len(run.windows))})
        save_table(folder / "table.tsv", clips)
        motion = run.motion() if base["moving_noise"] else None
        for sampler, seed in runs:
            settings = ReconstructionSettings(**base | sampling(sampler) | {"seed": seed})
            start = clock()
            state = folder / f"{sampler.replace(':', '-')}-{seed}"
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
                settings=settings,
            )
            cost = (clock() - start) / len(run.table)
            costs.append(cost)
            scores = run.scores(np.load(state / "reconstructed.npy"), state)
            tables.append(scores)
            cells = [settings.scheduler, f"{settings.steps}", settings.precision, f"{seed}"]
            cells += [f"{cost:.2f}", f"{cost / costs[0]:.3f}"]
            cells += [cell(scores.loc[metric]) for metric in METRICS if metric in scores.index]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\n{len(run.table)} clips; 95% intervals in brackets.\n")
    print("Differences of all metrics to the first row, in its standard errors:\n")
    for name, table in zip(runs[1:], tables[1:]):
        changes = differences(table, tables[0])
        cells = ", ".join(f"{metric} {change:+.2f}" for metric, change in changes.items())
        print(f"- {':'.join(map(str, name))}: {cells}")


if __name__ == "__main__":
    main()
