"""One loop for all training stages; after a kill at any moment, training resumes where it was.

A step is a function of the weights, the optimizer's state and the step's number: batches, learning
rate and random numbers follow from (seed, step) (`sampling`, `schedule`). A checkpoint contains
these three. A resumed training run ends with the weights of an uninterrupted one: bitwise on one
CPU, up to the order of sums on a GPU.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from mindvideo.models.device import device
from mindvideo.models.precision import number_format
from mindvideo.processes import rank, wait_for_the_first
from mindvideo.progress import progress
from mindvideo.settings.training import Training
from mindvideo.sizes import check_accumulation
from mindvideo.training import checkpoint
from mindvideo.training.datasets import Batch, Examples, moved, read_ahead
from mindvideo.training.finite import Guard, non_finite
from mindvideo.training.gpus import peak_here
from mindvideo.training.history import History
from mindvideo.training.interruption import Interruption
from mindvideo.training.log import STEPS_OF_A_GPU, Log
from mindvideo.training.sampling import Batches, step_generator
from mindvideo.training.schedule import Schedule
from mindvideo.training.shares import Part, Reader
from mindvideo.training.throughput import FlopCounter, Throughput
from mindvideo.training.validation import Validation, validates_after

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


class AfterStep(Protocol):
    """What the main process does at some steps; it must not change the model.

    Attributes
    ----------
    at : collection of int
        Numbers of steps done: 0 is before the first.
    """

    @property
    def at(self) -> Collection[int]: ...

    def __call__(self, step: int, /) -> object: ...


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
    after_step: AfterStep | None = None,
    validation: Validation | None = None,
) -> None:
    """Train, in place, the parameters of a model that require a gradient.

    Order of operations in a step: seed → loss and gradients of each part of the batch → clip the
    gradient → optimizer, if loss and gradient are finite → validation, if it is due → history →
    `after_step` → checkpoint, if it is due. The host looks at the values of a step only every
    `log_every` steps, and before validation, `after_step` and a checkpoint.

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
        objective logs, grad_norm, lr, seconds [s], memory [MiB] (the peak so far),
        examples_per_second, teraflops [TFLOP/s] and share_of_peak.
    events : Path
        Folder of the same for TensorBoard, written at the end; until then it is in `state`.
    desc : str
        Label of the progress bar.
    after_step : AfterStep, optional
        Called by the main process with the number of steps done: at the start, or after a step,
        before its checkpoint.
    validation : Validation, optional
        Evaluated by the main process after some steps; its values are columns of the history, n/a
        in the other rows.

    Raises
    ------
    NonFiniteError
        If loss or gradient are not finite. The weights stay as they were before that step, and the
        checkpoint is kept.
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
            if after_step is not None and 0 in after_step.at:
                after_step(0)
        return
    precision = number_format(settings.precision)
    accelerator = Accelerator(
        cpu=device().type == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
        gradient_accumulation_steps=settings.accumulate,
        dynamo_backend="inductor" if settings.compile else "no",
    )
    n_processes = accelerator.num_processes
    decomposes = objective.decomposes
    check_accumulation(settings.batch_size, settings.accumulate, n_processes, decomposes=decomposes)
    schedule = Schedule.of(settings, batches.per_epoch)
    model.train()
    _set_gradient_checkpointing(model, settings.gradient_checkpointing)
    prepared, optimizer = accelerator.prepare(model, adamw(model, settings))
    # Resume from the last checkpoint, if there is one.
    stateful = {"optimizer": optimizer}
    if accelerator.scaler is not None:
        stateful["scaler"] = accelerator.scaler
    start = checkpoint.restore(state, model, stateful, _of_the_first(checkpoint.newest(state)))
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    n_weights = sum(parameter.numel() for parameter in trainable)
    logger.info("%s: steps %d to %d, %d per epoch", desc, start, schedule.total, batches.per_epoch)
    logger.info("%d trainable weights on %d x %s", n_weights, n_processes, accelerator.device)

    is_main = accelerator.is_main_process
    read = Reader(
        examples,
        batches.batch_at,
        settings.accumulate,
        n_processes,
        accelerator.process_index,
        decomposes,
        accelerator.device,
    )
    guard = Guard(accelerator.device, is_scaled=accelerator.scaler is not None)
    log = Log(
        guard,
        lambda n, values: non_finite(values, n, batches.batch_at(n - 1), examples, state),
        accelerator.device,
        desc,
    )
    log_every = settings.log_every or (1 if accelerator.device.type == "cpu" else STEPS_OF_A_GPU)
    last_save = time.monotonic()
    with Interruption() as interruption, contextlib.ExitStack() as stack:
        ahead = read_ahead(read, range(start, schedule.total))
        steps: Any = stack.enter_context(contextlib.closing(ahead))
        if is_main:
            rows = stack.enter_context(History(state / "history.tsv", state / "events", start))
            bar = progress(steps, desc=desc, total=schedule.total, unit="step", initial=start)
            steps = stack.enter_context(bar)
            log.show(rows, bar)
            if after_step is not None and start in after_step.at:
                after_step(start)
        log.restart()
        for step, parts in steps:
            # Forward and backward, on each part of the batch.
            count = FlopCounter() if is_main and step == start else contextlib.nullcontext()
            with count:
                logs = _backward(prepared, objective, parts, settings.seed, step, accelerator)
            if isinstance(count, FlopCounter):
                log.throughput = _throughput(settings, count.total, parts, accelerator)
            norm = accelerator.clip_grad_norm_(trainable, settings.clip_grad)
            values = _average({**logs, "grad_norm": norm}, accelerator)

            # Update the weights.
            lr, n_done = schedule.lr(step), step + 1
            for group in optimizer.param_groups:
                group["lr"] = lr
            guard.apply(values["loss"], values["grad_norm"], optimizer.optimizer)
            optimizer.step()
            optimizer.zero_grad()
            log.add(n_done, lr, values)

            # Log.
            is_last = n_done == schedule.total
            validates = validation is not None and validates_after(n_done, schedule.total, settings)
            calls = after_step is not None and n_done in after_step.at
            looks = is_last or validates or calls or n_done % log_every == 0
            if looks:
                log.write(partial(validation, model) if validation and validates else None)
            if is_main and after_step is not None and calls:
                after_step(n_done)

            # Save a checkpoint when it is due, at the end, and before stopping. Processes that
            # asked each other for signals in each step would wait for their GPUs.
            stop_signal = interruption.received(accelerator) if n_processes == 1 or looks else 0
            is_due = time.monotonic() - last_save > 60 * settings.checkpoint_minutes
            if is_main and (is_due or is_last or stop_signal):
                log.write()
                checkpoint.save(state, n_done, model, stateful)
                last_save = time.monotonic()
            if stop_signal:
                accelerator.wait_for_everyone()
                logger.warning("%s: stopped after step %d, to resume from there", desc, n_done)
                wait_for_the_first()
                raise SystemExit(128 + stop_signal)
            log.restart()

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


