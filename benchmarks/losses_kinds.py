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
from tests.untrained import write_untrained

CLIP = {"num_frames": 3, "size": 16}
TR = 2.0


class Kind(NamedTuple):
    """A stage that stands for others."""

    name: str
    stage: str
    unit: str
    """What the work consists of; the function that computes one is `function`."""
    function: str
    outputs: tuple[str, ...]
    keeps: bool
    """Whether it has a state folder."""
    options: Callable[[Path, float], dict[str, Any]]
    """Folder of the inputs, and the interval [s] of what is kept → options of the command."""

    def arguments(self, inputs: Path, results: Path, interval: float) -> list[str]:
        """The stage's own arguments; its outputs lie in `results`."""
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
    how = {"steps": steps, "guidance": 3.0, "batch_size": 1}
    return {"stable_diffusion": str(inputs / "sd"), **CLIP, **how}


def _rows(inputs: Path, interval: float) -> dict[str, Any]:
    return _of_the_pipeline(inputs) | {"settings": _sampling(inputs, 10)}


def _film(inputs: Path, interval: float) -> dict[str, Any]:
    paths = {"film": inputs / "film.mp4", "reconstructions": inputs / "reconstructions.npy"}
    film = {"fps": CLIP["num_frames"] / TR, "tr": TR}
    return _of_the_pipeline(inputs) | paths | {"settings": _sampling(inputs, 10) | film}


def _windows(inputs: Path, interval: float) -> dict[str, Any]:
    return {
        "cleaned": [inputs / f"seg{i}.npy" for i in range(1, 5)],
        "voxels": inputs / "voxels.tsv",
        "settings": {"lag": 2, "patch_size": 16},
    }


KINDS = (
    Kind(
        *("training", "mbm", "step"),
        "mindvideo.training.objectives.mbm:MaskedModelling.__call__",
        ("model", "history.tsv", "events", "examples.npy"),
        True,
        _training,
    ),
    Kind(
        *("rows", "reconstruct", "clip"),
        "mindvideo.models.pipeline:MindVideoPipeline.__call__",
        ("reconstructions.npy",),
        True,
        _rows,
    ),
    Kind(
        *("film", "films", "view"),
        "mindvideo.models.pipeline:MindVideoPipeline.predict",
        ("video.mp4", "flickers.tsv"),
        True,
        _film,
    ),
    Kind(
        *("no state", "windows", "stage"),
        "mindvideo.stages.windows:main",
        ("windows.npy", "table.tsv"),
        False,
        _windows,
    ),
)


def write_inputs(folder: Path, n_clips: int = 50, n_voxels: int = 40_000) -> Path:
    """Write what the stages read: random data, and models without training."""
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
        repeats = rng.standard_normal((2, 240, n_voxels), dtype=np.float32)
        np.save(folder / f"seg{number}.npy", repeats)
    save_table(folder / "voxels.tsv", pd.DataFrame({"column": range(n_voxels)}))
    return folder


def digest(output: Path) -> str:
    """What an output contains; of a training's curve not what its steps took."""
    if output.name == "history.tsv":
        history = pd.read_csv(output, sep="\t")
        return text_digest(history.drop(columns=["seconds", "memory"]).to_csv())
    if output.name == "events":  # the same curve, with the time of each step
        return ""
    return file_digest(output)
