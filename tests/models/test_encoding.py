"""Latents and text tokens from tiny models of the real classes."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from mindvideo.errors import InputError
from mindvideo.models.encoding import (
    count_cut,
    embed_frames,
    embed_texts,
    encode_captions,
    encode_frames,
)
from mindvideo.models.pretrained import load_clip


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.5,
    ).eval()


def test_refuses_frames_that_could_not_be_decoded_again(vae):
    clips = np.zeros((1, 2, 16, 15, 3), np.uint8)
    with pytest.raises(InputError, match="16 × 15 px; the VAE needs multiples of 2"):
        next(encode_frames(vae, clips, batch_size=2))


class LetterTokenizer:
    """One token a letter, start and end around them."""

    model_max_length = 8

    def __call__(self, captions, padding=None, max_length=None, truncation=False, **_):
        rows = [[30, *(ord(c) % 28 for c in caption), 31] for caption in captions]
        if truncation:
            rows = [[*row[: max_length - 1], 31] if len(row) > max_length else row for row in rows]
        if padding == "max_length":
            rows = torch.tensor([row + [31] * (max_length - len(row)) for row in rows])
        return type("Encoding", (), {"input_ids": rows})


@pytest.fixture(scope="module")
def text_encoder():
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=8,
        eos_token_id=31,
        bos_token_id=30,
        pad_token_id=31,
    )
    return CLIPTextModel(config).eval()


def test_latents_are_scaled_means_and_repeatable(vae):
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), dtype=np.uint8)
    first, second = encode_frames(vae, clips, batch_size=2)
    assert first.shape == (3, 4, 8, 8)
    assert first.dtype == np.float32
    pixels = torch.from_numpy(clips[1]).permute(0, 3, 1, 2) / 127.5 - 1
    assert pixels.min() >= -1
    with torch.no_grad():
        expected = vae.encode(pixels).latent_dist.mean * 0.5
    np.testing.assert_allclose(second, expected.numpy(), atol=1e-5)
    np.testing.assert_array_equal(next(encode_frames(vae, clips, batch_size=2)), first)


def test_captions_become_last_hidden_states(text_encoder):
    captions = ["dog", "a cat", "", "far too long"]
    batches = list(encode_captions(LetterTokenizer(), text_encoder, captions, batch_size=3))
    assert [b.shape for b in batches] == [(3, 8, 16), (1, 8, 16)]
    tokens = LetterTokenizer()(captions, "max_length", 8, True).input_ids
    with torch.no_grad():
        expected = text_encoder(tokens).last_hidden_state.numpy()
    np.testing.assert_allclose(np.concatenate(batches), expected, atol=1e-5)


def test_long_captions_are_counted():
    assert count_cut(LetterTokenizer(), ["123456", "1234567", ""]) == 1


def test_clip_embeds_frames_and_texts_as_open_clip_does():
    clip = load_clip("zoo:clip")
    frames = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    images, texts = embed_frames(clip, frames), embed_texts(clip, ["a red fox", "", "a bus"])
    pixels = torch.stack([clip.preprocess(Image.fromarray(frame)) for frame in frames])
    with torch.no_grad():
        expected = clip.model.encode_image(pixels, normalize=True)
        said = clip.model.encode_text(clip.tokenizer(["a red fox", "", "a bus"]), normalize=True)
    torch.testing.assert_close(images, expected)
    torch.testing.assert_close(texts, said)
    assert not images.requires_grad
