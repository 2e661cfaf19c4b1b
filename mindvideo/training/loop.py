"""One loop for all training stages; after a kill at any moment, training resumes where it was.

A step is a function of the weights, the optimizer's state and the step's number: batches, learning
rate and random numbers follow from (seed, step) (`sampling`, `schedule`). A checkpoint contains
these three. A resumed training run ends with the weights of an uninterrupted one: bitwise on one
CPU, up to the order of sums on a GPU.
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
from mindvideo.models.precision import number_format
from mindvideo.processes import rank
from mindvideo.progress import progress
from mindvideo.settings.training import Training
from mindvideo.sizes import check_accumulation
from mindvideo.training import checkpoint
from mindvideo.training.datasets import Batch, Examples, read_ahead
from mindvideo.training.history import History, peak_memory
from mindvideo.training.sampling import Batches, step_generator
from mindvideo.training.schedule import Schedule
from mindvideo.training.validation import PREFIX, Validation, validates_after

logger = logging.getLogger(__name__)


class Objective(Protocol):
    """The objective that a stage minimises.

    Attributes
    ----------
    decomposes : bool
        Whether the loss of a batch is the mean of the losses of its parts. Only then are
        gradients accumulated over the parts those of the whole batch.
    """

    decomposes: ClassVar[bool]

    def __call__(
        self, model: nn.Module, batch: Batch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss, and scalars to log (the same names in each step).

        `model` may be wrapped for several processes, so objectives only call it. All random
        numbers except those of dropout come from `generator`, on the CPU.
        """
        ...


class NonFiniteError(InputError):
    """The loss or its gradient is not a number, or infinite."""


