"""Stimuli encoded by frozen models.

Frames → latents and captions → text tokens, by Stable Diffusion; both → embeddings, by CLIP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image
from torch import Tensor

from mindvideo.models.device import device, sent
from mindvideo.sizes import check_frame_size


@torch.inference_mode()
def encode_frames(vae: Any, clips: np.ndarray, *, batch_size: int) -> Iterator[np.ndarray]:
    """Encode frames one clip after the other.

    Parameters
    ----------
    vae : diffusers.AutoencoderKL
    clips : ndarray, uint8, (n, f, h, w, 3)
    batch_size : int
        Frames at a time (within a clip).

    Yields
    ------
    ndarray, float32, (f, c, h / 8, w / 8)
        A clip's latents: the mean of the VAE's posterior (not a sample, so that the same frame
        always has the same latent), times `scaling_factor` (0.18215 in Stable Diffusion 1).

    Raises
    ------
    InputError
        If the VAE cannot encode and decode frames of this size.
    """
    height, width = clips.shape[2:4]
    check_frame_size(height, width, len(vae.config.block_out_channels))
    vae = vae.to(device())
    for clip in clips:
        pixels = torch.from_numpy(np.array(clip)).to(device()) / 127.5 - 1
        pixels = rearrange(pixels, "f h w c -> f c h w").to(vae.dtype)
        means = [vae.encode(batch).latent_dist.mode() for batch in pixels.split(batch_size)]
        yield (torch.cat(means) * vae.config.scaling_factor).float().cpu().numpy()


@torch.inference_mode()
def encode_captions(
    tokenizer: Any, text_encoder: Any, captions: Sequence[str], *, batch_size: int
) -> Iterator[np.ndarray]:
    """Encode captions as Stable Diffusion's conditioning.

    Parameters
    ----------
    tokenizer, text_encoder
        From :func:`mindvideo.models.pretrained.load_stable_diffusion`.
    captions : sequence of str
        Padded, and cut, to the tokenizer's `model_max_length`.
    batch_size : int

    Yields
    ------
    ndarray, float32, (batch, tokens, dim)
        Last hidden states (77 × 768 in Stable Diffusion 1).
    """
    text_encoder = text_encoder.to(device())
    for start in range(0, len(captions), batch_size):
        tokens = tokenizer(
            list(captions[start : start + batch_size]),
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        # Like Stable Diffusion itself: no attention mask, padding is part of the conditioning.
        yield text_encoder(tokens.to(device()))[0].float().cpu().numpy()


def count_cut(tokenizer: Any, captions: Sequence[str]) -> int:
    """Count the captions that are longer than the tokenizer's `model_max_length`."""
    lengths = [len(tokens) for tokens in tokenizer(list(captions)).input_ids]
    return sum(length > tokenizer.model_max_length for length in lengths)


@torch.no_grad()
def embed_frames(clip: Any, frames: Sequence[np.ndarray]) -> Tensor:
    """Embed frames by CLIP.

    Parameters
    ----------
    clip : mindvideo.models.pretrained.Clip
        Its model is moved to the device of the networks.
    frames : sequence of ndarray, uint8, (h, w, 3)
        Of any size.

    Returns
    -------
    Tensor, (n, dim)
        Embeddings of unit length.
    """
    prepared = [clip.preprocess(Image.fromarray(frame)) for frame in frames]
    pixels = sent(torch.stack(prepared), device())
    return F.normalize(clip.model.to(device()).encode_image(pixels).float(), dim=-1)


@torch.no_grad()
def embed_texts(clip: Any, texts: Sequence[str]) -> Tensor:
    """Embed captions by CLIP, as :func:`embed_frames` does frames; those too long are cut."""
    tokens = clip.tokenizer(list(texts)).to(device())
    return F.normalize(clip.model.to(device()).encode_text(tokens).float(), dim=-1)


def embed_in_batches(
    embed: Callable[[Any, Sequence], Tensor], clip: Any, items: Sequence, batch_size: int = 64
) -> np.ndarray:
    """Embed many frames, or texts, by CLIP: array (n, dim).

    Parameters
    ----------
    embed : callable
        :func:`embed_frames` or :func:`embed_texts`.
    clip : mindvideo.models.pretrained.Clip
    items : sequence
    batch_size : int
    """
    starts = range(0, len(items), batch_size)
    return np.concatenate([embed(clip, items[s : s + batch_size]).cpu().numpy() for s in starts])
