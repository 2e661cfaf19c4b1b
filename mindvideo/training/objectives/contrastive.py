"""fMRI–text–image contrastive learning in the space of a frozen CLIP (paper 3.3, Eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image
from torch import Tensor, nn

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.progress import progress
from mindvideo.training import augment
from mindvideo.training.datasets import Batch
from mindvideo.training.similarity import clip_loss, gather, retrieval

LARGEST_SCALE = 100.0
"""The scale of Eq. 3 grows no further (Radford et al. 2021, 2.5)."""


class Frames(Protocol):
    """The frames of the examples' clips: row i, of shape (f, h, w, 3), uint8."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


class ClipTargets:
    """Embeddings of frames and captions by the frozen CLIP, of unit length.

    Those of whole frames and of captions as they are get computed once, at the start; those of
    cropped frames and of captions with words swapped are computed when they are drawn.

    Parameters
    ----------
    clip : object
        With `model`, `preprocess` and `tokenizer`, as ``models.pretrained.load_clip`` gives.
    frames : Frames
        Of each example.
    captions : sequence of str
        Of each example.
    modalities : sequence of {"text", "image"}
        Only these are embedded.
    device : torch.device
    batch_size : int
        Frames or captions embedded at once at the start.

    Attributes
    ----------
    images : Tensor, shape (n, f, d)
        Where asked for.
    texts : Tensor, shape (n, d)
        Where asked for.
    """

    def __init__(
        self,
        clip: Any,
        frames: Frames,
        captions: Sequence[str],
        modalities: Sequence[Literal["text", "image"]],
        device: torch.device,
        batch_size: int = 64,
    ) -> None:
        self._clip, self._device = clip, device
        self._frames, self._captions = frames, captions
        clip.model.to(device).eval().requires_grad_(False)
        self.n_frames = len(frames[0])
        if "image" in modalities:
            size = max(1, batch_size // self.n_frames)
            starts = progress(range(0, len(frames), size), desc="CLIP: frames", unit="batch")
            parts = [
                self.embed_images([f for i in rows for f in frames[i]])
                for rows in (range(start, min(start + size, len(frames))) for start in starts)
            ]
            self.images = rearrange(torch.cat(parts), "(n f) d -> n f d", f=self.n_frames)
        if "text" in modalities:
            parts = [
                self.embed_texts(captions[start : start + batch_size])
                for start in range(0, len(captions), batch_size)
            ]
            self.texts = torch.cat(parts)

    @property
    def width(self) -> int:
        """Dimensions of the embeddings, d."""
        return (self.images if hasattr(self, "images") else self.texts).shape[-1]

    @torch.no_grad()
    def embed_images(self, frames: Sequence[np.ndarray]) -> Tensor:
        """Frames (h, w, 3), uint8, of any size → (n, d)"""
        prepared = [self._clip.preprocess(Image.fromarray(frame)) for frame in frames]
        pixels = torch.stack(prepared).to(self._device)
        return F.normalize(self._clip.model.encode_image(pixels).float(), dim=-1)

    @torch.no_grad()
    def embed_texts(self, captions: Sequence[str]) -> Tensor:
        """Captions → (n, d)"""
        tokens = self._clip.tokenizer(list(captions)).to(self._device)
        return F.normalize(self._clip.model.encode_text(tokens).float(), dim=-1)

    def draw_images(self, index: Tensor, crop: float, generator: torch.Generator) -> Tensor:
        """A random frame of each example, cropped with a probability: (b, d)."""
        numbers = torch.randint(self.images.shape[1], (len(index),), generator=generator)
        targets = self.images[index.to(self._device), numbers.to(self._device)]  # a copy
        picked = augment.chosen(len(index), crop, generator)
        places = [place for place, is_picked in enumerate(picked) if is_picked]
        if places:
            frames = [self._frames[int(index[i])][int(numbers[i])] for i in places]
            targets[places] = self.embed_images([augment.crop(f, generator) for f in frames])
        return targets

    def draw_texts(self, index: Tensor, swap: float, generator: torch.Generator) -> Tensor:
        """The caption of each example, two words swapped with a probability: (b, d)."""
        targets = self.texts[index.to(self._device)]
        picked = augment.chosen(len(index), swap, generator)
        places = [place for place, is_picked in enumerate(picked) if is_picked]
        if places:
            captions = [self._captions[int(index[i])] for i in places]
            swapped = [augment.swap_words(caption, generator) for caption in captions]
            targets[places] = self.embed_texts(swapped)
        return targets


class FmriToClip(nn.Module):
    """The encoder, with all that Eq. 3 needs from one call (as several processes require)."""

    def __init__(self, encoder: FmriEncoder) -> None:
        super().__init__()
        self.encoder: FmriEncoder = encoder

    def forward(self, fmri: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, w, v) → tokens (b, c, d), embedding of unit length (b, d), scale ()"""
        tokens = self.encoder(fmri)
        embedding = F.normalize(self.encoder.pool(tokens).float(), dim=-1)
        return tokens, embedding, self.encoder.logit_scale.exp().clamp(max=LARGEST_SCALE)


@dataclass(frozen=True)
class Contrast:
    """Mean of the fMRI–text and fMRI–image CLIP losses (Eq. 3), over all processes' examples.

    With `align_tokens`, plus that weight times the mean squared error between the fMRI tokens and
    the batch's `text` tokens (b, c, d) that condition Stable Diffusion.

    Attributes
    ----------
    targets : ClipTargets
    modalities : sequence of {"text", "image"}
        Terms of the loss.
    sparsify, crop, word_swap, align_tokens : float
        As in ``settings.Contrastive``.
    """

    targets: ClipTargets
    modalities: Sequence[Literal["text", "image"]]
    sparsify: float
    crop: float
    word_swap: float
    align_tokens: float
    decomposes: ClassVar[bool] = False

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss; logs its terms, the scale, and how often the right frame or caption is nearest."""
        fmri = augment.sparsify(batch["fmri"], self.sparsify, generator)
        tokens, mine, scale = model(fmri)
        mine = gather(mine)
        logs: dict[str, Tensor] = {}
        for modality in self.modalities:
            theirs = gather(self._draw(modality, batch["index"], generator))
            logs[modality] = clip_loss(mine, theirs, scale)
            logs[f"{modality}_top1"] = retrieval(mine.detach(), theirs, 1)
        loss = torch.stack([logs[modality] for modality in self.modalities]).mean()
        if self.align_tokens:
            logs["tokens"] = F.mse_loss(tokens.float(), batch["text"])
            loss = loss + self.align_tokens * logs["tokens"]
        return loss, {**logs, "scale": scale}

    def _draw(self, modality: str, index: Tensor, generator: torch.Generator) -> Tensor:
        if modality == "image":
            return self.targets.draw_images(index, self.crop, generator)
        return self.targets.draw_texts(index, self.word_swap, generator)
