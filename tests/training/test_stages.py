"""The four training stages in sequence, on noise and the zoo's models."""

from __future__ import annotations

import itertools
import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from mindvideo.errors import InputError
from mindvideo.io.motion import save_motion
from mindvideo.io.sidecars import sidecar_path
from mindvideo.io.tables import load_table
from mindvideo.models.checkpoints import load_autoencoder, load_fmri_encoder
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import VideoUNet, inflate
from mindvideo.settings.training import (
    CotrainingSettings,
)
from mindvideo.training.sampling import draw_evenly
from tests.training.stages import (
    FEW,
    FRAMES,
    SD,
    SHAPE,
    VOXELS,
    WORDS,
    N,
    Stages,
    weights_changed,
)


def test_tuning_adapts_the_pretrained_weights_to_the_subjects_voxels(trained: Stages) -> None:
    before = MaskedAutoencoder.from_pretrained(trained.folder / "pretrained")
    after = MaskedAutoencoder.from_pretrained(trained.folder / "tuned")
    assert (before.config.num_voxels, after.config.num_voxels) == (16, VOXELS)
    difference = after.blocks[0].attn.qkv.weight - before.blocks[0].attn.qkv.weight
    assert 0 < difference.abs().max() < 0.01  # two steps of 1e-3


def test_the_encoders_tokens_have_the_shape_of_the_texts(trained: Stages) -> None:
    encoder = FmriEncoder.from_pretrained(trained.folder / "contrastive")
    tokens = encoder(torch.from_numpy(np.load(trained.windows)))
    assert tokens.shape[1:] == np.load(trained.text).shape[1:]
    history = pd.read_csv(trained.folder / "contrastive.tsv", sep="\t")
    assert {"text", "image", "tokens", "scale", "text_top1"} <= set(history)


def test_video_tuning_changes_attention_only(trained: Stages) -> None:
    tuned = VideoUNet.from_pretrained(trained.folder / "video")
    image = load_stable_diffusion(SD["stable_diffusion"], "unet").state_dict()
    for name, weight in tuned.state_dict().items():
        if name in image and not {"attn1", "attn2"} & set(name.split(".")):
            assert torch.equal(weight, image[name]), name
    temporal = [w for name, w in tuned.state_dict().items() if "attn_temp.to_out.0" in name]
    assert all(weight.abs().max() > 0 for weight in temporal)


def test_video_tuning_generates_clips_during_training(trained: Stages) -> None:
    paths = sorted((trained.folder / "state-video").glob("*.npy"))
    names = [f"generated-2-1-7.5-{step:07d}.npy" for step in (0, 1, 2)]
    assert [path.name for path in paths] == names
    clips = [np.load(path) for path in paths]
    assert {frames.shape for frames in clips} == {(2, FRAMES, 32, 32, 3)}
    first, _, last = clips
    assert not np.array_equal(first, last)
    listing = load_table(trained.folder / "generated.tsv")
    reference = "the clip itself, encoded and decoded"
    moments = ["step 0", "step 1", "step 2", reference]
    assert listing["moment"].tolist() == [moment for moment in moments for _ in range(2)]
    assert listing["caption"].tolist() == WORDS * 4
    generated = np.load(trained.folder / "generated.npy")
    assert np.array_equal(generated[:2], first)
    assert np.array_equal(generated[4:6], last)


def test_cotraining_changes_encoder_and_attention(trained: Stages) -> None:
    folder = trained.folder
    encoders = [
        FmriEncoder.from_pretrained(folder / f) for f in ("contrastive", "both/fmri_encoder")
    ]
    changed = weights_changed(*encoders)
    unchanged = {name for name in encoders[0].state_dict() if name not in changed}
    assert unchanged == {"cls_token", "pos_embed", "logit_scale"}
    unets = [VideoUNet.from_pretrained(folder / f) for f in ("video", "both/unet")]
    assert weights_changed(*unets) <= set(unets[0].trainable_parameters())
    assert weights_changed(*unets)


