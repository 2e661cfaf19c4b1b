"""The four training stages in sequence, on noise and the zoo's models."""

from __future__ import annotations

import itertools
import json
import logging
import os
import resource
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from mindvideo.errors import InputError
from mindvideo.io.sidecars import sidecar_path
from mindvideo.io.tables import load_table, save_table
from mindvideo.models.encoders import load_fmri_encoder
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.video_unet import VideoUNet, inflate
from mindvideo.settings.training import (
    ContrastiveSettings,
    CotrainingSettings,
    EncoderShape,
    MbmSettings,
    VideoTuningSettings,
)
from mindvideo.stages import contrastive, cotraining, mbm, video_tuning

SHAPE = EncoderShape(
    patch_size=4,
    embed_dim=16,
    depth=1,
    num_heads=2,
    decoder_embed_dim=8,
    decoder_depth=1,
    decoder_num_heads=2,
)
SD = {"stable_diffusion": "zoo:stable-diffusion"}
FEW = {"duration": 2, "unit": "steps", "warmup": 0, "lr": 1e-3, "batch_size": 4}
WORDS = ["a cat", "a dog"]
ARRAYS = ("windows", "latents", "text", "images", "texts")
N, FRAMES, VOXELS = 6, 3, 24  # clips of a segment, frames of a clip, voxels of the subject


def no_validation(*names: str) -> dict[str, None]:
    """Inputs of a stage if the data set has no validation segments."""
    return dict.fromkeys(f"validation_{name}" for name in names)


