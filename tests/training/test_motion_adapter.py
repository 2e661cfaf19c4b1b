"""Video tuning, co-training and reconstruction with motion modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import MotionAdapter

from mindvideo.models.motion_unet import MotionUNet
from mindvideo.models.trained import load_pipeline
from tests.training.stages import FRAMES, SD, Stages, weights_changed


@pytest.mark.parametrize("pretrained", [True, False])
def test_trained_from_captions_to_windows(
    trained: Stages, tmp_path: Path, pretrained: bool
) -> None:
    settings = {"kind": "motion-adapter"}
    if pretrained:
        torch.manual_seed(3)
        adapter = MotionAdapter((64, 96), 1, motion_num_attention_heads=4)
        adapter.save_pretrained(tmp_path / "adapter")
        settings["motion_adapter"] = str(tmp_path / "adapter")
    stages = Stages(tmp_path)
    stages.video_tuning(settings=settings)
    assert np.load(tmp_path / "generated.npy").shape[1] == FRAMES
    stages.cotraining(encoder=trained.folder / "contrastive")

    tuned, after = (MotionUNet.from_pretrained(tmp_path / f) for f in ("video", "both/unet"))
    changed = weights_changed(tuned, after)
    assert changed
    assert changed <= set(after.trainable_parameters())
    assert any("motion_modules" in name for name in changed)
    if pretrained:
        name = "down_blocks.0.motion_modules.0.proj_in.weight"
        assert torch.allclose(tuned.state_dict()[name], adapter.state_dict()[name], atol=0.01)

    pipeline = load_pipeline(tmp_path / "both", **SD)
    pipeline.set_progress_bar_config(disable=True)
    windows = np.load(stages.windows)[:2]
    size = {"num_frames": FRAMES, "height": 32, "width": 32, "num_inference_steps": 2}
    clips = pipeline(windows, windows.mean(axis=0), generator=torch.manual_seed(0), **size)
    assert clips.shape == (2, FRAMES, 32, 32, 3)