@pytest.mark.parametrize("only", ["encoder", "unet"])
def test_cotraining_can_freeze_one_of_the_two(
    trained: Stages, tmp_path: Path, only: Literal["encoder", "unet"]
) -> None:
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    Stages(tmp_path).cotraining(**models, settings={"train": [only]})
    encoders = [
        FmriEncoder.from_pretrained(f) for f in (models["encoder"], tmp_path / "both/fmri_encoder")
    ]
    unets = [VideoUNet.from_pretrained(f) for f in (models["unet"], tmp_path / "both/unet")]
    assert bool(weights_changed(*encoders)) == (only == "encoder")
    assert bool(weights_changed(*unets)) == (only == "unet")


def test_cotraining_of_the_unet_with_a_linear_encoder(trained: Stages, tmp_path: Path) -> None:
    of_windows, of_text = np.load(trained.windows).shape, np.load(trained.text).shape
    linear = LinearEncoder(
        num_voxels=of_windows[2],
        window_size=of_windows[1],
        n_components=3,
        out_channel=of_text[1],
        out_dim=of_text[2],
        embedding_dim=6,
    )
    linear.save_pretrained(tmp_path / "linear")
    Stages(tmp_path).cotraining(
        encoder=tmp_path / "linear",
        unet=trained.folder / "video",
        settings={"encoder": "ridge", "train": ["unet"]},
    )
    after = load_fmri_encoder(tmp_path / "both/fmri_encoder")
    assert isinstance(after, LinearEncoder)
    assert not weights_changed(linear, after)
    unets = [
        VideoUNet.from_pretrained(f) for f in (trained.folder / "video", tmp_path / "both/unet")
    ]
    assert weights_changed(*unets)


def test_cotraining_of_no_length_writes_the_models_as_they_came(
    trained: Stages, tmp_path: Path
) -> None:
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    Stages(tmp_path).cotraining(**models, settings={"duration": 0, "warmup": 3})
    encoders = [
        FmriEncoder.from_pretrained(f) for f in (models["encoder"], tmp_path / "both/fmri_encoder")
    ]
    unets = [VideoUNet.from_pretrained(f) for f in (models["unet"], tmp_path / "both/unet")]
    assert not weights_changed(*encoders)
    assert not weights_changed(*unets)
    assert load_table(tmp_path / "both.tsv", ["step", "loss"]).empty


def test_a_linear_encoder_has_no_dropout() -> None:
    with pytest.raises(ValidationError, match="no projection head: set dropout to 0"):
        CotrainingSettings(**FEW, **SD, encoder="ridge", dropout=0.1)


