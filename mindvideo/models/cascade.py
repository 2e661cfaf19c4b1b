"""A film's denoising as a cascade: frames enter at the first step and leave, clean, at the last.

A denoising step depends on the previous one only for frames within the length of a view. So each
step receives blocks of frames from the previous step as soon as they are available, predicts the
noise of the views that are complete, and passes on the blocks that no later view covers. The result
equals that of denoising the whole film at once, but only the blocks in progress are in memory,
about a view and a batch of views for every step.

When the last frames have entered, no view has to wait: many blocks then pass through the steps
together, and much of the work is done at once. The unit of work is thus a batch of views, not a
block.

The `state_dict` of a cascade consists of these blocks, the sums of the current step, and a few
counts. A cascade that loads it continues with identical results, bit for bit.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from einops import rearrange
from torch import Tensor

from mindvideo.models.views import Views

Predict = Callable[[Tensor, Tensor, list[int], Views], Tensor]
"""Views (v, c, f, h, w), time of the denoising, first frames, kind of views → noise in them."""


class Cascade:
    """All steps of a film's denoising, and the blocks of frames that are passing through them.

    Parameters
    ----------
    scheduler
        Its steps are set; each block has a copy, so that it can depend on earlier steps.
    views
        The views of each step.
    noise
        The starting noise, (c, n, h, w) for the frames of a range.
    predict
        The model.
    block_size
        Frames that enter at a time.
    batch_size
        Views that are predicted at a time.
    """

    def __init__(
        self,
        scheduler: Any,
        views: Sequence[Views],
        *,
        noise: Callable[[range], Tensor],
        predict: Predict,
        block_size: int,
        batch_size: int,
    ) -> None:
        self._scheduler, self._noise, self._predict = scheduler, noise, predict
        self._block_size, self._batch_size = block_size, batch_size
        self._steps = [_Step(t, kind) for t, kind in zip(scheduler.timesteps, views, strict=True)]
        self._length = views[0].length
        self._entered = 0
        self._next = 0
        self._moving: list[Block] = []  # passed on by the step before the next one

    @property
    def ended(self) -> bool:
        """Whether every frame has left the last step."""
        return self._entered == self._length and self.between_blocks

    @property
    def between_blocks(self) -> bool:
        """Whether new frames enter next: no blocks are passing from one step to another."""
        return self._next == 0 and not self._steps[0].batches

    @property
    def predicted(self) -> int:
        """Count the views that have been predicted, at all steps."""
        return sum(step.next_view - sum(map(len, step.batches)) for step in self._steps)

    @property
    def total(self) -> int:
        """Count the views of all steps."""
        return sum(len(step.views) for step in self._steps)

    def positions(self) -> list[tuple[int, Views]]:
        """For each step, the first frame that it still needs, and its kind of views.

        Only valid between blocks.
        """
        return [(step.reached, step.views) for step in self._steps]

    def advance(self) -> list[Block]:
        """Predict the next batch of views, and return the blocks that then leave the last step."""
        step = self._steps[self._next]
        if not step.batches:
            if self.between_blocks:
                self._moving = [self._enter()]
            step.receive(self._moving, self._batch_size)
            self._moving = []
        if step.batches:
            step.predict(self._predict)
        if step.batches:
            return []
        self._moving = step.hand_on()
        self._next = (self._next + 1) % len(self._steps)
        if not self.between_blocks:
            return []
        finished, self._moving = self._moving, []
        return finished

    def _enter(self) -> Block:
        frames = range(self._entered, min(self._entered + self._block_size, self._length))
        self._entered = frames.stop
        return Block(frames.start, self._noise(frames), copy.deepcopy(self._scheduler))

    def state_dict(self) -> dict[str, Any]:
        """The state between two calls of :meth:`advance`: numbers, and tensors on the CPU."""

        def of_all(blocks: Sequence[Block]) -> list[dict[str, Any]]:
            return [block.state_dict(self._scheduler) for block in blocks]

        return {
            "entered": self._entered,
            "next": self._next,
            "moving": of_all(self._moving),
            "steps": [
                {
                    "next_view": step.next_view,
                    "blocks": of_all(step.blocks),
                    "batches": _on("cpu", step.batches),
                    "sums": _on("cpu", step.sums),
                }
                for step in self._steps
            ],
        }

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Continue from the state of a cascade with the same scheduler and views.

        The sizes of blocks and batches may differ; existing blocks keep their sizes.
        """

        def all_of(states: Sequence[dict[str, Any]]) -> list[Block]:
            return [Block.from_state_dict(s, self._scheduler, device) for s in states]

        self._entered, self._next = state["entered"], state["next"]
        self._moving = all_of(state["moving"])
        for step, saved in zip(self._steps, state["steps"], strict=True):
            step.next_view, step.blocks = saved["next_view"], deque(all_of(saved["blocks"]))
            step.batches, step.sums = _on(device, saved["batches"]), _on(device, saved["sums"])


