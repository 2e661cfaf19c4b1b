"""One loop for the four trainings; killed at any moment, it goes on as if nothing had happened.

A step is a function of the weights, the optimizer's state and the step's number: batches, learning
rate and random numbers follow from (seed, step) (`sampling`, `schedule`). So a checkpoint is those
three things, and a resumed training ends with the weights of one left alone: bitwise on one CPU,
up to the order of sums on a GPU.
"""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.device import device
from mindvideo.progress import progress
from mindvideo.settings.training import Training
from mindvideo.sizes import check_accumulation
from mindvideo.training import checkpoint
from mindvideo.training.datasets import Batch, Examples, read_ahead
from mindvideo.training.history import History, peak_memory
from mindvideo.training.sampling import Batches, step_generator
from mindvideo.training.schedule import Schedule

logger = logging.getLogger(__name__)


class Objective(Protocol):
    """What a stage trains for.

    Attributes
    ----------
    decomposes : bool
        Whether the loss of a batch is the mean of the losses of its parts. Only then does
        accumulating gradients over the parts equal the large batch.
    """

    decomposes: ClassVar[bool]

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and scalars to log (the same ones in each step).

        `model` may be wrapped for several processes: objectives only call it. All random numbers
        come from `generator` (on the CPU), except for dropout's.
        """
        ...


class NonFiniteError(InputError):
    """The loss or its gradient is not a number, or infinite."""


def train(
    model: nn.Module,
    objective: Objective,
    examples: Examples,
    batches: Batches,
    settings: Training,
    *,
    state: Path,
    history: Path,
    events: Path,
    desc: str,
    after_step: Callable[[int], None] | None = None,
) -> None:
    """Train the parameters of a model that require a gradient; in place.

    Order of operations in a step: seed → loss and gradients of each part of the batch → refuse
    what is not finite → clip → optimizer → history → checkpoint, when one is due.

    Parameters
    ----------
    model : nn.Module
        Left in evaluation mode, on the device it was trained on.
    objective : Objective
    examples : Examples
    batches : Batches
        Which of the examples make up a step.
    settings : Training
    state : Path
        Folder of the checkpoint and of the growing history. If there is a checkpoint, the
        training goes on from it.
    history : Path
        Where the whole history goes at the end: TSV with the columns step, loss, those that the
        objective logs, grad_norm, lr, seconds [s] and memory [MiB] (the peak so far).
    events : Path
        Where the same goes for TensorBoard, a folder; until the end it grows in `state`.
    desc : str
        Label of the progress bar.
    after_step : callable, optional
        Called with the number of steps done, by the main process: at the start, and after each
        step before its checkpoint. It may look at the model, and must leave it as it is.

    Raises
    ------
    NonFiniteError
        Before the weights are touched; the last checkpoint stays.
    InputError
        If the batch cannot be divided as the settings ask.
    SystemExit
        After a SIGTERM or SIGINT, once the step is done and a checkpoint is written.
    """
    _check_precision(settings)
    accelerator = Accelerator(
        cpu=device().type == "cpu",
        mixed_precision="no" if settings.precision == "fp32" else settings.precision,
        gradient_accumulation_steps=settings.accumulate,
        dynamo_backend="inductor" if settings.compile else "no",
    )
    check_accumulation(
        settings.batch_size,
        settings.accumulate,
        accelerator.num_processes,
        decomposes=objective.decomposes,
    )
    schedule = Schedule.of(settings, batches.per_epoch)
    model.train()
    _set_gradient_checkpointing(model, settings.gradient_checkpointing)
    prepared, optimizer = accelerator.prepare(model, adamw(model, settings))
    stateful = {"optimizer": optimizer}
    if accelerator.scaler is not None:
        stateful["scaler"] = accelerator.scaler
    start = checkpoint.restore(state, model, stateful)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    logger.info(
        "%s: steps %d to %d, %d an epoch; %d weights to learn; %d x %s",
        *(desc, start, schedule.total, batches.per_epoch, sum(p.numel() for p in learned)),
        *(accelerator.num_processes, accelerator.device),
    )

    main = accelerator.is_main_process
    read = partial(_read, examples, batches, settings.accumulate, accelerator)
    saved = time.monotonic()
    with Interruption() as interruption, contextlib.ExitStack() as stack:
        ahead = read_ahead(read, range(start, schedule.total))
        steps: Any = stack.enter_context(contextlib.closing(ahead))
        if main:
            growing = History(state / "history.tsv", state / "events", start)
            rows = stack.enter_context(growing)
            bar = progress(steps, desc=desc, total=schedule.total, unit="step", initial=start)
            steps = stack.enter_context(bar)
            if after_step is not None:
                after_step(start)
        began = time.monotonic()
        for step, parts in steps:
            lr = schedule.lr(step)
            logs = _backward(prepared, objective, parts, settings.seed, step, accelerator)
            norm = accelerator.clip_grad_norm_(learned, settings.clip_grad)
            figures = _figures({**logs, "grad_norm": norm}, accelerator)
            _check_finite(figures, step, batches.batch_at(step), parts, state, accelerator)
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad()

            done, now = step + 1, time.monotonic()
            if main:
                cost = {"seconds": now - began, "memory": peak_memory(accelerator.device)}
                rows.add(done, {**figures, "lr": lr, **cost})
                bar.set_postfix(loss=f"{figures['loss']:.4g}", refresh=False)
                if after_step is not None:
                    after_step(done)
            stopped = interruption.received(accelerator)
            due = now - saved > 60 * settings.checkpoint_minutes or done == schedule.total
            if main and (due or stopped):
                checkpoint.save(state, done, model, stateful)
                saved = time.monotonic()
            if stopped:
                accelerator.wait_for_everyone()  # torch's launcher stops all when one has ended
                logger.warning("%s: stopped after step %d, to go on from there", desc, done)
                raise SystemExit(128 + stopped)
            began = time.monotonic()
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    model.eval()
    if main:
        shutil.copyfile(state / "history.tsv", history)
        shutil.copytree(state / "events", events, dirs_exist_ok=True)
    accelerator.wait_for_everyone()


def _read(
    examples: Examples, batches: Batches, parts: int, accelerator: Accelerator, step: int
) -> list[Batch]:
    """This process's examples of each part of a step's batch: equal shares, in order."""
    shares = batches.batch_at(step).reshape(parts, accelerator.num_processes, -1)
    return [examples.batch(share) for share in shares[:, accelerator.process_index]]


def _backward(
    model: nn.Module,
    objective: Objective,
    parts: list[Batch],
    seed: int,
    step: int,
    accelerator: Accelerator,
) -> dict[str, Tensor]:
    """Gradients of a step, part by part; the loss and what the objective logs, on average."""
    logs: dict[str, Tensor] = {}
    for part, cpu in enumerate(parts):
        batch = {name: value.to(accelerator.device) for name, value in cpu.items()}
        batch["index"] = cpu["index"]
        generator = step_generator(seed, step, part, accelerator.process_index)
        is_last = part == len(parts) - 1  # only then do the processes add up their gradients
        with contextlib.nullcontext() if is_last else accelerator.no_sync(model):
            loss, extra = objective(model, batch, generator)
            accelerator.backward(loss)
        for name, value in {"loss": loss, **extra}.items():
            logs[name] = logs.get(name, 0) + value.detach().float() / len(parts)
    return logs


def adamw(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW on what requires a gradient; biases, norms, scales and other vectors do not decay."""
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # One pass over all weights instead of a dozen: with small networks that is half of a step.
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, fused=True)