def train(
    model: nn.Module,
    objective: Objective,
    examples: Examples,
    batches: Batches | None,
    settings: Training,
    *,
    state: Path,
    history: Path,
    events: Path,
    desc: str,
    after_step: Callable[[int], None] | None = None,
    validation: Validation | None = None,
) -> None:
    """Train, in place, the parameters of a model that require a gradient.

    Order of operations in a step: seed → loss and gradients of each part of the batch → clip the
    gradient → check that loss and gradient are finite → optimizer → validation, if it is due →
    history → `after_step` → checkpoint, if it is due.

    Parameters
    ----------
    model : nn.Module
        Left in evaluation mode, on the device it was trained on.
    objective : Objective
    examples : Examples
    batches : Batches, optional
        Which examples make up the batch of a step. Without, nothing is trained: the history is
        empty but for its header, and the model stays as it is.
    settings : Training
    state : Path
        Folder of the checkpoint and of the history so far. If it contains a checkpoint, training
        resumes from it.
    history : Path
        The complete history, written at the end: TSV with the columns step, loss, those that the
        objective logs, grad_norm, lr, seconds [s] and memory [MiB] (the peak so far).
    events : Path
        Folder of the same for TensorBoard, written at the end; until then it is in `state`.
    desc : str
        Label of the progress bar.
    after_step : callable, optional
        Called by the main process with the number of steps done: at the start, and after each
        step before its checkpoint. It must not change the model.
    validation : Validation, optional
        Evaluated by the main process after some steps; its values are columns of the history, n/a
        in the other rows.

    Raises
    ------
    NonFiniteError
        If loss or gradient are not finite. The weights are not updated, the checkpoint is kept.
    InputError
        If the batch cannot be divided as the settings require.
    SystemExit
        After a SIGTERM or SIGINT, when the step is done and its checkpoint is written.
    """
    if batches is None:
        logger.info("%s: nothing is trained", desc)
        model.eval().to(device())
        if not rank():
            record_no_steps(history, events)
            if after_step is not None:
                after_step(0)
        return
    precision = number_format(settings.precision)
    accelerator = Accelerator(
        cpu=device().type == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
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
    # Resume from the last checkpoint, if there is one.
    stateful = {"optimizer": optimizer}
    if accelerator.scaler is not None:
        stateful["scaler"] = accelerator.scaler
    start = checkpoint.restore(state, model, stateful)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    n_weights = sum(parameter.numel() for parameter in trainable)
    logger.info("%s: steps %d to %d, %d per epoch", desc, start, schedule.total, batches.per_epoch)
    n_processes = accelerator.num_processes
    logger.info("%d trainable weights on %d x %s", n_weights, n_processes, accelerator.device)

    is_main = accelerator.is_main_process
    read = partial(_read, examples, batches, settings.accumulate, accelerator)
    last_save = time.monotonic()
    with Interruption() as interruption, contextlib.ExitStack() as stack:
        ahead = read_ahead(read, range(start, schedule.total))
        steps: Any = stack.enter_context(contextlib.closing(ahead))
        if is_main:
            rows = stack.enter_context(History(state / "history.tsv", state / "events", start))
            bar = progress(steps, desc=desc, total=schedule.total, unit="step", initial=start)
            steps = stack.enter_context(bar)
            if after_step is not None:
                after_step(start)
        step_start = time.monotonic()
        for step, parts in steps:
            # Forward and backward, on each part of the batch.
            logs = _backward(prepared, objective, parts, settings.seed, step, accelerator)
            norm = accelerator.clip_grad_norm_(trainable, settings.clip_grad)
            scalars = _average({**logs, "grad_norm": norm}, accelerator)
            _check_finite(scalars, step, batches.batch_at(step), parts, state, accelerator)

            # Update the weights.
            lr = schedule.lr(step)
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad()
            n_done, now = step + 1, time.monotonic()

            # Log.
            if is_main:
                scalars |= {"lr": lr, "seconds": now - step_start}
                scalars |= {"memory": peak_memory(accelerator.device)}
                if validation is not None and validates_after(n_done, schedule.total, settings):
                    scalars |= validation(model)
                    _log_validation(desc, n_done, scalars)
                rows.add(n_done, scalars)
                bar.set_postfix(loss=f"{scalars['loss']:.4g}", refresh=False)
                if after_step is not None:
                    after_step(n_done)

            # Save a checkpoint when it is due, at the end, and before stopping.
            stop_signal = interruption.received(accelerator)
            is_due = now - last_save > 60 * settings.checkpoint_minutes
            if is_main and (is_due or n_done == schedule.total or stop_signal):
                checkpoint.save(state, n_done, model, stateful)
                last_save = time.monotonic()
            if stop_signal:
                # torch's launcher ends all processes as soon as one has ended.
                accelerator.wait_for_everyone()
                logger.warning("%s: stopped after step %d, to resume from there", desc, n_done)
                raise SystemExit(128 + stop_signal)
            step_start = time.monotonic()

    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)
    model.eval()
    if is_main:
        shutil.copyfile(state / "history.tsv", history)
        shutil.copytree(state / "events", events, dirs_exist_ok=True)
    accelerator.wait_for_everyone()


def record_no_steps(history: Path, events: Path) -> None:
    """Write the history and the events of a training run without steps."""
    history.write_text("step\tloss\n")
    events.mkdir(exist_ok=True)


def _read(
    examples: Examples, batches: Batches, parts: int, accelerator: Accelerator, step: int
) -> list[Batch]:
    """Read this process's examples of each part of a step's batch."""
    indices = batches.batch_at(step).reshape(parts, accelerator.num_processes, -1)
    return [examples.batch(rows) for rows in indices[:, accelerator.process_index]]


def _backward(
    model: nn.Module,
    objective: Objective,
    parts: list[Batch],
    seed: int,
    step: int,
    accelerator: Accelerator,
) -> dict[str, Tensor]:
    """Accumulate the gradients of a step; return the means of the loss and the logged scalars."""
    logs: dict[str, Tensor] = {}
    for part, cpu in enumerate(parts):
        batch = {name: value.to(accelerator.device) for name, value in cpu.items()}
        batch["index"] = cpu["index"]
        generator = step_generator(seed, step, part, accelerator.process_index)
        is_last = part == len(parts) - 1  # only then do processes average their gradients
        with contextlib.nullcontext() if is_last else accelerator.no_sync(model):
            loss, extra = objective(model, batch, generator)
            accelerator.backward(loss)
        for name, value in {"loss": loss, **extra}.items():
            logs[name] = logs.get(name, 0) + value.detach().float() / len(parts)
    return logs


