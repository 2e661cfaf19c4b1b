"""Retrieve the frame and caption of each evaluated clip by the embedding of its window."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_frames
from mindvideo.io.scenes import load_scenes
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, load_table, rows_of, save_table
from mindvideo.metrics.embedding import cosine_similarity, identification
from mindvideo.metrics.embedding import retrieval as retrieval_of
from mindvideo.metrics.summary import Metric, segment_rows, shifts_by_segment, summarise
from mindvideo.models.checkpoints import load_fmri_encoder
from mindvideo.models.encoding import embed_frames, embed_in_batches, embed_texts
from mindvideo.models.precision import put
from mindvideo.models.pretrained import load_clip
from mindvideo.models.record import Precision
from mindvideo.settings.evaluation import RetrievalSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

log = logging.getLogger(__name__)

TOP = (1, 5)
"""A clip is retrieved if it is among the K most similar."""


@chapter("training")
@makes("retrieval", made_from=["windows", "contrastive", "ridge", "clips", "scenes"])
def main(
    *,
    windows: Input,
    table: Input,
    encoder: Input,
    ridge: Input,
    clips: Inputs,
    scenes: Inputs,
    retrieval: Output,
    settings: RetrievalSettings,
) -> None:
    """Write one row for each kind of candidate and each K, and one for identification of frames.

    For the embeddings of the encoder (``fmri_to_…``), and for those that ridge regression decodes
    (``ridge_to_…``). Candidates are the frames in the middle of the clips, and the captions that
    differ. `scenes` are the tables of the captions, one for each of `clips`.
    """
    fmri, listing = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    embeddings = {
        name: _embed(folder, windows, fmri, settings.precision)
        for name, folder in (("fmri", encoder), ("ridge", ridge))
    }
    log.info("retrieval among %d %s clips", len(listing), settings.evaluate)
    clip = load_clip(settings.clip)
    put(clip.model, settings.precision)
    middles = load_frames(clips, listing).middles()
    captions, caption_of_clip = np.unique(_captions(listing, scenes), return_inverse=True)
    candidates = {
        "frame": (embed_in_batches(embed_frames, clip, middles), np.arange(len(middles))),
        "caption": (embed_in_batches(embed_texts, clip, captions.tolist()), caption_of_clip),
    }
    groups = segment_rows(listing)
    topped, identified = [], []
    for folder, (source, of_windows) in zip((encoder, ridge), embeddings.items()):
        for name, (clip_embeddings, candidate) in candidates.items():
            _check_width(folder, of_windows, clip_embeddings, settings.clip)
            similarity = cosine_similarity(of_windows, clip_embeddings)
            topped += _top_k(f"{source}_to_{name}", similarity, candidate, groups)
            if name == "frame":
                identified.append(_identification(f"{source}_to_{name}", similarity, groups))
    rng = np.random.default_rng(settings.seed)
    counts = settings.model_dump(include={"block", "resamples", "permutations"})
    results = summarise([*topped, *identified], **counts, rng=rng)
    save_table(retrieval, results.drop(columns="ceiling"))


def _embed(encoder: Path, windows: Path, fmri: np.ndarray, precision: Precision) -> np.ndarray:
    """Embeddings (n, o) of windows by an encoder in a folder."""
    model = put(load_fmri_encoder(encoder).eval(), precision)
    check_voxels(windows, model.config["voxels"], encoder)
    return model.embed(fmri).cpu().numpy()


def _check_width(
    encoder: Path, embeddings: np.ndarray, clip_embeddings: np.ndarray, clip: str
) -> None:
    if clip_embeddings.shape[1] != embeddings.shape[1]:
        raise InputError(
            f"clip: embeddings of {clip} have {clip_embeddings.shape[1]} dimensions, but those of "
            f"{encoder} have {embeddings.shape[1]}: use the CLIP that the encoder was trained with"
        )


def _top_k(
    name: str, similarity: np.ndarray, candidate: np.ndarray, groups: list[np.ndarray]
) -> list[Metric]:
    n_candidates, what = similarity.shape[1], name.rpartition("_")[2]
    return [
        Metric(
            f"{name}_top{k}",
            f"the clip's own {what} is among the {k} most similar of {n_candidates}",
            min(1.0, k / n_candidates),
            groups,
            shifts_by_segment(retrieval_of(similarity, k, candidate), groups),
        )
        for k in TOP
    ]


def _identification(name: str, similarity: np.ndarray, groups: list[np.ndarray]) -> Metric:
    return Metric(
        f"{name}_identification",
        "fraction of the other clips whose frame is less similar than the clip's own",
        0.5,
        groups,
        shifts_by_segment(identification(similarity), groups),
    )


def _captions(listing: pd.DataFrame, scenes: Inputs) -> np.ndarray:
    tables = [load_scenes(path)[0].assign(segment=path.stem) for path in scenes]
    scene_table = pd.concat(tables, ignore_index=True)
    return scene_table["caption"].to_numpy()[rows_of(listing, scene_table, "the tables of scenes")]
