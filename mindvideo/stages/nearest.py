"""Copy the training clip that is nearest to the CLIP embedding decoded from each test window."""

from __future__ import annotations

import numpy as np
import torch

from mindvideo.errors import InputError
from mindvideo.io.clips import load_frames
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.tables import check_rows, find_segment, load_table
from mindvideo.metrics.embedding import nearest
from mindvideo.models.checkpoints import load_fmri_encoder
from mindvideo.settings.evaluation import NearestSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes


@chapter("reconstruction")
@makes("reconstruction", made_from=["windows", "ridge", "clips", "latents", "embeddings"])
def main(
    *,
    windows: Input,
    table: Input,
    encoder: Input,
    clips: Inputs,
    latents_table: Input,
    images: Input,
    reconstructions: Output,
    segment: str,
    settings: NearestSettings,
) -> None:
    """Write a clip for each window of a segment, uint8 (n, f, h, w, 3).

    A training clip's embedding is the mean of those of its frames, `images`, as in the stage
    `ridge`, whose model is `encoder`.
    """
    fmri, listing = np.load(windows), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    candidates, embedded = load_table(latents_table, ["segment", "clip"]), np.load(images)
    check_rows(images, embedded, latents_table, len(candidates))
    model = load_fmri_encoder(encoder).eval()
    check_voxels(windows, model.config["voxels"], encoder)
    with torch.no_grad():
        of_segment = torch.tensor(fmri[find_segment(listing, segment)])
        predicted = model.embedding_of(of_segment).numpy()
    if predicted.shape[1] != embedded.shape[2]:
        raise InputError(
            f"{images}: embeddings of {embedded.shape[2]} values, but {encoder} decodes "
            f"{predicted.shape[1]}: compute both with the same CLIP"
        )
    frames = load_frames(clips, candidates)
    copied = nearest(predicted, embedded.mean(axis=1))
    np.save(reconstructions, np.stack([frames[row] for row in copied]))
