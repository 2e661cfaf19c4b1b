"""Films of a pipeline that is a sum and a sine, for tests of what surrounds the models."""

import copy

import numpy as np
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from einops import rearrange

from mindvideo.models.film import Film, film_noise

SHAPE = (4, 3, 3)
SAMPLERS = {
    "ddim": DDIMScheduler(clip_sample=False),
    "dpm-solver++": DPMSolverMultistepScheduler(),
    "unipc": UniPCMultistepScheduler(),
}


class Toy:
    """Encodes a window as its one number; a frame's noise depends on its view and condition."""

    _execution_device = torch.device("cpu")

    def __init__(self, sampler="ddim"):
        self.scheduler = copy.deepcopy(SAMPLERS[sampler])
        self.encoded, self.sizes = [], []

    def encode(self, windows, negative, scale):
        assert scale == 1
        self.encoded += windows[:, 0, 0].tolist()
        return torch.as_tensor(windows).float()

    def predict(self, latents, t, condition, scale):
        self.sizes.append(len(latents))
        mixed = latents.mean(dim=2, keepdim=True) - latents.roll(1, 2)
        return torch.sin(latents + mixed) + condition.mean((1, 2))[:, None, None, None, None]

    def decode(self, latents):
        return rearrange(latents, "b c f h w -> b f h w c").numpy()

    def maybe_free_model_hooks(self):
        self.freed = True


def windows(n):
    return [np.full((1, 1), i / 7, np.float32) for i in range(n)]


def film(toy, n, **settings):
    settings = {"num_frames": 6, "num_inference_steps": 5, "guidance_scale": 1} | settings
    settings = {"noise": film_noise(SHAPE, seed=0, shared=0.5)} | settings
    return frames_of(Film(toy, windows(n), **settings))


def frames_of(stream):
    return np.stack([frame for frames in stream for frame in frames])
