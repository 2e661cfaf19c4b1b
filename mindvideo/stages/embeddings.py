"""Embed the training clips' frames and paraphrases of their captions by CLIP."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
from einops import rearrange

from mindvideo.io.clips import ClipFrames, load_frames
from mindvideo.io.kept import compute_rows
from mindvideo.io.synonyms import load_synonyms
from mindvideo.io.tables import load_table, save_table
from mindvideo.models.encoding import embed_frames, embed_texts
from mindvideo.models.precision import put
from mindvideo.models.pretrained import Clip, load_clip
from mindvideo.settings.stimuli import EmbeddingSettings
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.stimuli.paraphrases import reword

log = logging.getLogger(__name__)


@chapter("stimuli")
@makes("embeddings", made_from=["clips", "latents"], shared=True)
def main(
    *,
    clips: Inputs,
    latents_table: Input,
    images: Output,
    texts: Output,
    paraphrases: Output,
    state: State,
    settings: EmbeddingSettings,
) -> None:
    """Write embeddings of frames (n, f, dim) and paraphrases (n, 1 + w, dim), and the paraphrases.

    Rows are those of the table of latents. The first paraphrase of a clip is its caption itself.
    Rows are saved as they are computed: an interrupted stage embeds only the rest.
    """
    listing = load_table(latents_table, ["segment", "clip", "caption"])
    captions = listing["caption"].fillna("").astype(str).tolist()
    clip = load_clip(settings.clip)
    put(clip.model, settings.precision)
    _write_images(clip, load_frames(clips, listing), images, state, settings)

    phrases = _paraphrases(captions, settings)
    unique, place = np.unique(phrases, return_inverse=True)
    log.info("%d paraphrases of %d captions", len(unique), len(set(captions)))

    def embed(rows: range) -> dict[str, np.ndarray]:
        return {"texts": embed_texts(clip, unique[rows].tolist()).cpu().numpy()}

    size = settings.batch_size
    kept = compute_rows(
        state, "paraphrases", len(unique), embed, size=size, desc="CLIP: paraphrases"
    )
    np.save(texts, kept.array("texts")[place.reshape(phrases.shape)])
    columns = {f"paraphrase_{i}": phrases[:, i] for i in range(1, phrases.shape[1])}
    save_table(paraphrases, listing[["segment", "clip", "caption"]].join(pd.DataFrame(columns)))


def _write_images(
    clip: Clip, frames: ClipFrames, images: Output, state: State, settings: EmbeddingSettings
) -> None:
    n_frames = len(frames[0])

    def embed(rows: range) -> dict[str, np.ndarray]:
        embedded = embed_frames(clip, [frame for row in rows for frame in frames[row]])
        return {"images": rearrange(embedded, "(n f) d -> n f d", f=n_frames).cpu().numpy()}

    size = max(1, settings.batch_size // n_frames)
    kept = compute_rows(state, "frames", len(frames), embed, size=size, desc="CLIP: frames")
    kept.publish("images", images)


def _paraphrases(captions: list[str], settings: EmbeddingSettings) -> np.ndarray:
    """Each caption and its paraphrases: array of str, (n, 1 + w)."""
    synonyms = load_synonyms() if settings.synonyms else {}
    reworded = {
        caption: reword(
            caption,
            settings.paraphrases,
            synonyms,
            replace=settings.synonyms,
            swap=settings.word_swap,
            seed=settings.seed,
        )
        for caption in set(captions)
    }
    return np.array([[caption, *reworded[caption]] for caption in captions])