class Block:
    """Neighbouring frames that pass through the steps together, with their scheduler's memory."""

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
        """Add the predictions of views (c, n, h, w), times their weights (n, 1, 1)."""
        self.noise, self.weight = self.noise + noise, self.weight + weight

    def denoise(self, t: Tensor) -> None:
        """Take the denoising step of time `t`; in place."""
        noise = self.noise / self.weight
        self.latents = self.scheduler.step(noise[None], t, self.latents[None]).prev_sample[0]
        self._clear()

    def state_dict(self, fresh: Any) -> dict[str, Any]:
        """Everything that differs between this block and a new one, whose scheduler is `fresh`."""
        tensors = {"latents": self.latents, "noise": self.noise, "weight": self.weight}
        memory = {
            name: _on("cpu", value)
            for name, value in vars(self.scheduler).items()
            if not _equal(value, vars(fresh).get(name))
        }
        return {"first": self.first, **_on("cpu", tensors), "scheduler": memory}

    @classmethod
    def from_state_dict(cls, state: dict[str, Any], fresh: Any, device: torch.device) -> Self:
        """Restore a block; its scheduler is a copy of `fresh` with the memory of the state."""
        state = _on(device, state)
        block = cls(state["first"], state["latents"], copy.deepcopy(fresh))
        block.noise, block.weight = state["noise"], state["weight"]
        vars(block.scheduler).update(state["scheduler"])
        return block


class _Step:
    """One denoising step of the whole film, which receives it block after block.

    Attributes
    ----------
    next_view
        The first view that is not complete yet.
    blocks
        Blocks that views still cover, in order.
    batches
        First frames of complete views that are waiting to be predicted.
    sums
        Sums of noise and weight over the views predicted since blocks last arrived.
    """

    def __init__(self, t: Tensor, views: Views) -> None:
        self.t, self.views = t, views
        self.next_view = 0
        self.blocks: deque[Block] = deque()
        self.batches: list[list[int]] = []
        self.sums: list[Tensor] = []

    @property
    def reached(self) -> int:
        """Count the frames that no later view covers."""
        return self.views.reached(self.next_view)

    def receive(self, arrived: list[Block], batch_size: int) -> None:
        """Add blocks, and queue the views that they complete."""
        self.blocks += arrived
        if not arrived:
            return
        end = self.blocks[-1].first + self.blocks[-1].length
        first, span = self.next_view, self.views.span
        while self.next_view < len(self.views) and self.views.start(self.next_view) + span <= end:
            self.next_view += 1
        starts = [self.views.start(view) for view in range(first, self.next_view)]
        self.batches = [starts[i : i + batch_size] for i in range(0, len(starts), batch_size)]

    def predict(self, predict: Predict) -> None:
        """Add the predictions for the next batch of views; the sums are new tensors."""
        starts = self.batches.pop(0)
        x = torch.cat([block.latents for block in self.blocks], dim=1)  #           c n h w
        if self.sums:
            noise, weight = (total.clone() for total in self.sums)
        else:
            noise, weight = torch.zeros_like(x), x.new_zeros(x.shape[1], 1, 1)
        weights = self.views.weights.to(x)[:, None, None]  #                            f 1 1
        frames = torch.tensor(starts)[:, None] + torch.tensor(self.views.offsets)
        frames = (frames - self.blocks[0].first).to(x.device)  #                    v f
        clips = rearrange(x[:, frames], "c v f h w -> v c f h w")
        for places, predicted in zip(frames, predict(clips, self.t, starts, self.views)):
            noise[:, places] += weights * predicted
            weight[places] += weights
        self.sums = [noise, weight]

    def hand_on(self) -> list[Block]:
        """Denoise the blocks that no later view covers by one step, and pass them on."""
        if self.sums:
            lengths = [block.length for block in self.blocks]
            noise, weight = (x.split(lengths, dim) for x, dim in zip(self.sums, (1, 0)))
            for block, n, w in zip(self.blocks, noise, weight):
                block.add(n, w)
            self.sums = []
        finished = []
        while self.blocks and self.blocks[0].first + self.blocks[0].length <= self.reached:
            finished.append(self.blocks.popleft())
            finished[-1].denoise(self.t)
        return finished


def _on(device: torch.device | str, value: Any) -> Any:
    """Copy nested lists and dictionaries, with their tensors on a device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list):
        return [_on(device, item) for item in value]
    if isinstance(value, dict):
        return {name: _on(device, item) for name, item in value.items()}
    return value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and bool((a == b).all())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b
