"""A checkpoint in the released layout, loaded as a pipeline as it is."""

import json
import pickle

import pytest
import torch
from diffusers import DDIMScheduler, PNDMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

from mindvideo.errors import InputError
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.video_unet import inflate
from tests.untrained import untrained_vae

SIZE = {"num_frames": 3, "height": 16, "width": 16, "num_inference_steps": 2}
UNET = {
    "block_out_channels": [8, 16],
    "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 2,
}
OF_ITS_TIME = {  # entries that a UNet's configuration had then
    "_class_name": "UNet3DConditionModel",
    "_diffusers_version": "0.11.1",
    "mid_block_type": "UNetMidBlock3DCrossAttn",
    "act_fn": "silu",
    "center_input_sample": False,
    "class_embed_type": None,
    "downsample_padding": 1,
    "dual_cross_attention": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "out_channels": 4,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "resnet_time_scale_shift": "default",
    "sample_size": 64,
    "upcast_attention": False,
    "use_linear_projection": False,
}


@pytest.fixture
def video(layout):
    torch.manual_seed(0)
    unet = inflate(UNet2DConditionModel(**UNET, cross_attention_dim=layout.OUT))
    for name, weight in unet.named_parameters():
        if "attn_temp.to_out" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return unet.eval()


@pytest.fixture
def released(layout, video, tmp_path):
    """The folder of a checkpoint; as for its encoder, with random weights."""
    folder = tmp_path / "released"
    layout.write_encoder(folder / "fmri_encoder", name="model.pth")
    untrained_vae().save_pretrained(folder / "vae", safe_serialization=False)
    PNDMScheduler(
        beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    ).save_pretrained(folder / "scheduler")
    (folder / "unet").mkdir()
    torch.save(video.state_dict(), folder / "unet" / "diffusion_pytorch_model.bin")
    blocks = {
        key: [name.replace("2D", "3D") for name in UNET[key]]
        for key in ("down_block_types", "up_block_types")
    }
    config = UNET | OF_ITS_TIME | {"cross_attention_dim": layout.OUT} | blocks
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    return folder


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def windows(layout):
    g = torch.Generator().manual_seed(1)
    shape = (layout.WINDOW, layout.VOXELS)
    return torch.randn(2, *shape, generator=g), torch.randn(shape, generator=g)


def test_loads_as_it_is(layout, released, video):
    pipeline = quiet(MindVideoPipeline.from_pretrained(released))
    fmri, negative = windows(layout)
    state = layout.released_encoder()
    condition = torch.stack([layout.encode(window, state) for window in fmri]).float()
    layout.assert_near(pipeline.encode(fmri), condition)
    latents = torch.randn(2, 4, 3, 8, 8)
    with torch.no_grad():
        expected = video(latents, 5, condition)
    layout.assert_near(pipeline.predict(latents, torch.tensor(5), condition, 1.0), expected)
    assert isinstance(pipeline.scheduler, DDIMScheduler)
    assert pipeline.scheduler.config.clip_sample is False
    assert pipeline(fmri, negative, **SIZE).shape == (2, 3, 16, 16, 3)


def test_a_loaded_checkpoint_can_be_saved_as_a_pipeline(layout, released, tmp_path):
    pipeline = quiet(MindVideoPipeline.from_pretrained(str(released)))
    pipeline.save_pretrained(tmp_path / "own")
    saved = quiet(MindVideoPipeline.from_pretrained(tmp_path / "own"))
    fmri, negative = windows(layout)
    settings = SIZE | {"latents": torch.randn(2, 4, 3, 8, 8), "output_type": "latent"}
    assert torch.equal(saved(fmri, negative, **settings), pipeline(fmri, negative, **settings))


def test_parts_and_precision_can_be_given(released):
    scheduler = DDIMScheduler(num_train_timesteps=10)
    pipeline = MindVideoPipeline.from_pretrained(
        released, scheduler=scheduler, torch_dtype=torch.bfloat16
    )
    assert pipeline.scheduler is scheduler
    assert {pipeline.unet.dtype, pipeline.fmri_encoder.dtype} == {torch.bfloat16}


def test_safetensors_will_do(released, video):
    (released / "unet" / "diffusion_pytorch_model.bin").unlink()
    with pytest.raises(InputError, match=r"unet: no weights here: .*\.bin or .*\.safetensors"):
        MindVideoPipeline.from_pretrained(released)
    save_file(video.state_dict(), released / "unet" / "diffusion_pytorch_model.safetensors")
    loaded = MindVideoPipeline.from_pretrained(released).unet.state_dict()
    assert all(torch.equal(weight, loaded[name]) for name, weight in video.state_dict().items())


def test_weights_go_in_strictly(released, video):
    path = released / "unet" / "diffusion_pytorch_model.bin"
    state = video.state_dict()
    lost = next(name for name in state if "attn_temp.to_q" in name)
    torch.save({name: weight for name, weight in state.items() if name != lost}, path)
    with pytest.raises(InputError, match=f"missing: {lost}"):
        MindVideoPipeline.from_pretrained(released)
    torch.save(state | {"more": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="left over: more"):
        MindVideoPipeline.from_pretrained(released)
    torch.save(state | {lost: torch.zeros(2, 2)}, path)
    with pytest.raises(InputError, match="wrong shape"):
        MindVideoPipeline.from_pretrained(released)


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('was run')",)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_no_weights_are_run(released, part):
    (released / part / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(InputError, match=part):
        MindVideoPipeline.from_pretrained(released)


def test_unknown_settings_are_reported(released, caplog):
    path = released / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"use_motion_module": True}))
    MindVideoPipeline.from_pretrained(released)
    assert "use_motion_module" in caplog.text


def test_refuses_a_unet_of_another_kind(released):
    path = released / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"use_linear_projection": True}))
    with pytest.raises(InputError, match="use_linear_projection = True"):
        MindVideoPipeline.from_pretrained(released)
    path.write_text(json.dumps(config | {"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(InputError, match="UNet2DConditionModel; expected a VideoUNet"):
        MindVideoPipeline.from_pretrained(released)


def test_says_what_a_folder_lacks(released, tmp_path):
    (released / "scheduler").rename(released / "sampler")
    with pytest.raises(InputError, match=r"model_index.json.*lacks scheduler \(found: fmri_enc"):
        MindVideoPipeline.from_pretrained(released)
    with pytest.raises(InputError, match="no such folder"):
        MindVideoPipeline.from_pretrained(tmp_path / "nothing")
