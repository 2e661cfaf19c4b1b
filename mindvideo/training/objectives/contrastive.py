"""fMRI–text–image contrastive learning in the space of a frozen CLIP (paper 3.3, Eq. 3).

=======================  ===================================================================
paper                    here
=======================  ===================================================================
emb_f, (n, b)            ``fmri_embeddings`` (n, d), pooled tokens of unit length
emb_t, emb_i, (n, b)     ``clip_embeddings`` (n, d) of captions and frames, of unit length
n, b                     examples of all processes in a batch; ``ClipTargets.width``
ε, scaling factor        ``scale``, ``exp(encoder.logit_scale)``, at most ``LARGEST_SCALE``
L_CLIP(a, b)             :func:`mindvideo.training.similarity.clip_loss`
x ∈ ℝ^(l×b)              ``tokens`` (n, c, d), the unpooled token embedding (paper 3.4)
=======================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.transfer import sent
from mindvideo.training import augment
from mindvideo.training.datasets import Batch
from mindvideo.training.similarity import clip_loss, gather, n_processes, retrieval

LARGEST_SCALE = 100.0
"""Upper bound of the scale of Eq. 3 (Radford et al. 2021, 2.5)."""


class Frames(Protocol):
    """Frames of the examples' clips: item i is uint8, (f, h, w, 3)."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


class ClipTargets:
    """CLIP embeddings of frames and of paraphrases of captions, of unit length.

    The stage `embeddings` computes them. Only cropped frames are embedded during training, because
    a frame has many possible crops, of which training uses few.

    Parameters
    ----------
    images : Tensor, shape (n, f, d)
        Embeddings of each example's frames.
    paraphrases : Tensor, shape (n, 1 + w, d)
        Embeddings of each example's caption itself, then of its paraphrases.
    frames : Frames, optional
        Frames of each example, needed for crops.
    embed : callable, optional
        Frames of any size → embeddings (n, d), needed for crops.
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
        """Embeddings of the captions themselves, (n, d)."""
        return self.paraphrases[:, 0]

    @property
    def n_frames(self) -> int:
        """Frames of a clip, f."""
        return self.images.shape[1]

    def draw_images(self, index: Tensor, crop: float, generator: torch.Generator) -> Tensor:
        """Embeddings (b, d) of a random frame of each example, cropped with probability `crop`."""
        numbers = torch.randint(self.n_frames, (len(index),), generator=generator)
        device = self.images.device
        targets = self.images[sent(index, device), sent(numbers, device)]  # a copy
        is_cropped = augment.chosen(len(index), crop, generator)
        cropped = [row for row, crops in enumerate(is_cropped) if crops]
        if cropped:
            assert self._frames is not None
            assert self._embed is not None
            frames = [self._frames[int(index[row])][int(numbers[row])] for row in cropped]
            embedded = self._embed([augment.crop(frame, generator) for frame in frames])
            targets[sent(torch.tensor(cropped), device)] = embedded
        return targets

    def draw_texts(self, index: Tensor, generator: torch.Generator) -> Tensor:
        """Embeddings (b, d) of a random paraphrase of each caption, or of a caption without any."""
        n_paraphrases = self.paraphrases.shape[1] - 1
        device = self.paraphrases.device
        if not n_paraphrases:
            return self.texts[sent(index, device)]
        numbers = 1 + torch.randint(n_paraphrases, (len(index),), generator=generator)
        return self.paraphrases[sent(index, device), sent(numbers, device)]


class FmriToClip(nn.Module):
    """The encoder, with one call for all of Eq. 3: gradients then synchronize between processes."""

    def __init__(self, encoder: FmriEncoder) -> None:
        super().__init__()
        self.encoder: FmriEncoder = encoder

    def forward(self, fmri: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Windows (b, w, v) → tokens (b, c, d), embeddings of unit length (b, d), scale ()."""
        tokens = self.encoder(fmri)
        embeddings = F.normalize(self.encoder.pool(tokens).float(), dim=-1)
        return tokens, embeddings, self.encoder.logit_scale.exp().clamp(max=LARGEST_SCALE)


@dataclass(frozen=True)
class Contrast:
    """Mean of the fMRI–text and fMRI–image CLIP losses (Eq. 3), over all processes' examples.

    `align_tokens` weights a further term: the mean squared error between the fMRI tokens and the
    batch's `text` tokens (b, c, d), which condition Stable Diffusion.

    Attributes
    ----------
    targets : ClipTargets
    modalities : sequence of {"text", "image"}
        Terms of the loss.
    sparsify, crop, align_tokens : float
        As in ``settings.Contrastive``.
    batch_size : int, optional
        Examples in a batch, of which each process has a share. Without, it has a batch of its own.
    """

    targets: ClipTargets
    modalities: Sequence[Literal["text", "image"]]
    sparsify: float
    crop: float
    align_tokens: float
    batch_size: int | None = None
    decomposes: ClassVar[bool] = False

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss; logs its terms, the scale, and top-1 accuracy of retrieval within the batch."""
        fmri = augment.mix_repetitions(batch["fmri"], generator)
        fmri = augment.sparsify(fmri, self.sparsify, generator)
        tokens, fmri_embeddings, scale = model(fmri)
        fmri_embeddings = self._join(fmri_embeddings)
        logs: dict[str, Tensor] = {}
        for modality in self.modalities:
            clip_embeddings = self._join(self._draw(modality, batch["index"], generator))
            logs[modality] = clip_loss(fmri_embeddings, clip_embeddings, scale)
            logs[f"{modality}_top1"] = retrieval(fmri_embeddings.detach(), clip_embeddings, 1)
        loss = torch.stack([logs[modality] for modality in self.modalities]).mean()  # Eq. 3
        if self.align_tokens:
            # Unlike the terms above, it is the mean over this process's share.
            weight = len(tokens) / (self.batch_size / n_processes()) if self.batch_size else 1.0
            logs["tokens"] = weight * F.mse_loss(tokens.float(), batch["text"])
            loss = loss + self.align_tokens * logs["tokens"]
        return loss, {**logs, "scale": scale}

    def _draw(self, modality: str, index: Tensor, generator: torch.Generator) -> Tensor:
        if modality == "image":
            return self.targets.draw_images(index, self.crop, generator)
        return self.targets.draw_texts(index, generator)

    def _join(self, rows: Tensor) -> Tensor:
        """The rows of the whole batch."""
        return rows if self.batch_size is None else gather(rows, self.batch_size)
