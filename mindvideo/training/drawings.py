"""Clips generated from fixed captions while a video UNet is tuned, to see what it has learned."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from torch import Tensor

from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.guidance import decode_latents, denoise


@dataclass(frozen=True)
class ClipGenerator:
    """Generates one clip for each of some captions, always from the same noise.

    Training is not affected: weights, gradients, and torch's global random numbers are unchanged.

    Attributes
    ----------
    unet, vae
        Of one Stable Diffusion.
    scheduler
        Sampler of the unet's noise.
    text : Tensor, shape (n, tokens, d)
        Tokens of the captions.
    empty : Tensor, shape (tokens, d)
        Tokens of the empty caption, the negative condition of the guidance.
    noise : Tensor, shape (n, c, f, h, w)
        That denoising starts from.
    steps : int
        Denoising steps.
    guidance : float
        Scale of the guidance; 1 is none.
    """

    unet: ClipDenoiser
    vae: Any
    scheduler: Any
    text: Tensor
    empty: Tensor
    noise: Tensor
    steps: int
    guidance: float

    def __call__(self) -> np.ndarray:
        """Frames, uint8, (n, f, height, width, 3)."""
        device, was_training = next(self.unet.parameters()).device, self.unet.training
        n = len(self.text)
        noise = self.noise.to(device)
        condition = self.text
        if self.guidance != 1:
            condition = torch.cat([repeat(self.empty, "t d -> n t d", n=n), self.text])
        condition = condition.to(device)
        self.unet.eval()
        latents = denoise(self.unet, self.scheduler, noise, condition, self.guidance, self.steps)
        self.unet.train(was_training)
        return decode_latents(self.vae.to(device), latents)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Frames (n, f, height, width, 3) of latents (n, f, c, h, w)."""
        device = next(self.vae.parameters()).device
        channels_first = rearrange(torch.tensor(latents), "n f c h w -> n c f h w")
        return decode_latents(self.vae, channels_first.to(device))


@dataclass(frozen=True)
class Drawings:
    """Generates clips at some steps of a training run, and keeps them in a folder.

    Attributes
    ----------
    folder : Path
        State of the training run; clips generated before an interruption are kept.
    times : int
        How often, evenly spaced from before the first step to after the last.
    total : int
        Number of steps of the training run.
    generate : callable
        → frames.
    key : str
        Identifies the captions and settings: clips of another key are not mixed with these.
    at : list of int
        Steps at which clips are generated.
    """

    folder: Path
    times: int
    total: int
    generate: Callable[[], np.ndarray]
    key: str = ""
    at: list[int] = field(init=False)

    def __post_init__(self) -> None:
        steps = np.unique(np.linspace(0, self.total, self.times).round().astype(int))
        object.__setattr__(self, "at", steps.tolist())

    def __call__(self, step: int) -> None:
        """Generate clips if they are due at this step and do not exist yet."""
        path = self._path(step)
        if step not in self.at or path.exists():
            return
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.save(file, self.generate())
        os.replace(partial, path)

    def load(self) -> dict[int, np.ndarray]:
        """Frames by step; without steps that ran under another key."""
        return {s: np.load(path) for s in self.at if (path := self._path(s)).exists()}

    def _path(self, step: int) -> Path:
        name = f"{self.key}-{step:07d}.npy"
        older = self.folder / f"drawn-{name}"  # of a training run that an older version started
        return older if older.exists() else self.folder / f"generated-{name}"
