"""A checkpoint in the released layout, loaded as a pipeline as it is."""

import json
import pickle

import pytest
import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file

from mindvideo.errors import InputError
from mindvideo.models.pipeline import MindVideoPipeline
from tests.released import untrained_video_unet, write_checkpoint

SIZE = {"num_frames": 3, "height": 16, "width": 16, "num_inference_steps": 2}


@pytest.fixture
def video(layout):
    return untrained_video_unet(layout.OUT)


@pytest.fixture
def released(layout, video, tmp_path):
    """The folder of a checkpoint; as for its encoder, with random weights."""
    return write_checkpoint(tmp_path / "released", layout, video)


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
    path.write_text(json.dumps(config | {"class_embed_type": "timestep"}))
    with pytest.raises(InputError, match="class_embed_type = 'timestep'"):
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
