"""Validation segments in the training stages: they change no weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.training.history import TIMES
from tests.training.stages import (
    ARRAYS,
    Stages,
)


@pytest.fixture(scope="module")
def with_and_without(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stages, Stages]:
    """All stages on the same data, one time with other arrays as those of validation segments."""
    both = [Stages(tmp_path_factory.mktemp(name)) for name in ("with", "without")]
    folder, other = both[0].folder, np.random.default_rng(1)
    files = {
        "table": folder / "windows.tsv",
        "latents_table": folder / "latents.tsv",
        **{name: folder / f"validation-{name}.npy" for name in ARRAYS},
    }
    for name in ARRAYS:
        shape = np.load(getattr(both[0], name)).shape
        np.save(files[name], other.standard_normal(shape, dtype=np.float32))
    for stages in both:

        def held_out(*names: str, is_given: bool = stages is both[0]) -> dict[str, Path]:
            return {f"validation_{name}": files[name] for name in names if is_given}

        stages.mbm("pretrained", stages.samples, None)
        start = stages.folder / "pretrained"
        stages.mbm("tuned", stages.windows, start, inputs=held_out("windows"))
        inputs = held_out("windows", "table", "latents_table", "text", "images", "texts")
        stages.contrastive(settings={"align_tokens": 1.0, "crop": 0.0}, **inputs)
        tuned_on = held_out("latents", "text")
        if tuned_on:
            tuned_on["validation_table"] = files["latents_table"]
        stages.video_tuning(**tuned_on)
        stages.cotraining(**held_out("windows", "table", "latents", "latents_table"))
    return both[0], both[1]


@pytest.mark.parametrize(
    ("history", "models", "columns"),
    [
        ("tuned", ["tuned"], ["loss", "correlation"]),
        (
            "contrastive",
            ["contrastive"],
            ["loss", "tokens", "image_identification", "image_retrieval_1", "text_retrieval_5"],
        ),
        ("video", ["video"], ["loss"]),
        ("both", ["both/unet", "both/fmri_encoder"], ["loss"]),
    ],
)
def test_validation_changes_no_weight(
    with_and_without: tuple[Stages, Stages], history: str, models: list[str], columns: list[str]
) -> None:
    folders = [stages.folder for stages in with_and_without]
    for model in models:
        (one,), (other,) = (list((folder / model).glob("*.safetensors")) for folder in folders)
        assert one.read_bytes() == other.read_bytes()
    validated, without = (pd.read_csv(f / f"{history}.tsv", sep="\t") for f in folders)
    same = [name for name in without if name not in TIMES]
    pd.testing.assert_frame_equal(without[same], validated[same])
    more = validated[[*validated.columns.difference(without.columns)]]
    assert {f"validation_{name}" for name in columns} <= set(more)
    assert all(name.startswith("validation_") for name in more)
    assert np.isfinite(more.to_numpy()).all()  # two steps, the first and the last


def test_files_of_the_validation_segments_are_needed_together(
    trained: Stages, tmp_path: Path
) -> None:
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    stages = Stages(tmp_path)
    with pytest.raises(InputError, match=r"no --validation-table, --validation-latents, "):
        stages.cotraining(validation_windows=stages.windows, **models)
