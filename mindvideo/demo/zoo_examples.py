"""Training examples for the zoo, drawn from the film world at the size of the demo's clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from mindvideo.demo.world import Shot, draw_shot, render

SIZE = 64
FILM_SIZE = 128
FPS = 3.0
N_FRAMES = 6


@dataclass(frozen=True)
class Pictures:
    """Single frames, uint8 (n, 64, 64, 3), and the shots that they show."""

    images: np.ndarray
    shots: list[Shot]


@dataclass(frozen=True)
class Clips:
    """Clips of one shot each, uint8 (n, 6, 64, 64, 3) at 3 frames a second, and their shots."""

    frames: np.ndarray
    shots: list[Shot]


def _small(picture: np.ndarray) -> np.ndarray:
    # Downsampled from the size of the films like the demo's clips, so that edges look the same.
    return np.asarray(Image.fromarray(picture).reduce(FILM_SIZE // SIZE))


def draw_pictures(seed: int, n: int, split: str | None = None) -> Pictures:
    """Draw `n` frames of `n` random shots; "train" leaves out unseen combinations."""
    rng = np.random.default_rng([seed, 1])
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    shots = []
    for i in range(n):
        shot = draw_shot(rng, float(rng.uniform(1, 8)), split)
        images[i] = _small(render(shot, rng.uniform(0, shot.seconds), FILM_SIZE))
        shots.append(shot)
    return Pictures(images, shots)


def draw_clips(seed: int, n: int) -> Clips:
    """Draw `n` clips of 2 s, each from one random shot."""
    rng = np.random.default_rng([seed, 2])
    frames = np.empty((n, N_FRAMES, SIZE, SIZE, 3), np.uint8)
    shots = []
    for i in range(n):
        shot = draw_shot(rng, float(rng.uniform(2.1, 8)))
        start = rng.uniform(0, shot.seconds - N_FRAMES / FPS)
        for k in range(N_FRAMES):
            frames[i, k] = _small(render(shot, start + k / FPS, FILM_SIZE))
        shots.append(shot)
    return Clips(frames, shots)


def as_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (..., h, w, 3) → float (..., 3, h, w) between 0 and 1."""
    return torch.from_numpy(np.ascontiguousarray(images)).movedim(-1, -3).float() / 255


def augment(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Distort pictures slightly, as the blur of a decoder or a video codec would.

    Each (c, h, w) of the last three axes gets a gain and an offset for each channel, a zoom into a
    random part (at most a sixth is lost), a blur of random strength, and noise. All frames of
    a clip (b, f, c, h, w) get the same, except for the noise. Values stay between 0 and 1.
    """
    b, size = images.shape[0], images.shape[-1]
    flat = images.reshape(b, -1, size, size)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=rng)

    zoom = uniform(0.84, 1.0, b)
    theta = torch.zeros(b, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = (1 - zoom[:, None]) * uniform(-1, 1, b, 2)
    grid = F.affine_grid(theta, [b, 1, size, size], align_corners=False)
    flat = F.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, 1)
    blurred = F.avg_pool2d(F.pad(blurred, (1, 1, 1, 1), mode="replicate"), 3, 1)
    flat = torch.lerp(flat, blurred, uniform(-0.3, 1.0, b, 1, 1, 1).clamp(min=0))
    images = flat.reshape(images.shape)
    ones = (1,) * (images.ndim - 4)
    gain, offset = (uniform(*r, b, *ones, 3, 1, 1) for r in ((0.88, 1.12), (-0.05, 0.05)))
    images = gain * images + offset
    noise = torch.randn(images.shape, generator=rng)
    return (images + uniform(0, 0.06, b, *ones, 1, 1, 1) * noise).clamp(0, 1)
