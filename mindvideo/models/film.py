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
    The steps are a cascade (:mod:`mindvideo.models.cascade`), through which the frames flow in
    blocks. The result is that of denoising the whole film at once, but memory holds only the
    blocks under way: for every step, about a view and a batch of views. They are also all that a
    film needs in order to go on after an interruption.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mindvideo.errors import InputError
from mindvideo.models.cascade import Block, Cascade
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import noise_generator
from mindvideo.models.views import Views, plan_views
from mindvideo.sizes import check_steps

Noise = Callable[[float], Tensor]
"""Noise (c, h, w) of standard deviation 1 at a time [frames of a clip]."""


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


class Film:
    """The film that consecutive windows were recorded under, reconstructed as a stream.

    At the model's frame rate and without overlap these are the pipeline's own clips, side by side.
    Views between two windows are conditioned on tokens in between. Iteration yields frames; between
    two of its yields the film can be left, and another object of the same parameters goes on from
    its `state_dict`, to the same frames bit for bit (on a CPU).

    Parameters
    ----------
    pipeline
        The model. Its scheduler may be one that remembers earlier steps (DPM-Solver++, UniPC):
        frames that are under way carry their own.
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
        Views that the UNet computes at once.
    watch
        Called with the number of views predicted since its last call, and the film's total.

    Raises
    ------
    InputError
        If nothing can be made of these windows, this rate or this overlap, or the scheduler scales
        what it is given.
    """

    def __init__(
        self,
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
    ) -> None:
        self._grid = grid = plan_views(len(windows), num_frames, rate, overlap)
        if float(pipeline.scheduler.init_noise_sigma) != 1:
            raise InputError(
                f"{type(pipeline.scheduler).__name__} scales what the UNet sees by a state that "
                "the frames of a film do not share: take DDIM, DPM-Solver++ or UniPC"
            )
        self._pipeline, self._noise, self._scale = pipeline, noise, guidance_scale
        self._device = pipeline._execution_device
        self._watch = watch or (lambda views, total: None)
        self._conditions = _Conditions(pipeline, windows, negative, guidance_scale)
        scheduler = copy.deepcopy(pipeline.scheduler)
        check_steps(num_inference_steps, scheduler.config.num_train_timesteps)
        scheduler.set_timesteps(num_inference_steps, device=self._device)
        kinds = itertools.cycle([grid.spread] if grid.is_models else [grid.spread, grid.dense])
        self._cascade = Cascade(
            scheduler,
            list(itertools.islice(kinds, len(scheduler.timesteps))),
            noise=self._start,
            predict=self._predict,
            block_size=batch_size * grid.dense.hop,
            batch_size=batch_size,
        )

    def __len__(self) -> int:
        return self._grid.film

    @torch.no_grad()
    def __iter__(self) -> Iterator[list[np.ndarray]]:
        """Yield, after every batch of views, the frames that it has finished.

        Those are none after most batches. All in all there are
        ``round(len(windows)·num_frames·rate)``, each uint8 (height, width, 3). Peak memory does not
        depend on how many.
        """
        self._watch(self._cascade.predicted, self._cascade.total)
        while not self._cascade.ended:
            frames = [frame for block in self._cascade.advance() for frame in self._decode(block)]
            if self._cascade.between_blocks:
                needed = self._cascade.positions()
                self._conditions.forget(min(self._grid.time_of(*place) for place in needed))
            yield frames
        self._pipeline.maybe_free_model_hooks()

    def state_dict(self) -> dict[str, Any]:
        """The state between two yields: numbers, and tensors on the CPU."""
        return {
            "cascade": self._cascade.state_dict(),
            "conditions": self._conditions.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the state of a film of the same parameters.

        `batch_size` may differ; the frames are then the same up to rounding.
        """
        self._cascade.load_state_dict(state["cascade"], self._device)
        self._conditions.load_state_dict(state["conditions"], self._device)

    def _start(self, frames: range) -> Tensor:
        noise = [self._noise(frame / self._grid.rate) for frame in frames]
        return torch.stack(noise, dim=1).to(self._device, torch.float32)  #         c n h w

    def _predict(self, clips: Tensor, t: Tensor, starts: list[int], views: Views) -> Tensor:
        times = [self._grid.time_of(start, views) for start in starts]
        found = self._pipeline.predict(clips, t, self._conditions.at(times), self._scale)
        self._watch(len(starts), self._cascade.total)
        return found

    def _decode(self, block: Block) -> Sequence[np.ndarray]:
        wanted = [i for i in range(block.length) if self._grid.is_films(block.first + i)]
        return self._pipeline.decode(block.latents[None, :, wanted])[0] if wanted else []


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

    def state_dict(self) -> dict[str, Any]:
        """The tokens themselves: encoded again, in other batches, they could round differently."""
        away = None if self._away is None else self._away.cpu()
        return {"tokens": {i: own.cpu() for i, own in self._tokens.items()}, "away": away}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        self._tokens = {i: own.to(device) for i, own in state["tokens"].items()}
        self._away = None if state["away"] is None else state["away"].to(device)

    def _encode(self, missing: list[int]) -> None:
        if not missing:
            return
        windows = np.stack([self._windows[i] for i in missing])
        encoded = self._pipeline.encode(windows, self._negative, self._scale)
        if len(encoded) > len(missing):
            self._away = encoded[:1].clone()
        for i, tokens in zip(missing, encoded[-len(missing) :]):
            self._tokens[i] = tokens.clone()