def adamw(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW on the trainable parameters, without decay of vectors (biases, norms, scales)."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # Fused: one pass over all weights instead of a dozen, which halves the step of small networks.
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, fused=True)


class Interruption:
    """Context in which SIGTERM and SIGINT are recorded, for the loop to act on after a step.

    A second SIGINT interrupts the step by KeyboardInterrupt, for a user who does not want to wait.
    A second SIGTERM has no effect: near the end of a job several come, from Slurm, from torch's
    launcher and from `time_limit`.
    """

    def __init__(self) -> None:
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def received(self, accelerator: Accelerator) -> int:
        """Number of a signal that any process has received, 0 if there is none."""
        if accelerator.num_processes == 1:
            return self._signal
        received = torch.tensor([self._signal], device=accelerator.device)
        return int(accelerator.gather(received).max())

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or number

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # Python forbids it elsewhere
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)


def _average(values: dict[str, Tensor], accelerator: Accelerator) -> dict[str, float]:
    """Average scalars over the processes, in one transfer."""
    stacked = torch.stack([value.float() for value in values.values()])
    if accelerator.num_processes > 1:
        stacked = accelerator.reduce(stacked, "mean")
    return dict(zip(values, stacked.tolist(), strict=True))


def _log_validation(desc: str, step: int, scalars: dict[str, float]) -> None:
    values = ", ".join(f"{k} {v:.4g}" for k, v in scalars.items() if k.startswith(PREFIX))
    logger.info("%s, step %d: loss %.4g, %s", desc, step, scalars["loss"], values)


def _check_finite(
    scalars: dict[str, float],
    step: int,
    indices: np.ndarray,
    parts: list[Batch],
    state: Path,
    accelerator: Accelerator,
) -> None:
    loss, norm = scalars["loss"], scalars["grad_norm"]
    is_scaled = accelerator.scaler is not None  # fp16: the scaler skips steps that overflow
    if math.isfinite(loss) and (is_scaled or math.isfinite(norm)):
        return
    if broken := _not_finite(parts):
        raise NonFiniteError(
            f"step {step + 1}: there are NaN or infinite values in {broken}. Find their origin (a "
            "run with damaged voxels? a file cut short?) and compute the input again; the weights "
            f"of the last checkpoint in {state} are valid."
        )
    reason = f"its gradient's norm is {norm}" if math.isfinite(loss) else f"it is {loss}"
    raise NonFiniteError(
        f"step {step + 1}: the loss is no longer finite ({reason}). The batch: examples "
        f"{', '.join(map(str, indices))}. The weights of the last checkpoint in {state} are valid, "
        "but training would fail again from there: check those examples, or lower lr, lengthen "
        "warmup, lower clip_grad, or use precision: fp32."
    )


def _not_finite(parts: list[Batch]) -> str:
    """Name the examples (of this process) with values that are not finite; "" if none."""
    names = []
    for part in parts:
        for name in part.keys() - {"index"}:
            bad = ~part[name].flatten(1).isfinite().all(dim=1)
            names += [f"`{name}` of example {int(i)}" for i in part["index"][bad]]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _set_gradient_checkpointing(model: nn.Module, enabled: bool) -> None:
    """Enable or disable gradient checkpointing in all diffusers models within `model` that can."""
    for part in model.modules():
        if not isinstance(part, ModelMixin) or not part._supports_gradient_checkpointing:
            continue  # a linear encoder has no activations to recompute
        if enabled:
            part.enable_gradient_checkpointing()
        else:
            part.disable_gradient_checkpointing()
