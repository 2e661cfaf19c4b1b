"""Pretrained models that do not fit are found before any work, and without loading them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
from safetensors.numpy import save_file

from mindvideo.checks.settings import check_settings
from mindvideo.config import check_config
from mindvideo.models.folders import ZOO
from tests.checks.few import check, values
from tests.hub_cache import add_revision


def changed(folder, part: str, **entries):
    """A copy of the zoo's Stable Diffusion with other entries in a part's configuration."""
    copy = folder / "sd"
    if not copy.exists():
        shutil.copytree(ZOO / "stable-diffusion", copy)
    path = next((copy / part).glob("*config.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
    return {"stable_diffusion": str(copy)}


@pytest.mark.parametrize(
    ("part", "entries", "said"),
    [
        ("unet", {"class_embed_type": "timestep"}, "not that of a Stable Diffusion 1.x or 2.x"),
        ("text_encoder", {"hidden_size": 12}, "tokens have width 12, but the UNet"),
        ("scheduler", {"prediction_type": "sample"}, "only epsilon and v_prediction are supported"),
    ],
)
def test_a_stable_diffusion_of_another_kind_is_known_from_its_configuration(
    here, part, entries, said
):
    pretrained = changed(here, part, **entries)
    findings = check(pretrained=pretrained, contrastive={"modalities": []})
    assert said in findings["pretrained.stable_diffusion"]
    (here / "empty").mkdir(exist_ok=True)
    bare = check(pretrained={"image_classifier": "empty"})["pretrained.image_classifier"]
    assert "error: empty is empty" in bare


def test_motion_modules_that_do_not_fit_are_known_from_their_configuration(here):
    adapter = {"_class_name": "MotionAdapter", "block_out_channels": [320, 640, 1280, 1280]}
    adapter |= {"motion_layers_per_block": 2, "motion_max_seq_length": 2}
    (here / "adapter").mkdir()
    (here / "adapter/config.json").write_text(json.dumps(adapter))
    save_file({"x": np.zeros(1)}, here / "adapter/diffusion_pytorch_model.safetensors")
    pretrained = {"motion_adapter": "adapter"}
    assert not check(pretrained=pretrained)  # nothing uses it
    found = check(
        pretrained=pretrained, variants={"modules": {"video_model": {"kind": "motion-adapter"}}}
    )
    at = {name: f"variants.modules: {name}" for name in ("pretrained.motion_adapter", "clips.fps")}
    assert set(found) == set(at.values())
    said = found[at["pretrained.motion_adapter"]]
    assert "block_out_channels: [320, 640, 1280, 1280], but the UNet has" in said
    said = found[at["clips.fps"]]
    assert "clips of 3 frames, but the motion modules have places for 2" in said


def test_settings_that_a_model_cannot_follow_are_named(here):
    changed(here, "scheduler", num_train_timesteps=100)
    said = check(
        pretrained=changed(here, "vae", block_out_channels=[8, 8, 8, 8, 8]),
        reconstruction={"steps": 101},
        variants={"large": {"clips": {"size": 72}}},
    )
    assert set(said) == {"reconstruction", "variants.large: clips.size"}
    assert "steps: 101, but the noise schedule" in said["reconstruction"]
    assert (
        "frames of 72 × 72 px; the VAE needs multiples of 16" in said["variants.large: clips.size"]
    )


def test_a_clip_of_another_width_is_known_unless_nothing_is_contrasted(here):
    clip = shutil.copytree(ZOO / "clip", here / "clip")
    config = json.loads((clip / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 7
    (clip / "open_clip_config.json").write_text(json.dumps(config))
    assert "embeddings of 7 dimensions" in check(pretrained={"clip": str(clip)})["pretrained.clip"]
    assert check(pretrained={"clip": str(clip)}, contrastive={"modalities": []}) == {}


def test_folders_are_looked_into_for_all_their_parts(here):
    copy = shutil.copytree(ZOO / "stable-diffusion", here / "half")
    shutil.rmtree(copy / "vae")
    (copy / "text_encoder/model.safetensors").write_text("version https://git-lfs.github.com/spec")
    config = check_config(values(pretrained={"stable_diffusion": str(copy), "clip": "zoo:no"}), "t")
    said = [f"{f.place}: {f.message}" for f in check_settings(config)]
    assert len(said) == 3
    assert "pretrained.stable_diffusion" in said[0]
    assert "lacks vae/" in said[0]
    assert "git lfs pull" in said[1]
    assert "no such model in the zoo" in said[2]


def test_a_name_that_is_not_in_the_cache_is_an_error_offline(here, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(here / "hub"))
    said = check(pretrained={"captioner": "org/blip", "clip": "hf-hub:org/clip"})
    assert set(said) == {"pretrained.captioner", "pretrained.clip"}
    assert "org/blip: not whole in the hub's cache" in said["pretrained.captioner"]
    snapshot = here / "hub/models--org--blip/snapshots/0123"
    shutil.copytree(ZOO / "blip", snapshot)
    (here / "hub/models--org--blip/refs").mkdir()
    (here / "hub/models--org--blip/refs/main").write_text("0123")
    assert set(check(pretrained={"captioner": "org/blip"})) == set()
    (snapshot / "model.safetensors").unlink()
    assert "not whole" in check(pretrained={"captioner": "org/blip"})["pretrained.captioner"]


def test_the_hub_is_asked_for_what_is_not_here(here, monkeypatch):
    answer, asked = {}, []

    def ask(self, name, *, revision, timeout):
        assert timeout <= 10
        asked.append((name, revision))
        if error := answer.get(name):
            raise error

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", ask)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(here / "hub"))
    name = {"pretrained": {"image_classifier": "org/vit"}}
    assert check(**name) == {}
    for error, said in (
        (RepositoryNotFoundError, "error: org/vit: no such folder, and no such model on the hub"),
        (GatedRepoError, "error: org/vit: its owners ask for an agreement"),
        (ConnectionError, "warning: org/vit: not in the hub's cache, and the hub could not be"),
    ):
        answer["org/vit"] = error.__new__(error)
        assert said in check(**name)["pretrained.image_classifier"]
    answer["org/vit"] = RevisionNotFoundError.__new__(RevisionNotFoundError)
    said = check(pretrained={"image_classifier": "org/vit@v2"})["pretrained.image_classifier"]
    assert "error: org/vit: no branch, tag or commit v2 on the hub" in said
    assert asked[-1] == ("org/vit", "v2")
    assert set(asked[:-1]) == {("org/vit", None)}


def test_a_revision_in_the_cache_is_found_and_another_one_is_not(here, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(here / "hub"))
    add_revision(here / "hub", "org/clip", "0" * 40, ZOO / "clip", "main", "v1")
    for name in ("org/clip", "org/clip@v1", "hf-hub:org/clip@v1", f"org/clip@{'0' * 40}"):
        assert check(pretrained={"clip": name}) == {}
    said = check(pretrained={"clip": "org/clip@v2"})["pretrained.clip"]
    assert "org/clip@v2: not whole in the hub's cache" in said
    assert "only a model of" in check(pretrained={"clip": "zoo:clip@v1"})["pretrained.clip"]


@pytest.mark.parametrize("name", ["no such name", "/no/such/folder", "a//b", "ViT-L-14/nonsense"])
def test_a_name_that_leads_nowhere_is_refused_without_the_hub(here, name, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asks the hub"))
    assert f"error: {name}" in check(pretrained={"clip": name})["pretrained.clip"]
