"""A finished run of the workflow, and scores of other clips in place of its reconstructions."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mindvideo.config import load_config
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import load_table, save_table
from mindvideo.plan import Plan
from mindvideo.settings.evaluation import ScoringSettings
from mindvideo.stages import score


class FinishedRun:
    """Results of one subject; nothing in them is changed.

    Parameters
    ----------
    config : sequence of Path
        Its configuration: files of which each overrides those before it.
    subject : str
    every : int
        Take every n-th evaluated clip only.
    """

    def __init__(self, config: Sequence[Path], subject: str, every: int = 1) -> None:
        self.plan, self.subject, self.every = Plan(load_config(*config)), subject, every
        self.results = Path(self.plan.config.results)
        self.folder, split = self.results / subject, self.plan.config.evaluate
        self.table = load_table(self.folder / f"windows/{split}.tsv").iloc[::every]
        self.windows = np.load(self.folder / f"windows/{split}.npy")[::every]

    def settings(self, stage: str) -> Any:
        """The settings of a stage: an object of its class."""
        return self.plan.settings(stage, self.subject)

    def artefact(self, name: str, variant: str | None = None) -> Path:
        """The folder of an artefact of the subject."""
        model = f"{self.subject}/variants/{variant}" if variant else self.subject
        return self.results / self.plan.home(name, model) / name

    def of_segments(self, artefact: str, ending: str) -> list[Path]:
        """Files of the evaluated segments, in order."""
        folder = self.artefact(artefact)
        return [folder / f"{segment}{ending}" for segment in self.plan.config.evaluated]

    def captions(self) -> list[str]:
        """The captioner's caption of each evaluated clip."""
        scenes = {
            path.stem: load_scenes(path)[0].set_index("clip")["caption"]
            for path in self.of_segments("scenes", ".tsv")
        }
        pairs = zip(self.table["segment"], self.table["clip"])
        return [str(scenes[segment].loc[clip]) for segment, clip in pairs]

    def motion(self) -> Path:
        """The decoder of how clips move."""
        return self.artefact("motion") / "decoder.npy"

    def scores(self, reconstructions: np.ndarray, folder: Path) -> pd.DataFrame:
        """Metrics of clips (n, f, h, w, 3), computed by the stage `score` in `folder`."""
        settings: ScoringSettings = self.settings("score")
        block = max(1, settings.block // self.every)  # neighbours that are resampled together
        dataset, segments = self.plan.config.dataset, self.plan.config.evaluated
        np.save(folder / "clips.npy", reconstructions)
        save_table(folder / "table.tsv", self.table)
        with tempfile.TemporaryDirectory() as state:
            score.main(
                reconstructions=folder / "clips.npy",
                table=folder / "table.tsv",
                clips=self.of_segments("clips", ".npy"),
                shots=[Path(path) for path in dataset.shots_paths(segments)] or None,
                scenes=None,
                metrics=folder / "metrics.tsv",
                per_clip=folder / "per_clip.tsv",
                state=Path(state),
                settings=settings.model_copy(update={"block": block}),
            )
        return load_table(folder / "metrics.tsv").set_index("metric")


def declare_config(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a finished run."""
    parser.add_argument(
        "--config",
        type=Path,
        nargs="+",
        default=[Path("config/config.yaml")],
        help="later files override earlier ones",
    )
    parser.add_argument("--subject", default="sub1")


def cell(row: pd.Series) -> str:
    """A value with its interval."""
    return f"{row['value']:.2f} [{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
