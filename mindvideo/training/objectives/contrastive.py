"""fMRI–text–image contrastive learning in the space of a frozen CLIP (paper 3.3, Eq. 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mindvideo.models.fmri_encoder import FmriEncoder
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
    """Embeddings of frames and of paraphrases of captions by the frozen CLIP, of unit length.

    All of them were computed before (stage `embeddings`), but for those of cropped frames, which
    are embedded when they are drawn: of the crops that a frame has, a training sees few.

    Parameters
    ----------
    images : Tensor, shape (n, f, d)
        Of each example's frames.
    paraphrases : Tensor, shape (n, 1 + w, d)
        Of each example's caption as it is, then of paraphrases of it.
    frames : Frames, optional
        Of each example; only crops need them.
    embed : callable, optional
        Frames of any size → (n, d); only crops need it.
    """

    def __init__(
        self,
        images: Tensor,
        paraphrases: Tensor,
        frames: Frames | None = None,
        embed: Callable[[Sequence[np.ndarray]], Tensor] | None = None,
    ) -> None:
        self.images, self.paraphrases = images, paraphrases
        self._frames, self._embed = frames, embed

    @property
    def width(self) -> int:
        """Dimensions of the embeddings, d."""
        return self.images.shape[-1]

    @property
    def texts(self) -> Tensor:
        """Embeddings of the captions as they are, (n, d)."""
        return self.paraphrases[:, 0]

    @property
    def n_frames(self) -> int:
        """Frames of a clip, f."""
        return self.images.shape[1]

    def draw_images(self, index: Tensor, crop: float, generator: torch.Generator) -> Tensor:
        """A random frame of each example, cropped with a probability: (b, d)."""
        numbers = torch.randint(self.n_frames, (len(index),), generator=generator)
        device = self.images.device
        targets = self.images[index.to(device), numbers.to(device)]  # a copy
        picked = augment.chosen(len(index), crop, generator)
        places = [place for place, is_picked in enumerate(picked) if is_picked]
        if places:
            assert self._frames is not None
            assert self._embed is not None
            frames = [self._frames[int(index[i])][int(numbers[i])] for i in places]
            targets[places] = self._embed([augment.crop(f, generator) for f in frames])
        return targets

    def draw_texts(self, index: Tensor, generator: torch.Generator) -> Tensor:
        """A random paraphrase of each example's caption; the caption where it has none: (b, d)."""
        n_others = self.paraphrases.shape[1] - 1
        device = self.paraphrases.device
        if not n_others:
            return self.texts[index.to(device)]
        numbers = 1 + torch.randint(n_others, (len(index),), generator=generator)
        return self.paraphrases[index.to(device), numbers.to(device)]


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
    sparsify, crop, align_tokens : float
        As in ``settings.Contrastive``.
    """

    targets: ClipTargets
    modalities: Sequence[Literal["text", "image"]]
    sparsify: float
    crop: float
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
        return self.targets.draw_texts(index, generator)
