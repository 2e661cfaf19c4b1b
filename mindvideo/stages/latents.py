"""Encode clips and captions of the training segments for Stable Diffusion."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import save_table
from mindvideo.models.encoding import count_cut, encode_captions, encode_frames
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.progress import progress
from mindvideo.settings import LatentSettings
from mindvideo.stages import Inputs, Output

log = logging.getLogger(__name__)


def main(
    *,
    clips: Inputs,
    scenes: Inputs,
    latents: Output,
    text: Output,
    empty_text: Output,
    table: Output,
    settings: LatentSettings,
) -> None:
    """Write latents (n, f, c, h, w) and text tokens (n, tokens, dim) of all segments, in order."""
    listing = _listing(clips, scenes)
    save_table(table, listing)
    _write_latents(clips, latents, settings)

    tokenizer = load_stable_diffusion(settings.stable_diffusion, "tokenizer")
    encoder = load_stable_diffusion(settings.stable_diffusion, "text_encoder")
    words = listing["caption"].tolist()
    if n_cut := count_cut(tokenizer, words):
        log.info(
            "%d of %d captions are longer than %d tokens: cut",
            *(n_cut, len(words), tokenizer.model_max_length),
        )
    (empty,) = encode_captions(tokenizer, encoder, [""], batch_size=1)
    np.save(empty_text, empty[0])
    # Captions that are alike are encoded once.
    unique, place = np.unique(words, return_inverse=True)
    size = settings.batch_size
    out = np.lib.format.open_memmap(text, "w+", np.float32, (len(words), *empty.shape[1:]))
    batches = encode_captions(tokenizer, encoder, unique.tolist(), batch_size=size)
    n_batches = -(-len(unique) // size)
    for i, batch in enumerate(progress(batches, total=n_batches, desc="encode captions")):
        for row in np.flatnonzero(place // size == i):
            out[row] = batch[place[row] % size]
    out.flush()


def _listing(clips: Inputs, scenes: Inputs) -> pd.DataFrame:
    """List segment, clip, caption and scene; scenes are numbered over all segments."""
    if [x.stem for x in clips] != [x.stem for x in scenes]:
        raise InputError(
            f"clips of {', '.join(x.stem for x in clips)}, but scenes of "
            f"{', '.join(x.stem for x in scenes)}: both must list the same segments in order"
        )
    tables, first_scene = [], 0
    for film, path in zip(clips, scenes, strict=True):
        one, frames = load_scenes(path)
        if len(one) != (n_clips := len(load_clips(film))):
            raise InputError(
                f"{path}: {len(one)} rows, {n_clips} were needed, one for each clip of {film}"
            )
        one = one.assign(segment=path.stem, scene=one["scene"] + first_scene)
        tables.append(one[["segment", "clip", "caption", "scene"]])
        first_scene += int(frames.max()) + 1
    return pd.concat(tables, ignore_index=True)


def _write_latents(clips: Inputs, latents: Output, settings: LatentSettings) -> None:
    films = [load_clips(path) for path in clips]
    vae = load_stable_diffusion(settings.stable_diffusion, "vae")
    n_clips = sum(len(film) for film in films)
    encoded = (x for f in films for x in encode_frames(vae, f, batch_size=settings.batch_size))
    out = None
    for i, latent in enumerate(progress(encoded, total=n_clips, desc="encode", unit="clip")):
        if out is None:
            shape = (n_clips, *latent.shape)
            out = np.lib.format.open_memmap(latents, "w+", np.float32, shape)
        out[i] = latent
    if out is None:
        raise InputError("no clips to encode: dataset.train must name at least one segment")
    out.flush()
