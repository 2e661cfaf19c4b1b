"""A whole segment → one film, of any length and frame rate, as a stream of frames.

The model knows clips of f frames. A film is made of *views*: at every step of the denoising, f of
the film's frames at a time are given to the model as one clip, under the condition of their time.
Where views overlap, the noise predicted in a frame is the mean of theirs, weighted towards each
view's middle (MultiDiffusion, Bar-Tal et al. 2023, Eq. 5; along time: Gen-L-Video, Wang et al.
2023). So no frame is the border of every clip that it is in, and a frame starts from noise of its
own, whatever views it is in.

Other frame rates
    At r times the model's rate, r = 2 say, frames 0, 2, 4, … are what the model knows as a clip,
    and so are 1, 3, 5, …: *spread* views. They show motion at the speed that the model learned,
    but neighbouring frames are never in one view. *Dense* views, of neighbouring frames, join
    them: steps alternate between the two (as DemoFusion, Du et al. 2024, joins dilated views of
    large images by local ones).

A stream
    The steps are a cascade. What a step needs of the one before reaches no further than a view, so
    each takes frames from the one before as soon as they are there, and hands on those that no
    view to come will see. The result is that of denoising the whole film at once, but memory
    holds only what is under way: for every step, about a view and a batch of views.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from mindvideo.errors import InputError
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import noise_generator
from mindvideo.models.views import Views, plan_views

Noise = Callable[[float], Tensor]
"""Noise (c, h, w) of standard deviation 1 at a time [frames of a clip]."""

Predict = Callable[[Tensor, Tensor, list[int], Views], Tensor]
"""Views (v, c, f, h, w), time of the denoising, first frames, kind of views → noise in them."""


def film_noise(shape: tuple[int, int, int], *, seed: int, shared: float) -> Noise:
    """Noise of a film's frames, (c, h, w) at any time: a function of seed and time alone.

    A share of its variance is common to the whole film, as the pipeline's `shared_noise` is to a
    clip. The rest is drawn for each whole time k, and at k + u between k and k + 1 it is
    ``cos(πu/2)·(that of k) + sin(πu/2)·(that of k + 1)``, again of variance 1. So a film at a
    higher rate starts from the same noise where it has the same frames, and its neighbouring
    frames have noise in common.

    Parameters
    ----------
    shape
        Of one frame's latents.
    seed
        What it is drawn from.
    shared
        Share of the variance that all frames have in common, 0…1.
    """

    def draw(*place: int) -> Tensor:
        return torch.randn(shape, generator=noise_generator(seed, *place))

    own = lru_cache(maxsize=64)(lambda k: draw(k, 1))
    common = draw(0, 2)

    def noise(time: float) -> Tensor:
        whole = math.floor(time + 1e-9)
        angle = (time - whole) * math.pi / 2
        between = own(whole) if angle < 1e-6 else _mix(own(whole), own(whole + 1), angle)
        return shared**0.5 * common + (1 - shared) ** 0.5 * between

    return noise


def _mix(a: Tensor, b: Tensor, angle: float) -> Tensor:
    return math.cos(angle) * a + math.sin(angle) * b


@torch.no_grad()
def make_film(
    pipeline: MindVideoPipeline,
    windows: Sequence[np.ndarray],
    negative: np.ndarray | None = None,
    *,
    noise: Noise,
    num_frames: int = 6,
    num_inference_steps: int = 200,
    guidance_scale: float = 12.5,
    rate: float = 1.0,
    overlap: float = 0.5,
    batch_size: int = 4,
    watch: Callable[[int, int], None] | None = None,
) -> Iterator[np.ndarray]:
    """Reconstruct the film that consecutive windows were recorded under.

    At the model's frame rate and without overlap these are the pipeline's own clips, side by side.
    Views between two windows are conditioned on tokens in between.

    Parameters
    ----------
    pipeline
        What makes clips. Its scheduler may be one that remembers earlier steps (DPM-Solver++,
        UniPC): frames that are under way carry their own.
    windows
        ``(w, v)`` each, one a clip, in order and without gaps; read as they are needed.
    negative
        The window of the negative condition ``(w, v)``.
    noise
        What denoising starts from: (c, h, w) at a time in frames of a clip (:func:`film_noise`).
    num_frames
        Frames of a clip, f, as the model was trained.
    num_inference_steps, guidance_scale
        As the pipeline's.
    rate
        Frames of the film for one frame of a clip.
    overlap
        Share of a view that is also in the next: at least 0 and less than 1. The time that a film
        takes grows as 1 / (1 − overlap), and with `rate`.
    batch_size
        Views that the UNet sees at once.
    watch
        Told how many views have been predicted since it was last told, and how many it takes.

    Yields
    ------
    ndarray, uint8, (height, width, 3)
        ``round(len(windows)·num_frames·rate)`` of them. Peak memory does not depend on how many.

    Raises
    ------
    InputError
        If nothing can be made of these windows, this rate or this overlap, or the scheduler scales
        what it is given.
    """
    grid = plan_views(len(windows), num_frames, rate, overlap)
    if float(pipeline.scheduler.init_noise_sigma) != 1:
        raise InputError(
            f"{type(pipeline.scheduler).__name__} scales what the UNet sees by a state that the "
            "frames of a film do not share: take DDIM, DPM-Solver++ or UniPC"
        )
    device = pipeline._execution_device
    conditions = _Conditions(pipeline, windows, negative, guidance_scale)
    scheduler = copy.deepcopy(pipeline.scheduler)
    scheduler.set_timesteps(num_inference_steps, device=device)
    kinds = itertools.cycle([grid.spread] if grid.is_models else [grid.spread, grid.dense])
    steps = [_Step(t, views) for t, views in zip(scheduler.timesteps, kinds)]
    n_views = sum(len(step.views) for step in steps)

    def predict(clips: Tensor, t: Tensor, starts: list[int], views: Views) -> Tensor:
        times = [grid.time_of(start, views) for start in starts]
        found = pipeline.predict(clips, t, conditions.at(times), guidance_scale)
        if watch:
            watch(len(starts), n_views)
        return found

    size, length = batch_size * grid.dense.hop, grid.dense.length
    for first in range(0, length, size):
        frames = [noise(g / grid.rate) for g in range(first, min(first + size, length))]
        latents = torch.stack(frames, dim=1).to(device, torch.float32)  #           c n h w
        blocks = [_Block(first, latents, copy.deepcopy(scheduler))]
        for step in steps:
            blocks = step.advance(blocks, predict, batch_size)
        for block in blocks:
            wanted = [i for i in range(block.length) if grid.is_films(block.first + i)]
            if wanted:
                yield from pipeline.decode(block.latents[None, :, wanted])[0]
        conditions.forget(min(grid.time_of(step.reached, step.views) for step in steps))
    pipeline.maybe_free_model_hooks()


class _Block:
    """Neighbouring frames that go through the steps together, with their scheduler's memory."""

    def __init__(self, first: int, latents: Tensor, scheduler: Any) -> None:
        self.first, self.latents, self.scheduler = first, latents, scheduler
        self._clear()

    def _clear(self) -> None:
        self.noise = torch.zeros_like(self.latents)  #                              c n h w
        self.weight = self.latents.new_zeros(self.length, 1, 1)

    @property
    def length(self) -> int:
        return self.latents.shape[1]

    def add(self, noise: Tensor, weight: Tensor) -> None:
        """Take in what views predict (c, n, h, w), times their weights (n, 1, 1)."""
        self.noise, self.weight = self.noise + noise, self.weight + weight

    def denoise(self, t: Tensor) -> None:
        """Take the step at time `t`; in place."""
        noise = self.noise / self.weight
        self.latents = self.scheduler.step(noise[None], t, self.latents[None]).prev_sample[0]
        self._clear()