def _backward(
    model: nn.Module,
    objective: Objective,
    parts: list[Part],
    seed: int,
    step: int,
    accelerator: Accelerator,
) -> dict[str, Tensor]:
    """Accumulate the gradients of a step; return the means of the loss and the logged scalars."""
    logs: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        batch = moved(part.batch, accelerator.device)
        generator = step_generator(seed, step, number, accelerator.process_index)
        is_last = number == len(parts) - 1  # only then do processes average their gradients
        with contextlib.nullcontext() if is_last else accelerator.no_sync(model):
            loss, extra = objective(model, batch, generator)
            accelerator.backward(part.weight * loss)
        for name, value in {"loss": loss, **extra}.items():
            mean = part.weight * value.detach().float() / len(parts)
            logs[name] = logs.get(name, 0) + mean
    return logs


def _throughput(
    settings: Training, flops: int, parts: list[Part], accelerator: Accelerator
) -> Throughput:
    """The speed of steps, of which this process's parts take so many operations."""
    n_here = sum(len(part.batch["index"]) for part in parts)
    peak = peak_here(accelerator.device, number_format(settings.precision))
    return Throughput(
        settings.batch_size,
        flops * settings.batch_size / n_here,
        None if peak is None else peak * accelerator.num_processes,
    )


def adamw(model: nn.Module, settings: Training) -> torch.optim.AdamW:
    """AdamW on the trainable parameters, without decay of vectors (biases, norms, scales)."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # Fused: one pass over all weights instead of a dozen, which halves the step of small networks.
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, fused=True)


def _of_the_first(step: int) -> int:
    """The step of the newest checkpoint that the first process finds, in all processes."""
    return broadcast_object_list([step])[0]


def _average(values: dict[str, Tensor], accelerator: Accelerator) -> dict[str, Tensor]:
    """Average scalars over the processes, on the device."""
    stacked = torch.stack([value.float() for value in values.values()])
    if accelerator.num_processes > 1:
        stacked = accelerator.reduce(stacked, "mean")
    return dict(zip(values, stacked.unbind(), strict=True))


def _set_gradient_checkpointing(model: nn.Module, enabled: bool) -> None:
    """Enable or disable gradient checkpointing in all diffusers models within `model` that can."""
    for part in model.modules():
        if not isinstance(part, ModelMixin) or not part._supports_gradient_checkpointing:
            continue  # a linear encoder has no activations to recompute
        if enabled:
            part.enable_gradient_checkpointing()
        else:
            part.disable_gradient_checkpointing()
