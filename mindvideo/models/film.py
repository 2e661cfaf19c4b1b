"""A whole segment → one film, of any length and frame rate, as a stream of frames.

The model was trained on clips of f frames. A film is denoised in *views*: at every step the model
processes f of the film's frames together as one clip, with the condition of their time. Where views
overlap, the noise in a frame is the weighted mean of their predictions, and the weights are largest
in the middle of a view (MultiDiffusion, Bar-Tal et al. 2023, Eq. 5; along time: Gen-L-Video, Wang
et al. 2023). A frame at the border of one view is thus inside another, and its starting noise does
not depend on the views. :func:`denoise_whole_film` is this algorithm; :class:`Film` computes the
same frames in bounded memory.

======================  ========================  ==================================================
MultiDiffusion          here                      meaning
======================  ========================  ==================================================
J_t                     ``latents``               of the whole film at time t: (c, n, h, w)
F_i                     ``places``                numbers of the film's frames that are in view i
I_t^i = F_i(J_t)        ``latents[:, places]``    a view, the model's input: (c, f, h, w)
y_i                     ``condition``             of the view's time (:class:`_Conditions`)
Φ                       ``pipeline.predict``      the guided noise (paper, Eq. 6)
W_i                     ``views.weights``         of the frames of a view: (f,)
Ψ                       ``total / weight``        the weighted mean over views (Eq. 5)
======================  ========================  ==================================================

Other frame rates
    At r times the model's rate, say r = 2, frames 0, 2, 4, … have the spacing of the model's clips,
    and so have 1, 3, 5, …: these are *spread* views. Motion in them has the speed that the model
    was trained on, but neighbouring frames are never in one view. *Dense* views, of neighbouring
    frames, connect them: steps alternate between the two (as DemoFusion, Du et al. 2024, alternates
    between dilated and local views of large images).

A stream
    The steps form a cascade (:mod:`mindvideo.models.cascade`), through which the frames pass in
    blocks. The result is that of denoising the whole film at once, but memory holds only the
    blocks in progress: about a view and a batch of views for every step. These blocks are also the
    state from which an interrupted film continues.
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
from mindvideo.models.conditions import Tokens
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import noise_generator
from mindvideo.models.views import Views, plan_views
from mindvideo.sizes import check_steps

Noise = Callable[[float], Tensor]
"""Noise (c, h, w) of standard deviation 1 at a time [frames of a clip]."""


def film_noise(shape: tuple[int, int, int], *, seed: int, shared: float) -> Noise:
    """Noise of a film's frames, (c, h, w) at any time: a function of seed and time alone.

    A fraction of its variance is common to the whole film, as the pipeline's `shared_noise` is to
    a clip. The rest is drawn for each whole time k. At k + u, between k and k + 1, it is
    ``cos(πu/2)·(noise at k) + sin(πu/2)·(noise at k + 1)``, again of variance 1. A film at a higher
    rate therefore starts from the same noise where it has the same frames, and the noise of
    neighbouring frames is correlated.

    Parameters
    ----------
    shape
        Of one frame's latents.
    seed
        Of the random draws.
    shared
        Fraction of the variance that all frames have in common, 0…1.

    Examples
    --------
    >>> noise = film_noise((4, 8, 8), seed=0, shared=0.5)
    >>> noise(0.0).shape
    torch.Size([4, 8, 8])
    >>> bool((noise(1.5) == noise(1.5)).all())
    True
    """

    def draw(*place: int) -> Tensor:
        return torch.randn(shape, generator=noise_generator(seed, *place))

    at_whole_time = lru_cache(maxsize=64)(lambda k: draw(k, 1))
    common = draw(0, 2)

    def noise(time: float) -> Tensor:
        k = math.floor(time + 1e-9)
        angle = (time - k) * math.pi / 2
        independent = at_whole_time(k)
        if angle >= 1e-6:
            independent = math.cos(angle) * independent + math.sin(angle) * at_whole_time(k + 1)
        return shared**0.5 * common + (1 - shared) ** 0.5 * independent

    return noise


@torch.no_grad()
def denoise_whole_film(
    pipeline: MindVideoPipeline,
    windows: Sequence[np.ndarray] | Tokens,
    negative: np.ndarray | Tokens | None = None,
    *,
    noise: Noise,
    num_frames: int = 6,
    num_inference_steps: int = 200,
    guidance_scale: float = 12.5,
    rate: float = 1.0,
    overlap: float = 0.5,
) -> np.ndarray:
    """The frames of :class:`Film`, computed with the whole film in memory: the plain algorithm.

    Parameters are those of :class:`Film`. The tests compare the stream with this function.
    """
    grid = plan_views(len(windows), num_frames, rate, overlap)
    conditions = _Conditions(pipeline, windows, negative, guidance_scale)
    scheduler = copy.deepcopy(pipeline.scheduler)
    scheduler.set_timesteps(num_inference_steps)
    times = [frame / grid.rate for frame in range(grid.dense.length)]
    latents = torch.stack([noise(time) for time in times], dim=1)  #                c n h w
    for step, t in enumerate(scheduler.timesteps):
        views = grid.dense if step % 2 else grid.spread
        total, weight = torch.zeros_like(latents), latents.new_zeros(latents.shape[1], 1, 1)
        for start in map(views.start, range(len(views))):
            places = [start + offset for offset in views.offsets]  #                f
            condition = conditions.at([grid.time_of(start, views)])
            clip = latents[None, :, places]  #                                      1 c f h w
            predicted = pipeline.predict(clip, t, condition, guidance_scale)[0]  #  c f h w
            total[:, places] += views.weights[:, None, None] * predicted
            weight[places] += views.weights[:, None, None]
        mean = total / weight  #                                                    Eq. 5
        latents = scheduler.step(mean[None], t, latents[None]).prev_sample[0]
    frames = [frame for frame in range(grid.dense.length) if grid.is_films(frame)]
    return pipeline.decode(latents[None, :, frames])[0]


class Film:
    """The film that was presented during consecutive windows, reconstructed as a stream.

    At the model's frame rate and without overlap it consists of the pipeline's clips, one after the
    other. Views between two windows are conditioned on interpolated tokens. Iteration yields
    frames. It can be interrupted between two yields: another object of the same parameters
    continues from its `state_dict` to the same frames, bit for bit (on a CPU).

    Parameters
    ----------
    pipeline
        The model. Its scheduler may depend on earlier steps (DPM-Solver++, UniPC): each block of
        frames has its own copy.
    windows
        ``(w, v)`` each, one per clip, in order and without gaps; read as they are needed. Or tokens
        in their place.
    negative
        The window of the negative condition ``(w, v)``, or its tokens.
    noise
        The noise that denoising starts from: (c, h, w) at a time in frames of a clip
        (:func:`film_noise`).
    num_frames
        Frames of a clip, f, as the model was trained.
    num_inference_steps, guidance_scale
        As in the pipeline.
    rate
        Frames of the film for one frame of a clip.
    overlap
        Fraction of a view that is also in the next: at least 0 and less than 1. The computing time
        of a film grows as 1 / (1 − overlap), and with `rate`.
    batch_size
        Views that the UNet computes at once.
    watch
        Called with the number of views predicted since its last call, and the film's total.

    Raises
    ------
    InputError
        If there are no windows, rate or overlap are out of range, or the scheduler scales the
        input of the UNet.
    """

    def __init__(
        self,
        pipeline: MindVideoPipeline,
        windows: Sequence[np.ndarray] | Tokens,
        negative: np.ndarray | Tokens | None = None,
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
                f"{type(pipeline.scheduler).__name__} scales the UNet's input by a state that the "
                "frames of a film do not share: use DDIM, DPM-Solver++ or UniPC"
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

        After most batches there are none. In total there are
        ``round(len(windows)·num_frames·rate)``, each uint8 (height, width, 3). Peak memory does not
        depend on their number.
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
        """Continue from the state of a film of the same parameters.

        `batch_size` may differ; the frames are then the same up to rounding.
        """
        self._cascade.load_state_dict(state["cascade"], self._device)
        self._conditions.load_state_dict(state["conditions"], self._device)

    def _start(self, frames: range) -> Tensor:
        noise = [self._noise(frame / self._grid.rate) for frame in frames]
        return torch.stack(noise, dim=1).to(self._device, torch.float32)  #         c n h w

    def _predict(self, clips: Tensor, t: Tensor, starts: list[int], views: Views) -> Tensor:
        times = [self._grid.time_of(start, views) for start in starts]
        noise = self._pipeline.predict(clips, t, self._conditions.at(times), self._scale)
        self._watch(len(starts), self._cascade.total)
        return noise

    def _decode(self, block: Block) -> Sequence[np.ndarray]:
        frames = [i for i in range(block.length) if self._grid.is_films(block.first + i)]
        return self._pipeline.decode(block.latents[None, :, frames])[0] if frames else []


class _Conditions:
    """Conditions at any time, interpolated between tokens that are kept while they are needed."""

    def __init__(
        self,
        pipeline: MindVideoPipeline,
        windows: Sequence[np.ndarray] | Tokens,
        negative: np.ndarray | Tokens | None,
        scale: float,
    ) -> None:
        self._pipeline, self._windows, self._negative = pipeline, windows, negative
        self._scale = scale
        self._tokens: dict[int, Tensor] = {}
        self._negative_tokens: Tensor | None = None

    def at(self, times: list[float]) -> Tensor:
        """Conditions at times [clips], as ``pipeline.predict`` takes them."""
        last = len(self._windows) - 1
        times = [min(max(time, 0.0), last) for time in times]
        before = [math.floor(time + 1e-6) for time in times]
        self._encode(sorted({i for k in before for i in (k, min(k + 1, last))} - {*self._tokens}))
        tokens = torch.stack(
            [
                torch.lerp(self._tokens[k], self._tokens[min(k + 1, last)], max(time - k, 0.0))
                for time, k in zip(times, before)
            ]
        )  #                                                                        v tokens d
        if self._negative_tokens is None:
            return tokens
        return torch.cat([self._negative_tokens.expand_as(tokens), tokens])

    def forget(self, time: float) -> None:
        """Drop the tokens before a time [clips], which no later view needs."""
        for i in [i for i in self._tokens if i < math.floor(time + 1e-6)]:
            del self._tokens[i]

    def state_dict(self) -> dict[str, Any]:
        """The tokens themselves: encoded again, in other batches, they could round differently."""
        negative = None if self._negative_tokens is None else self._negative_tokens.cpu()
        return {"tokens": {i: x.cpu() for i, x in self._tokens.items()}, "away": negative}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        self._tokens = {i: x.to(device) for i, x in state["tokens"].items()}
        self._negative_tokens = None if state["away"] is None else state["away"].to(device)

    def _encode(self, missing: list[int]) -> None:
        if not missing:
            return
        given: np.ndarray | Tokens
        if isinstance(self._windows, Tokens):
            given = self._windows[missing]
        else:
            given = np.stack([self._windows[i] for i in missing])
        encoded = self._pipeline.encode(given, self._negative, self._scale)
        if len(encoded) > len(missing):
            self._negative_tokens = encoded[:1].clone()
        for i, tokens in zip(missing, encoded[-len(missing) :]):
            self._tokens[i] = tokens.clone()
