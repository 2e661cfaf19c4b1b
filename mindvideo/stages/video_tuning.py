"""Tune the inflated Stable Diffusion on the training clips and their captions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.models.denoisers import make_denoiser
from mindvideo.models.pretrained import load_motion_adapter, load_stable_diffusion
from mindvideo.models.schedulers import make_scheduler
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import VideoTuningSettings
from mindvideo.sizes import check_token_width
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.stages._motion import motion_of
from mindvideo.stages._validation import all_or_none
from mindvideo.training.datasets import Examples, load_latents
from mindvideo.training.drawings import ClipGenerator, Drawings
from mindvideo.training.loop import train
from mindvideo.training.objectives.denoising import (
    Denoising,
    TextCondition,
    noise_schedule,
)
from mindvideo.training.sampling import Batches
from mindvideo.training.schedule import Schedule
from mindvideo.training.trained_parts import choose_trained
from mindvideo.training.validation import Validation, equal_parts


@chapter("training")
@makes("video_tuning", made_from=["latents", "clip_motion"], shared=True)
def main(
    *,
    latents: Input,
    text: Input,
    empty_text: Input,
    table: Input,
    clip_motion: Input | None,
    validation_latents: Input | None,
    validation_text: Input | None,
    validation_table: Input | None,
    validation_clip_motion: Input | None,
    model: Output,
    history: Output,
    events: Output,
    generated: Output,
    generated_table: Output,
    state: State,
    settings: VideoTuningSettings,
) -> None:
    """Write the UNet's folder, its training curve, and clips generated during training.

    The clips are uint8 (n, f, h, w, 3); the table has the training step and the caption of each.
    `clip_motion`, the motion of the clips, is needed by `moving_noise` only.
    The files whose names start with `validation` are those of the validation segments; the loss on
    them becomes part of the training curve.
    """
    held_out = all_or_none(
        validation_latents=validation_latents,
        validation_text=validation_text,
        validation_table=validation_table,
    )
    captions = load_table(table, ["caption"])["caption"].fillna("").astype(str)
    torch.manual_seed(settings.seed)
    adapter = load_motion_adapter(settings.motion_adapter) if settings.motion_adapter else None
    image_unet = load_stable_diffusion(settings.stable_diffusion, "unet")
    unet = make_denoiser(settings.kind, image_unet, adapter)
    examples_of = partial(_examples, channels=unet.latent_channels, settings=settings)
    examples = examples_of(latents, text, table, clip_motion=clip_motion)
    rows = evenly(captions, settings.drawings.captions)
    drawn = examples.batch(rows)
    width = unet.condition_width
    check_token_width(str(text), drawn["text"].shape[2], width, settings.stable_diffusion)
    updates = choose_trained(unet, settings, still=settings.still)
    empty = torch.from_numpy(np.load(empty_text)).float()
    scheduler = load_stable_diffusion(settings.stable_diffusion, "scheduler")
    schedule = noise_schedule(scheduler)
    batches = Batches.of(settings, len(examples))
    objective = Denoising(
        schedule,
        TextCondition(empty, settings.drop_condition),
        settings.min_snr,
        settings.shared_noise,
    )
    validation = None
    if held_out:
        held_out_examples = examples_of(*held_out, clip_motion=validation_clip_motion)
        validation = _validation(objective, held_out_examples, empty, settings)

    generator = ClipGenerator(
        unet=unet,
        vae=load_stable_diffusion(settings.stable_diffusion, "vae"),
        scheduler=make_scheduler("dpm-solver++", scheduler),
        text=drawn["text"],
        empty=empty,
        noise=objective.noise_of(drawn, torch.Generator().manual_seed(0)),
        steps=settings.drawings.steps,
        guidance=settings.drawings.guidance,
    )
    total = Schedule.of(settings, batches.per_epoch if batches else 0).total
    key = f"{settings.drawings.captions}-{settings.drawings.steps}-{settings.drawings.guidance:g}"
    drawings = Drawings(state, settings.drawings.times, total, generator, key)
    train(
        unet,
        objective,
        examples,
        batches,
        settings,
        state=state,
        history=history,
        events=events,
        desc="video tuning",
        after_step=drawings,
        validation=validation,
    )
    leave_unless_first()
    if updates:
        updates.merge()
    unet.save_pretrained(model)
    moments = {f"step {step}": frames for step, frames in drawings.load().items()}
    moments |= {"the clip itself, encoded and decoded": generator.decode(drawn["latents"].numpy())}
    np.save(generated, np.concatenate(list(moments.values())))
    listing = [(moment, caption) for moment in moments for caption in captions[rows]]
    save_table(generated_table, pd.DataFrame(listing, columns=["moment", "caption"]))


def _examples(
    latents: Path,
    text: Path,
    table: Path,
    *,
    clip_motion: Path | None,
    channels: int,
    settings: VideoTuningSettings,
) -> Examples:
    """Latents of the clips, tokens of their captions and, if noise moves, their motion."""
    listing = load_table(table, ["segment", "clip"])
    films = load_latents(latents, channels, still=settings.still)
    tokens = np.load(text, mmap_mode="r")
    check_rows(latents, films, table, len(listing))
    check_rows(text, tokens, table, len(listing))
    moves = motion_of(listing, clip_motion, moving=settings.moving_noise)
    return Examples(latents=films, text=tokens, **moves)


def _validation(
    objective: Denoising, examples: Examples, empty: torch.Tensor, settings: VideoTuningSettings
) -> Validation:
    return Validation(
        replace(objective, condition=TextCondition(empty, drop=0.0)),
        examples,
        equal_parts(len(examples), settings.batch_size, settings.seed),
        settings.seed,
    )


def evenly(captions: pd.Series, count: int) -> np.ndarray:
    """Rows of distinct captions, evenly spaced from first to last: int, at most `count`."""
    first = np.flatnonzero(~captions.duplicated())
    return first[np.unique(np.linspace(0, len(first) - 1, count).round().astype(int))]
