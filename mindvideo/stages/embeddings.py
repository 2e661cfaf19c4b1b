"""Embed the training clips' frames and wordings of their captions by CLIP."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from einops import rearrange

from mindvideo.io.clips import ClipFrames, load_frames
from mindvideo.io.synonyms import load_synonyms
from mindvideo.io.tables import load_table, save_table
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.pretrained import Clip, load_clip
from mindvideo.progress import progress
from mindvideo.settings import EmbeddingSettings
from mindvideo.stages import Input, Inputs, Output
from mindvideo.stimuli.wordings import reword

log = logging.getLogger(__name__)


def main(
    *,
    clips: Inputs,
    latents_table: Input,
    images: Output,
    texts: Output,
    wordings: Output,
    settings: EmbeddingSettings,
) -> None:
    """Write embeddings of frames (n, f, dim) and of wordings (n, 1 + w, dim), and the wordings.

    Rows are those of the table of latents. The first wording of a clip is its caption as it is.
    """
    listing = load_table(latents_table, ["segment", "clip", "caption"])
    captions = listing["caption"].fillna("").astype(str).tolist()
    clip = load_clip(settings.clip)
    _write_images(clip, load_frames(clips, listing), images, settings)

    drawn = _wordings(captions, settings)
    unique, place = np.unique(drawn, return_inverse=True)
    log.info("%d wordings of %d captions", len(unique), len(set(captions)))
    starts = range(0, len(unique), settings.batch_size)
    parts = [
        embed_texts(clip, unique[start : start + settings.batch_size].tolist()).cpu().numpy()
        for start in progress(starts, desc="CLIP: wordings", unit="batch")
    ]
    np.save(texts, np.concatenate(parts)[place.reshape(drawn.shape)])
    columns = {f"wording_{i}": drawn[:, i] for i in range(1, drawn.shape[1])}
    save_table(wordings, listing[["segment", "clip", "caption"]].join(pd.DataFrame(columns)))


def _write_images(
    clip: Clip, frames: ClipFrames, images: Output, settings: EmbeddingSettings
) -> None:
    n, n_frames = len(frames), len(frames[0])
    size = max(1, settings.batch_size // n_frames)
    out = None
    for start in progress(range(0, n, size), desc="CLIP: frames", unit="batch"):
        rows = range(start, min(start + size, n))
        found = embed_frames(clip, [frame for row in rows for frame in frames[row]])
        part = rearrange(found, "(n f) d -> n f d", f=n_frames).cpu().numpy()
        if out is None:
            out = np.lib.format.open_memmap(images, "w+", np.float32, (n, *part.shape[1:]))
        out[rows.start : rows.stop] = part
    assert out is not None  # there are frames[0]
    out.flush()


def _wordings(captions: list[str], settings: EmbeddingSettings) -> np.ndarray:
    """Of each caption, itself and its wordings: array of str, (n, 1 + w)."""
    synonyms = load_synonyms() if settings.synonyms else {}
    drawn = {
        caption: reword(
            caption,
            settings.wordings,
            synonyms,
            replace=settings.synonyms,
            swap=settings.word_swap,
            seed=settings.seed,
        )
        for caption in set(captions)
    }
    return np.array([[caption, *drawn[caption]] for caption in captions])
