"""Clips drawn from fixed captions while a video UNet is tuned: what it has learned, to be seen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from mindvideo.models.guidance import decode_latents, denoise


@dataclass(frozen=True)
class Painter:
    """Draws one clip for each of some captions; always from the same noise.

    Nothing of a training is changed by it: not the weights, their gradients, or torch's own random
    numbers.

    Attributes
    ----------
    unet, vae
        Of one Stable Diffusion.
    scheduler
        Sampler of the unet's noise.
    text : Tensor, shape (n, tokens, d)
        The captions' tokens.
    empty : Tensor, shape (tokens, d)
        Those of the empty caption, which guidance leads away from.
    shape : tuple of int
        Of a clip's latents, (c, f, h, w).
    steps, guidance
        Denoising steps, and the scale of the guidance.
    """

    unet: nn.Module
    vae: Any
    scheduler: Any
    text: Tensor
    empty: Tensor
    shape: tuple[int, ...]
    steps: int
    guidance: float

    def __call__(self) -> np.ndarray:
        """Frames, uint8, (n, f, height, width, 3)."""
        where, was_training = next(self.unet.parameters()).device, self.unet.training
        n = len(self.text)
        noise = torch.randn((n, *self.shape), generator=torch.Generator().manual_seed(0))
        condition = self.text
        if self.guidance != 1:
            condition = torch.cat([repeat(self.empty, "t d -> n t d", n=n), self.text])
        self.unet.eval()
        made = denoise(
            *(self.unet, self.scheduler, noise.to(where), condition.to(where)),
            *(self.guidance, self.steps),
        )
        self.unet.train(was_training)
        return decode_latents(self.vae.to(where), made)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Frames (n, f, height, width, 3) of latents (n, f, c, h, w)."""
        given = rearrange(torch.tensor(latents), "n f c h w -> n c f h w")
        return decode_latents(self.vae, given.to(next(self.vae.parameters()).device))


@dataclass(frozen=True)
class Drawings:
    """Draws at some steps of a training, and keeps what is drawn in a folder.

    Attributes
    ----------
    folder : Path
        The training's state: drawings from before a kill are still there after it.
    times : int
        How many, evenly from before the first step to after the last.
    total : int
        Steps of the training.
    draw : callable
        → frames.
    key : str
        Of what is drawn and how: drawings of another one are not mixed up with these.
    """

    folder: Path
    times: int
    total: int
    draw: Callable[[], np.ndarray]
    key: str = ""
    at: list[int] = field(init=False)

    def __post_init__(self) -> None:
        steps = np.unique(np.linspace(0, self.total, self.times).round().astype(int))
        object.__setattr__(self, "at", steps.tolist())

    def __call__(self, step: int) -> None:
        """Draw, if it is time and was not done before the training was interrupted."""
        path = self._path(step)
        if step not in self.at or path.exists():
            return
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.save(file, self.draw())
        os.replace(beside, path)

    def load(self) -> dict[int, np.ndarray]:
        """Frames by step.

        Steps that were taken under other settings of what to draw are not among them.
        """
        return {s: np.load(path) for s in self.at if (path := self._path(s)).exists()}

    def _path(self, step: int) -> Path:
        return self.folder / f"drawn-{self.key}-{step:07d}.npy"
