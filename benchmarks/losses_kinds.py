"""The kinds of stage whose losses `benchmarks.losses` measures, and small inputs for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mindvideo.contents import file_digest, text_digest
from mindvideo.io.films import write_video
from mindvideo.io.tables import save_table
from mindvideo.training.history import TIMES
from tests.untrained import write_untrained

CLIP = {"num_frames": 3, "size": 16}
TR = 2.0


class Kind(NamedTuple):
    """A stage that stands for others."""

    name: str
    stage: str
    unit: str
    """Unit of the work; `function` computes one."""
    function: str
    outputs: tuple[str, ...]
    keeps: bool
    """Whether it has a state folder."""
    options: Callable[[Path, float], dict[str, Any]]
    """Folder of the inputs, and time between checkpoints [s] → options of the command."""

    def arguments(self, inputs: Path, results: Path, interval: float) -> list[str]:
        """Arguments of the stage, whose outputs go to `results`."""
        options = {"settings": {}} | self.options(inputs, interval)
        settings = json.dumps(options.pop("settings"))
        options |= {name.partition(".")[0]: results / name for name in self.outputs}
        if self.keeps:
            options["state"] = results / "state"
        words = [self.stage, "--settings", settings]
        for name, value in options.items():
            words.append(f"--{name.replace('_', '-')}")
            words += map(str, value if isinstance(value, list) else [value])
        return words


def _training(inputs: Path, interval: float) -> dict[str, Any]:
    encoder = {"patch_size": 16, "embed_dim": 64, "depth": 4, "num_heads": 4}
    decoder = {"decoder_embed_dim": 64, "decoder_depth": 2, "decoder_num_heads": 4}
    duration = {"duration": 500, "unit": "steps", "warmup": 10, "batch_size": 16}
    settings = duration | {"checkpoint_minutes": interval / 60, "encoder": encoder | decoder}
    return {"samples": [inputs / "samples.npy"], "settings": settings}


def _of_the_pipeline(inputs: Path) -> dict[str, Any]:
    return {
        "windows": inputs / "windows.npy",
        "table": inputs / "table.tsv",
        "null_window": inputs / "null.npy",
        "model": inputs / "model",
        "segment": "test1",
    }


def _sampling(inputs: Path, steps: int) -> dict[str, Any]:
    sampling = {"steps": steps, "guidance": 3.0, "batch_size": 1}
    return {"stable_diffusion": str(inputs / "sd"), **CLIP, **sampling}


def _rows(inputs: Path, interval: float) -> dict[str, Any]:
    return _of_the_pipeline(inputs) | {"settings": _sampling(inputs, 10)}


def _film(inputs: Path, interval: float) -> dict[str, Any]:
    paths = {"film": inputs / "film.mp4", "reconstructions": inputs / "reconstructions.npy"}
    film = {"fps": CLIP["num_frames"] / TR, "seconds": TR}
    return _of_the_pipeline(inputs) | paths | {"settings": _sampling(inputs, 10) | film}


def _windows(inputs: Path, interval: float) -> dict[str, Any]:
    return {
        "cleaned": [inputs / f"seg{i}.npy" for i in range(1, 5)],
        "voxels": inputs / "voxels.tsv",
        "settings": {"tr": TR, "seconds": TR, "patch_size": 16},
    }


KINDS = (
    Kind(
        name="training",
        stage="mbm",
        unit="step",
        function="mindvideo.training.objectives.mbm:MaskedModelling.__call__",
        outputs=("model", "history.tsv", "events", "examples.npy"),
        keeps=True,
        options=_training,
    ),
    Kind(
        name="rows",
        stage="reconstruct",
        unit="clip",
        function="mindvideo.models.pipeline:MindVideoPipeline.__call__",
        outputs=("reconstructions.npy",),
        keeps=True,
        options=_rows,
    ),
    Kind(
        name="film",
        stage="films",
        unit="view",
        function="mindvideo.models.pipeline:MindVideoPipeline.predict",
        outputs=("video.mp4", "flickers.tsv"),
        keeps=True,
        options=_film,
    ),
    Kind(
        name="no state",
        stage="windows",
        unit="stage",
        function="mindvideo.stages.windows:main",
        outputs=("windows.npy", "table.tsv"),
        keeps=False,
        options=_windows,
    ),
)


def write_inputs(folder: Path, n_clips: int = 50, n_voxels: int = 40_000) -> Path:
    """Write inputs of the stages: random data and untrained models."""
    folder.mkdir(parents=True)
    write_untrained(folder, n_clips)
    rng = np.random.default_rng(0)
    np.save(folder / "samples.npy", rng.standard_normal((256, 512), dtype=np.float32))
    table = pd.DataFrame({"segment": "test1", "clip": range(n_clips)})
    save_table(folder / "table.tsv", table)
    shape = (CLIP["num_frames"], CLIP["size"], CLIP["size"], 3)
    clips = rng.integers(0, 256, (n_clips, *shape), np.uint8)
    np.save(folder / "reconstructions.npy", clips)
    levels = np.arange(round(n_clips * TR * 5), dtype=np.uint8)[:, None, None, None]
    write_video(folder / "film.mp4", np.broadcast_to(levels, (len(levels), 32, 32, 3)), fps=5)
    for number in range(1, 5):
        repetitions = rng.standard_normal((2, 240, n_voxels), dtype=np.float32)
        np.save(folder / f"seg{number}.npy", repetitions)
    save_table(folder / "voxels.tsv", pd.DataFrame({"column": range(n_voxels)}))
    return folder


def digest(output: Path) -> str:
    """Digest of an output's content; of a learning curve without times and memory."""
    if output.name == "history.tsv":
        history = pd.read_csv(output, sep="\t")
        return text_digest(history.drop(columns=TIMES).to_csv())
    if output.name == "events":  # the same curve, with times
        return ""
    return file_digest(output)