def test_retrieval_is_logged(trained: Stages, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        trained.contrastive(settings={"align_tokens": 1.0})
    lines = [line for line in caplog.messages if "top-5" in line]
    assert len(lines) == 2
    assert "among the 11 training clips" in lines[0]


def test_contrastive_learning_with_one_modality(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    stages.contrastive(mbm=trained.folder / "tuned", settings={"modalities": ["text"]})
    assert "image" not in pd.read_csv(tmp_path / "contrastive.tsv", sep="\t")


def test_without_modalities_the_encoder_keeps_its_weights(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    stages.contrastive(mbm=trained.folder / "tuned", settings={"modalities": []})
    before = MaskedAutoencoder.from_pretrained(trained.folder / "tuned").state_dict()
    after = FmriEncoder.from_pretrained(tmp_path / "contrastive").state_dict()
    blocks = [name for name in after if name.startswith("blocks.") and name in before]
    assert blocks
    assert all(torch.equal(after[name], before[name]) for name in blocks)
    assert pd.read_csv(tmp_path / "contrastive.tsv", sep="\t").empty


def test_of_more_samples_than_the_most_only_those_drawn_are_used(
    trained: Stages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stages = Stages(tmp_path)
    rng = np.random.default_rng(0)
    every = rng.normal(size=(40, VOXELS)).astype(np.float32)
    np.save(tmp_path / "all.npy", every)
    rows = draw_evenly([40, 40], 12, seed=0)
    np.save(tmp_path / "drawn.npy", np.concatenate([every, every])[rows])

    def model(name: str, samples: str, **changes: int) -> bytes:
        stages.mbm(name, tmp_path / samples, None, **changes)
        return (tmp_path / name / "diffusion_pytorch_model.safetensors").read_bytes()

    with caplog.at_level("INFO"):
        drawn = model("some", "all.npy", times=2, most=12)
    assert "12 of 80 samples are drawn, in proportion from all 2 subjects" in caplog.text
    assert drawn == model("same", "drawn.npy")
    whole = model("whole", "all.npy")
    assert whole == model("few", "all.npy", most=40)
    assert whole != drawn


def test_training_of_zero_length_leaves_the_models_as_they_are(
    trained: Stages, tmp_path: Path
) -> None:
    """Neither the warm-up nor the batch size is refused, though both are too large."""
    stages = Stages(tmp_path)
    none = {"duration": 0, "warmup": 3, "batch_size": 1000}
    stages.mbm("first", stages.windows, None, **none, mask_ratio=0.99)
    stages.mbm("tuned", stages.windows, trained.folder / "pretrained", **none)
    stages.contrastive(settings=none)
    stages.video_tuning(settings=none)
    stages.cotraining(settings=none)

    torch.manual_seed(0)
    fresh = MaskedAutoencoder(num_voxels=VOXELS, **SHAPE.model_dump())
    first = MaskedAutoencoder.from_pretrained(tmp_path / "first")
    assert not weights_changed(fresh, first)
    assert np.load(tmp_path / "first-examples.npy").shape == (0, 3, VOXELS)
    pretrained = MaskedAutoencoder.from_pretrained(trained.folder / "pretrained")
    tuned = MaskedAutoencoder.from_pretrained(tmp_path / "tuned")
    assert weights_changed(pretrained.resized(VOXELS), tuned) == set()

    torch.manual_seed(0)
    image = load_stable_diffusion(SD["stable_diffusion"], "unet")
    assert not weights_changed(inflate(image), VideoUNet.from_pretrained(tmp_path / "both/unet"))
    encoders = [
        FmriEncoder.from_pretrained(tmp_path / name)
        for name in ("contrastive", "both/fmri_encoder")
    ]
    assert not weights_changed(*encoders)
    listing = load_table(tmp_path / "generated.tsv")
    reference = "the clip itself, encoded and decoded"
    assert listing["moment"].unique().tolist() == ["step 0", reference]
    for stage in ("first", "tuned", "contrastive", "video", "both"):
        assert (tmp_path / f"{stage}.tsv").read_text() == "step\tloss\n"
        assert not list((tmp_path / f"{stage}-events").iterdir())


@pytest.mark.parametrize("stage", ["video_tuning", "cotraining"])
def test_training_with_noise_that_moves(trained: Stages, tmp_path: Path, stage: str) -> None:
    """Its losses differ with the motion of the clips; in one image nothing moves."""
    moving, models = {"shared_noise": 1.0, "moving_noise": True}, {}
    if stage == "cotraining":
        models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    train, losses = getattr(Stages(tmp_path), stage), []
    clips = load_table(trained.folder / "latents.tsv")[["segment", "clip"]]
    for right in (0.0, 0.125):
        save_motion(tmp_path / "motion.tsv", clips, np.tile([right, 0, 0], (2 * N, 1)))
        files = {"clip_motion": tmp_path / "motion.tsv"}
        if stage == "video_tuning":
            held_out = {"latents": trained.latents, "text": trained.text}
            held_out["table"] = trained.folder / "latents.tsv"
            held_out["clip_motion"] = files["clip_motion"]
            files |= {f"validation_{name}": path for name, path in held_out.items()}
        train(settings=moving, **files, **models)
        name = {"video_tuning": "video", "cotraining": "both"}[stage]
        losses.append(load_table(tmp_path / f"{name}.tsv")["loss"].tolist())
    assert losses[0] != losses[1]
    with pytest.raises(ValidationError, match=rf"still: true, but {stage}\.moving_noise: true"):
        train(settings={**moving, "still": True}, **files, **models)


def test_a_model_of_still_images_trains_no_temporal_layers(trained: Stages, tmp_path: Path) -> None:
    stages, still = Stages(tmp_path), {"still": True}
    stages.video_tuning(settings=still)
    assert np.load(tmp_path / "generated.npy").shape[1] == 1
    stages.cotraining(settings=still, encoder=trained.folder / "contrastive")
    torch.manual_seed(0)
    first = inflate(load_stable_diffusion(SD["stable_diffusion"], "unet"))
    tuned = [VideoUNet.from_pretrained(tmp_path / name) for name in ("video", "both/unet")]
    for before, after in itertools.pairwise([first, *tuned]):
        changed = weights_changed(before, after)
        assert changed
        assert not [name for name in changed if "_temp" in name]


def test_still_images_are_the_middle_frames(tmp_path: Path) -> None:
    """Other frames do not matter: the weights after training are the same to the last bit."""
    weights = []
    for folder, others in (("a", 0.0), ("b", 1.0)):
        (tmp_path / folder).mkdir()
        stages = Stages(tmp_path / folder)
        latents = np.load(stages.latents)
        latents[:, [0, 2]] += others
        np.save(stages.latents, latents)
        stages.video_tuning(settings={"still": True})
        weights.append(VideoUNet.from_pretrained(tmp_path / folder / "video"))
    assert not weights_changed(*weights)


def test_examples_are_volumes_masked_and_reconstructed(trained: Stages) -> None:
    examples = np.load(trained.folder / "pretrained-examples.npy")
    assert examples.shape == (4, 3, 16)
    given, visible, rebuilt = examples.swapaxes(0, 1)
    np.testing.assert_array_equal(given[[0, -1]], np.load(trained.samples)[[0, -1]])
    hidden = np.isnan(visible)
    assert (hidden.mean(axis=1) == 0.75).all()
    np.testing.assert_array_equal(rebuilt[~hidden], given[~hidden])
    assert np.isfinite(rebuilt).all()
    assert (rebuilt[hidden] != given[hidden]).all()


@pytest.mark.parametrize("size", [1, 3])
def test_windows_of_other_sizes(trained: Stages, tmp_path: Path, size: int) -> None:
    rng = np.random.default_rng(0)
    windows = tmp_path / "windows.npy"
    np.save(windows, rng.standard_normal((2 * N - 1, size, VOXELS), dtype=np.float32))
    trained.contrastive(windows=windows)
    trained.cotraining(windows=windows)
    encoder = FmriEncoder.from_pretrained(trained.folder / "both" / "fmri_encoder")
    assert encoder.config["window_size"] == size


def test_a_fixed_scale(trained: Stages) -> None:
    trained.contrastive(settings={"learn_scale": False, "lr": 0.1})
    history = pd.read_csv(trained.folder / "contrastive.tsv", sep="\t")
    assert history["scale"].nunique() == 1


def test_windows_of_as_many_but_other_voxels(trained: Stages) -> None:
    def sidecar(digest: str) -> None:
        content = {"stage": "windows", "inputs": {"train/seg1.npy": "0", "voxels.tsv": digest}}
        sidecar_path(trained.windows).write_text(json.dumps(content))

    try:
        sidecar("a" * 64)
        trained.mbm("tuned", trained.windows, trained.folder / "pretrained")
        trained.contrastive()
        trained.cotraining()
        sidecar("b" * 64)
        with pytest.raises(InputError, match=r"another selection of voxels .*bbb.*tuned.*aaa"):
            trained.contrastive()
        with pytest.raises(InputError, match=r"another selection of voxels .*contrastive"):
            trained.cotraining()
    finally:
        sidecar_path(trained.windows).unlink()


def test_masked_tuning_starts_from_a_released_autoencoder(
    trained: Stages, layout: ModuleType, tmp_path: Path
) -> None:
    heads = {"num_heads": layout.HEADS, "decoder_num_heads": layout.DECODER_HEADS}
    path = layout.write_autoencoder(tmp_path / "released.pth", config=heads)
    shape = {
        "patch_size": layout.PATCH,
        "embed_dim": layout.DIM,
        "depth": layout.DEPTH,
        "mlp_ratio": layout.HIDDEN / layout.DIM,
        "decoder_embed_dim": layout.DECODER_DIM,
        "decoder_depth": layout.DECODER_DEPTH,
        **heads,
    }
    trained.mbm("from-file", trained.windows, path, duration=0, encoder=shape)
    weights = load_autoencoder(trained.folder / "from-file").state_dict()
    released = layout.released_autoencoder()
    assert all(torch.equal(weights[name], released[name]) for name in ("mask_token", "norm.weight"))
    with pytest.raises(InputError, match=r"released\.pth: an autoencoder with embed_dim 16, but"):
        trained.mbm("wrong", trained.windows, path, encoder=shape | {"embed_dim": 32})
