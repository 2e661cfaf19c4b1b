"""The stage of reconstruction, on untrained models."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.video_unet import inflate
from mindvideo.settings import ReconstructionSettings
from mindvideo.stages.reconstruct import load_pipeline, main


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Windows, and the folders of co-training and of a Stable Diffusion."""
    folder = tmp_path_factory.mktemp("inputs")
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=12,
        attention_head_dim=2,
    )
    inflate(unet).save_pretrained(folder / "model" / "unet")
    FmriEncoder(
        num_voxels=32, patch_size=8, embed_dim=8, depth=1, num_heads=2, out_channel=5, out_dim=12
    ).save_pretrained(folder / "model" / "fmri_encoder")
    AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    ).save_pretrained(folder / "sd" / "vae")
    # Stable Diffusion 1.5 comes with this sampler.
    PNDMScheduler(beta_schedule="scaled_linear", skip_prk_steps=True).save_pretrained(
        folder / "sd" / "scheduler"
    )
    rng = np.random.default_rng(0)
    np.save(folder / "windows.npy", rng.normal(size=(3, 2, 32)).astype(np.float32))
    np.save(folder / "null.npy", rng.normal(size=(2, 32)).astype(np.float32))
    return folder


def reconstruct(inputs, folder, **changes):
    settings = {
        "steps": 2,
        "guidance": 3.0,
        "stable_diffusion": str(inputs / "sd"),
        "num_frames": 3,
        "size": 16,
        **changes,
    }
    output = folder / "reconstructions.npy"
    main(
        windows=inputs / "windows.npy",
        null_window=inputs / "null.npy",
        model=inputs / "model",
        reconstructions=output,
        settings=ReconstructionSettings(**settings),
    )
    return np.load(output)


def test_writes_a_clip_a_window(inputs, tmp_path):
    clips = reconstruct(inputs, tmp_path)
    assert clips.shape == (3, 3, 16, 16, 3)
    assert clips.dtype == np.uint8
    assert clips.std(axis=(1, 2, 3, 4)).min() > 0


def test_the_batch_size_does_not_matter_and_the_seed_does(inputs, tmp_path):
    clips = reconstruct(inputs, tmp_path, batch_size=4).astype(int)
    in_twos = reconstruct(inputs, tmp_path, batch_size=2).astype(int)
    assert np.abs(clips - in_twos).max() <= 1
    assert np.abs(clips - reconstruct(inputs, tmp_path, seed=1)).max() > 1


def test_negative_conditions_differ(inputs, tmp_path):
    found = {
        negative: reconstruct(inputs, tmp_path, negative=negative).astype(int)
        for negative in ("null-window", "zero", "none")
    }
    unguided = reconstruct(inputs, tmp_path, guidance=1.0)
    assert np.array_equal(found["none"], unguided)
    assert not np.array_equal(found["zero"], found["null-window"])
    assert not np.array_equal(found["zero"], found["none"])


def test_samples_by_ddim_without_clipping(inputs):
    pipeline = load_pipeline(inputs / "model", str(inputs / "sd"))
    assert type(pipeline.scheduler).__name__ == "DDIMScheduler"
    assert pipeline.scheduler.config.clip_sample is False
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("dpm-solver++", "DPMSolverMultistepScheduler"), ("unipc", "UniPCMultistepScheduler")],
)
def test_samples_by_the_scheduler_that_is_set(inputs, tmp_path, name, kind):
    pipeline = load_pipeline(inputs / "model", str(inputs / "sd"), name)
    assert type(pipeline.scheduler).__name__ == kind
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"
    made = reconstruct(inputs, tmp_path, scheduler=name)
    assert not np.array_equal(made, reconstruct(inputs, tmp_path))


def test_half_precision_is_near(inputs, tmp_path):
    whole = reconstruct(inputs, tmp_path).astype(int)
    half = reconstruct(inputs, tmp_path, precision="bf16").astype(int)
    assert 0 < np.abs(half - whole).mean() < 0.05 * whole.std()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_fp16_needs_a_gpu(inputs, tmp_path):
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        reconstruct(inputs, tmp_path, precision="fp16")


def test_refuses_a_null_window_of_another_shape(inputs, tmp_path):
    np.save(tmp_path / "null.npy", np.zeros((1, 32), np.float32))
    with pytest.raises(InputError, match=r"\(1, 32\).*\(2, 32\)"):
        main(
            windows=inputs / "windows.npy",
            null_window=tmp_path / "null.npy",
            model=inputs / "model",
            reconstructions=tmp_path / "reconstructions.npy",
            settings=ReconstructionSettings(
                stable_diffusion=str(inputs / "sd"), num_frames=3, size=16
            ),
        )
