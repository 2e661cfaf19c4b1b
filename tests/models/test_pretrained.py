"""The one door to pretrained models: the zoo through it, and what it says when something is off."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.models import pretrained
from mindvideo.models.folders import ZOO
from mindvideo.models.hub import HubModel

PICTURE = Image.fromarray(np.full((64, 64, 3), 128, np.uint8))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach the hub, whether or not the machine could."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no connection to the hub (test)")

    monkeypatch.setattr("socket.socket.connect", refuse)


def test_resolve_knows_zoo_folder_and_hub_names(tmp_path) -> None:
    assert pretrained.resolve("zoo:clip") == ZOO / "clip"
    assert pretrained.resolve(str(tmp_path)) == tmp_path
    assert pretrained.resolve("someone/some-model") == HubModel("someone/some-model")


@pytest.mark.parametrize("name", ["zoo:nothing", "/no/such/folder", "./nothing", "a/b/c"])
def test_a_missing_folder_is_named(name: str) -> None:
    with pytest.raises(InputError, match=name):
        pretrained.resolve(name)


def test_the_zoos_contents_are_listed_for_a_wrong_name() -> None:
    with pytest.raises(InputError, match="zoo:blip, zoo:clip"):
        pretrained.load_clip("zoo:klip")


def test_stable_diffusion_parts_fit_each_other(offline) -> None:
    name = "zoo:stable-diffusion"
    vae, unet, text_encoder = (
        pretrained.load_stable_diffusion(name, part) for part in ("vae", "unet", "text_encoder")
    )
    tokenizer = pretrained.load_stable_diffusion(name, "tokenizer")
    scheduler = pretrained.load_stable_diffusion(name, "scheduler")
    for model in (vae, unet, text_encoder):
        assert not model.training
        assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert unet.config.cross_attention_dim == text_encoder.config.hidden_size
    assert unet.config.in_channels == vae.config.latent_channels
    assert tokenizer.model_max_length == text_encoder.config.max_position_embeddings
    assert not scheduler.config.clip_sample
    assert scheduler.config.steps_offset == 1


def test_clip_and_stable_diffusion_read_text_alike(offline) -> None:
    clip = pretrained.load_clip("zoo:clip")
    name = "zoo:stable-diffusion"
    tokenizer = pretrained.load_stable_diffusion(name, "tokenizer")
    text_encoder = pretrained.load_stable_diffusion(name, "text_encoder")
    captions = ["a red car drives left on a street. Then a dog waits", "", "something else"]
    tokens = clip.tokenizer(captions)
    same = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    assert torch.equal(tokens, same.input_ids)
    with torch.no_grad():
        pooled = text_encoder(tokens).pooler_output @ clip.model.text_projection
        torch.testing.assert_close(pooled, clip.model.encode_text(tokens), atol=1e-4, rtol=1e-4)
    assert clip.preprocess(PICTURE).shape == (3, 64, 64)


def test_captioner_and_classifiers_run(offline) -> None:
    processor, blip = pretrained.load_captioner("zoo:blip")
    tokens = blip.generate(**processor(images=[PICTURE], return_tensors="pt"), max_new_tokens=4)
    assert tokens.shape[0] == 1
    processor, vit = pretrained.load_image_classifier("zoo:image-classifier")
    with torch.no_grad():
        logits = vit(**processor(images=[PICTURE], return_tensors="pt")).logits
    assert logits.shape == (1, 192)
    assert len(vit.config.id2label) == 192
    processor, videomae = pretrained.load_video_classifier("zoo:video-classifier")
    with torch.no_grad():
        logits = videomae(**processor([PICTURE] * 6, return_tensors="pt")).logits
    assert logits.shape == (1, 192)
    assert len(videomae.config.id2label) == 192


@pytest.mark.parametrize(
    ("load", "name", "message"),
    [
        (pretrained.load_captioner, "zoo:image-classifier", "vit"),
        (pretrained.load_image_classifier, "zoo:video-classifier", "videomae"),
        (pretrained.load_video_classifier, "zoo:blip", "blip"),
        (pretrained.load_clip, "zoo:blip", "open_clip_config.json"),
        (lambda name: pretrained.load_stable_diffusion(name, "unet"), "zoo:clip", "unet/config"),
    ],
)
def test_another_models_folder_is_refused_by_name(load, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(name)


def test_a_folder_with_broken_weights_says_so(tmp_path) -> None:
    folder = shutil.copytree(ZOO / "image-classifier", tmp_path / "vit")
    (folder / "model.safetensors").write_bytes(b"half a download")
    with pytest.raises(InputError, match="fetch it again"):
        pretrained.load_image_classifier(str(folder))


@pytest.mark.parametrize(
    "load",
    [
        pretrained.load_captioner,
        pretrained.load_clip,
        lambda name: pretrained.load_stable_diffusion(name, "vae"),
    ],
)
def test_an_unreachable_hub_is_explained(load, offline, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="check the name and the connection"):
        load("nobody/nothing-of-this-name")


def test_wrong_weights_of_a_listed_architecture_list_the_right_ones() -> None:
    with pytest.raises(InputError, match="openai"):
        pretrained.load_clip("ViT-L-14/nonsense")
