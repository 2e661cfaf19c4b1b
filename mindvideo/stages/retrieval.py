"""Retrieve the frame and caption of each evaluated clip by the embedding of its window."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.io.clips import load_frames
from mindvideo.io.scenes import load_scenes
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, load_table, rows_of, save_table
from mindvideo.metrics.embedding import cosine_similarity
from mindvideo.metrics.embedding import retrieval as retrieval_of
from mindvideo.metrics.summary import Metric, segment_rows, shifts_by_segment, summarise
from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames, embed_in_batches, embed_texts
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.pretrained import load_clip
from mindvideo.settings.evaluation import RetrievalSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

log = logging.getLogger(__name__)

TOP = (1, 5)
"""A clip is retrieved if it is among the K most similar."""


@chapter("training")
@makes("retrieval", made_from=["windows", "contrastive", "clips", "scenes"])
def main(
    *,
    windows: Input,
    table: Input,
    encoder: Input,
    clips: Inputs,
    scenes: Inputs,
    retrieval: Output,
    settings: RetrievalSettings,
) -> None:
    """Write one row for each kind of candidate and each K.

    Candidates are the frames in the middle of the clips, and the captions that differ. `scenes`
    are the tables of the captions, one for each of `clips`.
    """
    fmri, listing = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    model = FmriEncoder.from_pretrained(encoder).to(device()).eval()
    check_voxels(windows, model.config["voxels"], encoder)
    fmri_embeddings = model.embed(fmri).cpu().numpy()
    log.info("retrieval among %d %s clips", len(listing), settings.evaluate)

    clip = load_clip(settings.clip)
    middles = load_frames(clips, listing).middles()
    captions, caption_of_clip = np.unique(_captions(listing, scenes), return_inverse=True)
    candidates = {
        "frame": (embed_in_batches(embed_frames, clip, middles), np.arange(len(middles))),
        "caption": (embed_in_batches(embed_texts, clip, captions.tolist()), caption_of_clip),
    }
    rng, groups = np.random.default_rng(settings.seed), segment_rows(listing)
    counts = settings.model_dump(include={"block", "resamples", "permutations"})
    results = []
    for name, (clip_embeddings, candidate) in candidates.items():
        if clip_embeddings.shape[1] != fmri_embeddings.shape[1]:
            raise InputError(
                f"clip: embeddings of {settings.clip} have {clip_embeddings.shape[1]} dimensions, "
                f"but those of {encoder} have {fmri_embeddings.shape[1]}: use the CLIP that the "
                "encoder was trained with"
            )
        similarity = cosine_similarity(fmri_embeddings, clip_embeddings)
        for k in TOP:
            metric = Metric(
                f"fmri_to_{name}_top{k}",
                f"the clip's own {name} is among the {k} most similar of {len(clip_embeddings)}",
                min(1.0, k / len(clip_embeddings)),
                groups,
                shifts_by_segment(retrieval_of(similarity, k, candidate), groups),
            )
            results.append(metric)
    save_table(retrieval, summarise(results, **counts, rng=rng).drop(columns="ceiling"))


def _captions(listing: pd.DataFrame, scenes: Inputs) -> np.ndarray:
    tables = [load_scenes(path)[0].assign(segment=path.stem) for path in scenes]
    scene_table = pd.concat(tables, ignore_index=True)
    return scene_table["caption"].to_numpy()[rows_of(listing, scene_table, "the tables of scenes")]