class _Step:
    """One denoising step of the whole film, which it sees block after block."""

    def __init__(self, t: Tensor, views: Views) -> None:
        self.t, self.views = t, views
        self._next = 0
        self._blocks: deque[_Block] = deque()

    @property
    def reached(self) -> int:
        """Count the frames that no view to come will see."""
        return self.views.reached(self._next)

    def advance(self, arrived: list[_Block], predict: Predict, batch_size: int) -> list[_Block]:
        """Take in blocks, and hand on, a step cleaner, those that no view to come will see."""
        self._blocks += arrived
        if not self._blocks:
            return []
        end = self._blocks[-1].first + self._blocks[-1].length
        first, span = self._next, self.views.span
        while self._next < len(self.views) and self.views.start(self._next) + span <= end:
            self._next += 1
        starts = [self.views.start(view) for view in range(first, self._next)]
        self._predict(
            [starts[i : i + batch_size] for i in range(0, len(starts), batch_size)], predict
        )

        finished = []
        while self._blocks and self._blocks[0].first + self._blocks[0].length <= self.reached:
            finished.append(self._blocks.popleft())
            finished[-1].denoise(self.t)
        return finished

    def _predict(self, batches: list[list[int]], predict: Predict) -> None:
        x = torch.cat([block.latents for block in self._blocks], dim=1)  #          c n h w
        noise, weight = torch.zeros_like(x), x.new_zeros(x.shape[1], 1, 1)
        own = self.views.weights.to(x)[:, None, None]  #                            f 1 1
        for starts in batches:
            frames = torch.tensor(starts)[:, None] + torch.tensor(self.views.offsets)
            frames = (frames - self._blocks[0].first).to(x.device)  #               v f
            clips = rearrange(x[:, frames], "c v f h w -> v c f h w")
            for places, found in zip(frames, predict(clips, self.t, starts, self.views)):
                noise[:, places] += own * found
                weight[places] += own
        lengths = [block.length for block in self._blocks]
        for block, n, w in zip(self._blocks, noise.split(lengths, 1), weight.split(lengths)):
            block.add(n, w)


