"""Attribute the embedding to voxels by integrated gradients, after one training stage."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mindvideo.fmri.networks import Grouping, group_sums
from mindvideo.io.kept import compute_rows
from mindvideo.io.tables import save_table
from mindvideo.models.attribution import integrated_gradients
from mindvideo.settings.interpretation import AttributionSettings
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.stages._encoders import load_encoder, load_test_windows

log = logging.getLogger(__name__)

METHODS = ("attribution", "contribution")


@chapter("interpretation")
@makes("interpretation/contrastive", made_from=["windows", "selection", "contrastive", "clips"])
@makes("interpretation/cotraining", made_from=["windows", "selection", "cotraining", "clips"])
def main(
    *,
    stage: str,
    windows: Input,
    table: Input,
    null_window: Input,
    voxels: Input,
    encoder: Input,
    clips: Inputs,
    methods: Output,
    maps: Output,
    sums: Output,
    state: State,
    settings: AttributionSettings,
) -> None:
    """Write two maps (2, n_voxels), their sums (n_windows, 2, n_groups), and a table of the maps.

    The first map, `attribution`, is each voxel's fraction of the absolute attributions. The second,
    `contribution`, is the signed attributions, in units of the cosine similarity. Both are means
    over windows. `stage` is the training stage that the encoder comes from. Groups are those of
    :func:`mindvideo.fmri.networks.groupings`, one grouping after the other.
    """
    model = load_encoder(encoder, None, windows, settings.precision)
    test = load_test_windows(
        windows,
        table,
        null_window,
        voxels,
        clips,
        clip=settings.clip,
        out_dim=model.config["out_dim"],
        precision=settings.precision,
    )

    def attribute(rows: range) -> dict[str, np.ndarray]:
        here = slice(rows.start, rows.stop)
        ((attribution, gain),) = integrated_gradients(
            model,
            test.fmri[here],
            test.null_window,
            test.targets[here],
            steps=settings.path_steps,
            batch_size=len(rows),
        )
        return {
            "signed": attribution.sum(axis=1)[:, : test.n_voxels],
            "absolute": np.abs(attribution).sum(axis=1)[:, : test.n_voxels],
            "total": attribution.sum(axis=(1, 2)),
            "gain": gain,
        }

    size, desc = settings.batch_size, f"attribution, {stage}"
    kept = compute_rows(state, "rows", len(test.fmri), attribute, size=size, desc=desc)
    total, gain = kept.array("total"), kept.array("gain")
    error = np.abs(total - gain).sum() / max(np.abs(gain).sum(), 1e-12)
    log.info("%s: attributions sum to the gain with an error of %.2g", stage, error)
    density, sums_of_groups = _means(
        kept.array("signed"), kept.array("absolute"), test.groupings, size
    )
    np.save(maps, density)
    np.save(sums, sums_of_groups)
    listing = {"method": list(METHODS), "stage": stage, "layer": "n/a"}
    save_table(methods, pd.DataFrame(listing))


def _means(
    signed: np.ndarray, absolute: np.ndarray, groupings: list[Grouping], batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means of both maps over windows (2, v), and sums over groups in each window (n, 2, g)."""
    mean, sums = np.zeros((2, signed.shape[1])), []
    for start in range(0, len(signed), batch_size):
        here = slice(start, start + batch_size)
        size = absolute[here]
        total = np.maximum(size.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        values = np.stack([size / total, signed[here]], axis=1)  # b 2 v
        mean += values.sum(axis=0)
        sums.append(group_sums(groupings, values))
    return mean / len(signed), np.concatenate(sums)