class Stages:
    """Runs the stages in a folder, each with `changes` to its inputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)

        def array(name: str, *shape: int) -> Path:
            np.save(folder / name, rng.standard_normal(shape, dtype=np.float32))
            return folder / name

        tokens, unet = 7, load_stable_diffusion(SD["stable_diffusion"], "unet")
        width = unet.config.cross_attention_dim
        keys = [(segment, clip) for segment in ("seg1", "seg2") for clip in range(N)]
        clips = pd.DataFrame(keys, columns=["segment", "clip"])
        latents = clips.assign(scene=range(2 * N), caption=["a cat", "a dog"] * N)
        save_table(folder / "latents.tsv", latents)
        # Windows in another order than the latents, and not for all of them.
        save_table(folder / "windows.tsv", clips.iloc[::-1][:-1])
        for segment in ("seg1", "seg2"):
            frames = rng.integers(0, 256, (N, FRAMES, 16, 16, 3), dtype=np.uint8)
            np.save(folder / f"{segment}.npy", frames)
        self.samples = array("samples.npy", 30, 16)
        self.windows = array("windows.npy", 2 * N - 1, 2, VOXELS)
        self.latents = array("latents.npy", 2 * N, FRAMES, 4, 8, 8)
        self.text = array("text.npy", 2 * N, tokens, width)
        self.images = array("images.npy", 2 * N, FRAMES, width)
        self.texts = array("texts.npy", 2 * N, 3, width)
        self.empty_text = array("empty.npy", tokens, width)

    def _outputs(self, stage: str) -> dict[str, Path]:
        state = self.folder / f"state-{stage}"
        shutil.rmtree(state, ignore_errors=True)  # as the runner does after success
        state.mkdir()
        history = self.folder / f"{stage}.tsv"
        return {
            "model": self.folder / stage,
            "history": history,
            "events": self.folder / f"{stage}-events",
            "state": state,
        }

    def mbm(
        self,
        name: str,
        samples: Path,
        start: Path | None,
        times: int = 1,
        inputs: dict[str, Path] | None = None,
        **changes: Any,
    ) -> None:
        settings = MbmSettings(**{**FEW, "encoder": SHAPE, **changes})
        outputs = self._outputs(name) | {"examples": self.folder / f"{name}-examples.npy"}
        files = {"validation_windows": None} | (inputs or {})
        mbm.main(samples=[samples] * times, start=start, settings=settings, **files, **outputs)

    def contrastive(self, **changes: Any) -> None:
        chosen = {**FEW, "encoder": SHAPE, "clip": "zoo:clip", **changes.pop("settings", {})}
        inputs = {
            "windows": self.windows,
            "repetitions": None,
            "table": self.folder / "windows.tsv",
            "mbm": self.folder / "tuned",
            "clips": [self.folder / "seg1.npy", self.folder / "seg2.npy"],
            "latents_table": self.folder / "latents.tsv",
            "text": self.text,
            "images": self.images,
            "texts": self.texts,
            **no_validation("windows", "table", "latents_table", "text", "images", "texts"),
        }
        outputs = self._outputs("contrastive")
        contrastive.main(**{**inputs, **changes}, settings=ContrastiveSettings(**chosen), **outputs)

    def video_tuning(self, **changes: Any) -> None:
        inputs = {
            "latents": self.latents,
            "text": self.text,
            "empty_text": self.empty_text,
            "table": self.folder / "latents.tsv",
            **no_validation("latents", "text"),
        }
        settings = VideoTuningSettings(
            **{**FEW, **SD, "drawings": {"captions": 2, "steps": 1}, **changes.pop("settings", {})}
        )
        outputs = self._outputs("video") | {
            "generated": self.folder / "generated.npy",
            "generated_table": self.folder / "generated.tsv",
        }
        video_tuning.main(**{**inputs, **changes}, settings=settings, **outputs)

    def cotraining(self, **changes: Any) -> None:
        inputs = {
            "windows": self.windows,
            "repetitions": None,
            "table": self.folder / "windows.tsv",
            "latents": self.latents,
            "latents_table": self.folder / "latents.tsv",
            "encoder": self.folder / "contrastive",
            "unet": self.folder / "video",
            **no_validation("windows", "table", "latents", "latents_table"),
        }
        settings = CotrainingSettings(**{**FEW, **SD, **changes.pop("settings", {})})
        cotraining.main(**{**inputs, **changes}, settings=settings, **self._outputs("both"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    stages = Stages(tmp_path_factory.mktemp("stages"))
    stages.mbm("pretrained", stages.samples, None)
    stages.mbm("tuned", stages.windows, stages.folder / "pretrained")
    stages.contrastive(settings={"align_tokens": 1.0})
    stages.video_tuning()
    stages.cotraining()
    return stages


@pytest.mark.parametrize("stage", ["contrastive", "cotraining"])
def test_mixed_repetitions_are_those_of_the_windows(
    trained: Stages, tmp_path: Path, stage: str
) -> None:
    train, mix = getattr(trained, stage), {"settings": {"mix_repetitions": True}}
    with pytest.raises(InputError, match="mix_repetitions: true needs the windows of each"):
        train(**mix)
    windows = np.load(trained.windows)
    others = tmp_path / "others.npy"
    np.save(others, windows[:-1, None])
    with pytest.raises(
        InputError, match=r"others\.npy: an array of shape .* expected \(11 windows"
    ):
        train(**mix, repetitions=others)


def weights_changed(before: torch.nn.Module, after: torch.nn.Module) -> set[str]:
    old, new = before.state_dict(), after.state_dict()
    return {name for name in old if not torch.equal(old[name], new[name])}


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


def test_other_encoder_settings_than_those_of_pretraining(trained: Stages, tmp_path: Path) -> None:
    shape = SHAPE.model_copy(update={"embed_dim": 8})
    with pytest.raises(InputError, match="embed_dim 16, but the settings have 8"):
        Stages(tmp_path).mbm("x", trained.windows, trained.folder / "pretrained", encoder=shape)


def test_mask_ratios_that_hide_nothing_or_everything(trained: Stages, tmp_path: Path) -> None:
    for ratio in (0.0, 1.0):
        with pytest.raises(ValidationError, match="mask_ratio"):
            Stages(tmp_path).mbm("x", trained.samples, None, mask_ratio=ratio)
    with pytest.raises(InputError, match=r"mask_ratio: 0\.99 of \d patches"):
        Stages(tmp_path).mbm("x", trained.samples, None, mask_ratio=0.99)


def test_autoencoder_of_other_voxels(trained: Stages, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="16 voxels, but the windows have 24"):
        Stages(tmp_path).contrastive(mbm=trained.folder / "pretrained")


def test_missing_clips_and_rows(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    with pytest.raises(InputError, match="seg2"):
        stages.contrastive(mbm=trained.folder / "tuned", clips=[tmp_path / "seg1.npy"])
    table = pd.read_csv(tmp_path / "latents.tsv", sep="\t").iloc[:8]
    save_table(tmp_path / "short.tsv", table)
    np.save(tmp_path / "short.npy", np.load(stages.latents)[:8])
    short = {"latents": tmp_path / "short.npy", "latents_table": tmp_path / "short.tsv"}
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    with pytest.raises(InputError, match=r"4 of 11 clips are missing \(seg2 5"):
        stages.cotraining(**short, **models)
    with pytest.raises(InputError, match="12 rows, but 8"):
        stages.cotraining(latents_table=tmp_path / "short.tsv", **models)


def test_tokens_of_another_width(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    np.save(tmp_path / "narrow.npy", np.zeros((2 * N, 7, 16), np.float32))
    with pytest.raises(InputError, match="tokens have width 16"):
        stages.video_tuning(text=tmp_path / "narrow.npy")
    with pytest.raises(InputError, match=r"narrow\.npy have 16"):
        stages.contrastive(mbm=trained.folder / "tuned", text=tmp_path / "narrow.npy")


def test_windows_of_another_size(trained: Stages, tmp_path: Path) -> None:
    np.save(tmp_path / "three.npy", np.zeros((2 * N - 1, 3, VOXELS), np.float32))
    models = {"encoder": trained.folder / "contrastive", "unet": trained.folder / "video"}
    with pytest.raises(InputError, match="windows of 3 volumes and 24 voxels"):
        Stages(tmp_path).cotraining(windows=tmp_path / "three.npy", **models)


def test_batch_larger_than_the_data(trained: Stages, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only 30 examples"):
        Stages(tmp_path).mbm("x", trained.samples, None, batch_size=31)


def test_embeddings_of_other_clips(trained: Stages, tmp_path: Path) -> None:
    stages = Stages(tmp_path)
    np.save(tmp_path / "few.npy", np.load(stages.texts)[:8])
    with pytest.raises(InputError, match=r"few\.npy: 8 rows, but 12 in .*latents\.tsv"):
        stages.contrastive(mbm=trained.folder / "tuned", texts=tmp_path / "few.npy")


def test_more_subjects_than_files_that_may_be_open(trained: Stages, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(os.listdir("/proc/self/fd"))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 20, before[1]))
        Stages(tmp_path).mbm("x", trained.samples, None, times=n_open + 100)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (tmp_path / "x/config.json").is_file()


def test_more_subjects_than_files_that_can_be_open(
    trained: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    with pytest.raises(
        InputError, match=r"1100 arrays of samples .* allows a process only 1024 open"
    ):
        Stages(tmp_path).mbm("x", trained.samples, None, times=1100)


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


# --- validation segments --------------------------------------------------------------------------


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
        stages.video_tuning(**held_out("latents", "text"))
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
    same = [name for name in without if name not in ("seconds", "memory")]
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
