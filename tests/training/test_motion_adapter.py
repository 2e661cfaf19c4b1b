"""Video tuning, co-training and reconstruction with motion modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import MotionAdapter

from mindvideo.models.checkpoints import load_video_unet
from mindvideo.models.denoisers import make_denoiser
from mindvideo.models.motion_unet import MotionUNet
from mindvideo.models.pretrained import load_motion_adapter, load_stable_diffusion
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


@pytest.mark.parametrize("kind", ["inflated", "motion-adapter"])
@pytest.mark.parametrize("rank", [None, 2])
def test_parts_of_the_unet_are_trained_also_in_low_rank(
    trained: Stages, tmp_path: Path, kind: str, rank: int | None
) -> None:
    stages = Stages(tmp_path)
    MotionAdapter((64, 96), 1).save_pretrained(tmp_path / "adapter")
    adapter = str(tmp_path / "adapter") if kind == "motion-adapter" else None
    of_tuning = {"unet_parts": ["temporal"], "lora_rank": rank}
    stages.video_tuning(settings={"kind": kind, "motion_adapter": adapter, **of_tuning})
    image_unet = load_stable_diffusion(SD["stable_diffusion"], "unet")
    before = make_denoiser(kind, image_unet, adapter and load_motion_adapter(adapter))
    tuned = load_video_unet(tmp_path / "video")
    temporal = set(tuned.trainable_parameters(["temporal"]))
    kept = before.state_dict().keys() - temporal
    assert tuned.state_dict().keys() == before.state_dict().keys()
    assert not weights_changed(before, tuned) & kept
    of_cotraining = {"unet_parts": ["spatial"], "lora_rank": rank}
    stages.cotraining(encoder=trained.folder / "contrastive", settings=of_cotraining)
    after = load_video_unet(tmp_path / "both/unet")
    changed = weights_changed(tuned, after)
    assert changed
    assert changed <= set(after.trainable_parameters(["spatial"]))
