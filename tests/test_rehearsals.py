"""The rehearsals at full size start from configurations that are valid."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks import rehearsal, released
from benchmarks.workflow import ROOT
from mindvideo.config import check_config

PAPERS = ("stable_diffusion", "clip", "captioner", "image_classifier", "video_classifier")


@pytest.fixture(autouse=True)
def no_models(monkeypatch):
    """Names of models, which the rehearsals would write: several GB."""

    def name_models(folder: Path, names=PAPERS):
        return {name: str(folder / name) for name in names}

    for module in (rehearsal, released):
        monkeypatch.setattr(module, "write_models", name_models)


@pytest.mark.parametrize("n_clips", [4, rehearsal.FULL_LENGTH])
@pytest.mark.parametrize("motion_modules", [False, True])
def test_the_papers_configuration(tmp_path, n_clips, motion_modules):
    values = rehearsal.configuration(
        tmp_path, ["sub1", "sub3"], n_clips, "results", motion_modules=motion_modules
    )
    config = check_config(values, "rehearsal")
    overlay = yaml.safe_load((ROOT / "config/wen2018-animatediff.yaml").read_text())
    kind = config.stages(None).video_model.kind
    assert (kind == overlay["video_model"]["kind"]) == motion_modules
    assert (config.pretrained.motion_adapter is not None) == motion_modules
    assert config.models == ["without-guidance"]


def test_the_released_checkpoints_configuration(tmp_path):
    (tmp_path / "config").symlink_to(ROOT / "config")
    values = released.configuration(tmp_path, n_clips=2, steps=2)
    values["dataset"]["like"] = str(ROOT / values["dataset"]["like"])
    assert check_config(values, "released").dataset.subjects == {"sub1": released.SUBJECT}
