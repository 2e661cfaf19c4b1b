"""Encode clips and captions of the training segments for Stable Diffusion."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.kept import compute_rows
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import save_table
from mindvideo.models.encoding import count_cut, encode_captions, encode_frames
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_stable_diffusion
from mindvideo.settings.stimuli import LatentSettings
from mindvideo.stages import Inputs, Output, State, chapter, makes

log = logging.getLogger(__name__)


@chapter("stimuli")
@makes("latents", made_from=["clips", "scenes"], shared=True)
def main(
    *,
    clips: Inputs,
    scenes: Inputs,
    latents: Output,
    text: Output,
    empty_text: Output,
    table: Output,
    state: State,
    settings: LatentSettings,
) -> None:
    """Write latents (n, f, c, h, w) and text tokens (n, tokens, dim) of all segments, in order.

    Rows are saved as they are computed: an interrupted stage encodes only the rest.
    """
    listing = _listing(clips, scenes)
    save_table(table, listing)
    _write_latents(clips, latents, state, settings)

    tokenizer = load_stable_diffusion(settings.stable_diffusion, "tokenizer")
    encoder = load_stable_diffusion(settings.stable_diffusion, "text_encoder")
    put(encoder, settings.precision)
    captions = listing["caption"].tolist()
    if n_cut := count_cut(tokenizer, captions):
        limit = tokenizer.model_max_length
        log.info("%d of %d captions cut to %d tokens", n_cut, len(captions), limit)
    (empty,) = encode_captions(tokenizer, encoder, [""], batch_size=1)
    np.save(empty_text, empty[0])
    # Equal captions are encoded once.
    unique, inverse = np.unique(captions, return_inverse=True)

    def encode(rows: range) -> dict[str, np.ndarray]:
        batch = unique[rows].tolist()
        (tokens,) = encode_captions(tokenizer, encoder, batch, batch_size=len(rows))
        return {"tokens": tokens}

    size = settings.batch_size
    kept = compute_rows(state, "captions", len(unique), encode, size=size, desc="encode captions")
    tokens = kept.array("tokens")
    out = np.lib.format.open_memmap(text, "w+", np.float32, (len(captions), *tokens.shape[1:]))
    for row, unique_row in enumerate(inverse):
        out[row] = tokens[unique_row]
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
        scene_table, frames = load_scenes(path)
        n_rows, n_clips = len(scene_table), len(load_clips(film))
        if n_rows != n_clips:
            raise InputError(
                f"{path}: {n_rows} rows, expected {n_clips}, one for each clip of {film}"
            )
        scene_numbers = scene_table["scene"] + first_scene
        scene_table = scene_table.assign(segment=path.stem, scene=scene_numbers)
        tables.append(scene_table[["segment", "clip", "caption", "scene"]])
        first_scene += int(frames.max()) + 1
    return pd.concat(tables, ignore_index=True)


def _write_latents(clips: Inputs, latents: Output, state: State, settings: LatentSettings) -> None:
    frames = [clip for path in clips for clip in load_clips(path)]
    if not frames:
        raise InputError("no clips to encode: dataset.train must name at least one segment")
    vae = put(load_stable_diffusion(settings.stable_diffusion, "vae"), settings.precision)

    def encode(rows: range) -> dict[str, np.ndarray]:
        batch = np.stack([frames[row] for row in rows])
        return {"latents": np.stack([*encode_frames(vae, batch, batch_size=settings.batch_size)])}

    kept = compute_rows(state, "clips", len(frames), encode, desc="encode", unit="clip")
    kept.publish("latents", latents)
