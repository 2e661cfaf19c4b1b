"""Tune the inflated Stable Diffusion on the training clips and their captions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.models.schedulers import make_scheduler
from mindvideo.models.video_unet import VideoUNet, inflate
from mindvideo.processes import leave_unless_first
from mindvideo.settings.training import VideoTuningSettings
from mindvideo.sizes import check_token_width
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.training.datasets import Examples, check_latents, middle_frames
from mindvideo.training.drawings import ClipGenerator, Drawings
from mindvideo.training.loop import train
from mindvideo.training.objectives.denoising import (
    Denoising,
    TextCondition,
    noise_schedule,
)
from mindvideo.training.sampling import Batches
from mindvideo.training.schedule import Schedule


@chapter("training")
@makes("video_tuning", made_from=["latents"], shared=True)
def main(
    *,
    latents: Input,
    text: Input,
    empty_text: Input,
    table: Input,
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
    """
    films, tokens = np.load(latents, mmap_mode="r"), np.load(text, mmap_mode="r")
    check_rows(latents, films, text, len(tokens))
    captions = load_table(table, ["caption"])["caption"].fillna("").astype(str)
    check_rows(latents, films, table, len(captions))
    torch.manual_seed(settings.seed)
    unet: VideoUNet = inflate(load_stable_diffusion(settings.stable_diffusion, "unet"))
    check_latents(latents, films, unet.config["in_channels"])
    if settings.still:
        films = middle_frames(films)
    width = unet.config["cross_attention_dim"]
    check_token_width(str(text), tokens.shape[2], width, settings.stable_diffusion)
    unet.freeze_all_but_attention(still=settings.still)
    empty = torch.from_numpy(np.load(empty_text)).float()
    scheduler = load_stable_diffusion(settings.stable_diffusion, "scheduler")
    schedule = noise_schedule(scheduler)
    batches = Batches.of(settings, len(films))

    rows = evenly(captions, settings.drawings.captions)
    generator = ClipGenerator(
        unet=unet,
        vae=load_stable_diffusion(settings.stable_diffusion, "vae"),
        scheduler=make_scheduler("dpm-solver++", scheduler),
        text=torch.tensor(tokens[rows], dtype=torch.float32),
        empty=empty,
        shape=tuple(films.shape[axis] for axis in (2, 1, 3, 4)),
        steps=settings.drawings.steps,
        guidance=settings.drawings.guidance,
    )
    total = Schedule.of(settings, batches.per_epoch if batches else 0).total
    key = f"{settings.drawings.captions}-{settings.drawings.steps}-{settings.drawings.guidance:g}"
    drawings = Drawings(state, settings.drawings.times, total, generator, key)
    train(
        unet,
        Denoising(schedule, TextCondition(empty, settings.drop_condition), settings.min_snr),
        Examples(latents=films, text=tokens),
        batches,
        settings,
        state=state,
        history=history,
        events=events,
        desc="video tuning",
        after_step=drawings,
    )
    leave_unless_first()
    unet.save_pretrained(model)
    moments = {f"step {step}": frames for step, frames in drawings.load().items()}
    moments |= {"the clip itself, encoded and decoded": generator.decode(films[rows])}
    np.save(generated, np.concatenate(list(moments.values())))
    listing = [(moment, caption) for moment in moments for caption in captions[rows]]
    save_table(generated_table, pd.DataFrame(listing, columns=["moment", "caption"]))


def evenly(captions: pd.Series, count: int) -> np.ndarray:
    """Rows of distinct captions, evenly spaced from first to last: int, at most `count`."""
    first = np.flatnonzero(~captions.duplicated())
    return first[np.unique(np.linspace(0, len(first) - 1, count).round().astype(int))]