class Interruption:
    """Within it, SIGTERM and SIGINT are noted, for the loop to act on between two steps.

    A second SIGINT ends the step too, by KeyboardInterrupt: a person does not want to wait. A
    second SIGTERM changes nothing: near the end of a job several come, from Slurm, from torch's
    launcher and from `time_limit`.
    """

    def __init__(self) -> None:
        self._signal = 0
        self._before: dict[int, Any] = {}

    def received(self, accelerator: Accelerator) -> int:
        """Number of the signal that some process received, 0 if none did."""
        if accelerator.num_processes == 1:
            return self._signal
        mine = torch.tensor(self._signal, device=accelerator.device)
        return int(accelerator.gather(mine.view(1)).max())

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or number

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids it
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _figures(values: dict[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Scalars, averaged over the processes: one transfer for all of them."""
    together = torch.stack([value.float() for value in values.values()])
    if accelerator.num_processes > 1:
        together = accelerator.reduce(together, "mean")
    return dict(zip(values, together.tolist(), strict=True))


def _check_finite(
    figures: dict[str, float],
    step: int,
    indices: np.ndarray,
    parts: list[Batch],
    state: Path,
    accelerator: Accelerator,
) -> None:
    loss, norm = figures["loss"], figures["grad_norm"]
    scaled = accelerator.scaler is not None  # fp16: the scaler skips steps that overflow
    if math.isfinite(loss) and (scaled or math.isfinite(norm)):
        return
    if broken := _not_finite(parts):
        raise NonFiniteError(
            f"step {step + 1}: there are NaN or infinite values in {broken}. Find where they come "
            "from (a run with broken voxels? a file cut short?) and make the input again; the "
            f"weights of the last checkpoint in {state} are sound."
        )
    what = f"its gradient's norm is {norm}" if math.isfinite(loss) else f"it is {loss}"
    raise NonFiniteError(
        f"step {step + 1}: the loss is no longer finite ({what}). The batch: examples "
        f"{', '.join(map(str, indices))}. The weights of the last checkpoint in {state} are sound, "
        "but the same would happen again from there: check those examples, or lower lr, lengthen "
        "warmup, lower clip_grad, or use precision: fp32."
    )


def _not_finite(parts: list[Batch]) -> str:
    """Name the examples (of this process) that have values which are not numbers: "" if none."""
    found = []
    for part in parts:
        for name in part.keys() - {"index"}:
            bad = ~part[name].flatten(1).isfinite().all(dim=1)
            found += [f"`{name}` of example {int(i)}" for i in part["index"][bad]]
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _check_precision(settings: Training) -> None:
    if settings.precision == "fp16" and device().type == "cpu":
        raise InputError(
            "precision: fp16 needs a GPU, and torch finds none here. Set precision: fp32 (or "
            "bf16), or run where there is one."
        )


def _set_gradient_checkpointing(model: nn.Module, wanted: bool) -> None:
    """Switch it in all models of diffusers' kind that `model` is made of."""
    for part in model.modules():
        if isinstance(part, ModelMixin) and wanted:
            part.enable_gradient_checkpointing()
        elif isinstance(part, ModelMixin):
            part.disable_gradient_checkpointing()