class _Conditions:
    """Conditions at any time, of tokens that are kept while they are needed."""

    def __init__(
        self,
        pipeline: MindVideoPipeline,
        windows: Sequence[np.ndarray],
        negative: np.ndarray | None,
        scale: float,
    ) -> None:
        self._pipeline, self._windows, self._negative = pipeline, windows, negative
        self._scale = scale
        self._tokens: dict[int, Tensor] = {}
        self._away: Tensor | None = None

    def at(self, times: list[float]) -> Tensor:
        """Conditions at times [clips], as ``pipeline.predict`` takes them."""
        last = len(self._windows) - 1
        times = [min(max(time, 0.0), last) for time in times]
        before = [math.floor(time + 1e-6) for time in times]
        self._encode(sorted({i for k in before for i in (k, min(k + 1, last))} - {*self._tokens}))
        own = torch.stack(
            [
                torch.lerp(self._tokens[k], self._tokens[min(k + 1, last)], max(time - k, 0.0))
                for time, k in zip(times, before)
            ]
        )  #                                                                        v tokens d
        return own if self._away is None else torch.cat([self._away.expand_as(own), own])

    def forget(self, time: float) -> None:
        """Drop what is before a time [clips] and will not be asked for again."""
        for i in [i for i in self._tokens if i < math.floor(time + 1e-6)]:
            del self._tokens[i]

    def _encode(self, missing: list[int]) -> None:
        if not missing:
            return
        windows = np.stack([self._windows[i] for i in missing])
        encoded = self._pipeline.encode(windows, self._negative, self._scale)
        if len(encoded) > len(missing):
            self._away = encoded[:1].clone()
        for i, tokens in zip(missing, encoded[-len(missing) :]):
            self._tokens[i] = tokens.clone()
