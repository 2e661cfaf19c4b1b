"""Map the attention of the encoder after one training stage, in the test windows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.fmri.networks import Grouping, group_sums, to_voxels
from mindvideo.io.kept import compute_rows
from mindvideo.io.tables import save_table
from mindvideo.models.attribution import attention_received, named_layers
from mindvideo.settings.interpretation import AttentionSettings
from mindvideo.stages import Input, Output, State, chapter, makes
from mindvideo.stages._encoders import load_encoder, load_groupings


@chapter("interpretation")
@makes("interpretation/mbm", made_from=["windows", "selection", "mbm_tuning", "contrastive"])
@makes("interpretation/contrastive", made_from=["windows", "selection", "contrastive"])
@makes("interpretation/cotraining", made_from=["windows", "selection", "cotraining"])
def main(
    *,
    stage: str,
    windows: Input,
    voxels: Input,
    encoder: Input,
    mbm: Input | None,
    table: Output,
    maps: Output,
    sums: Output,
    temporal: Output,
    state: State,
    settings: AttentionSettings,
) -> None:
    """Write maps (n_layers, n_voxels), their sums (n_windows, n_layers, n_groups), two tables.

    A map is the fraction of attention on each voxel, averaged over windows. `table` has a row for
    each map; its `stage` is the training stage that the encoder comes from. Groups are those of
    :func:`mindvideo.fmri.networks.groupings`, one grouping after the other. `temporal` has the
    attention from each volume to each other volume, by window; it is empty without temporal
    attention. With `mbm`, the encoder is that of masked brain modelling, in the shape of `encoder`.
    """
    fmri, groupings = np.load(windows, mmap_mode="r"), load_groupings(voxels)
    model = load_encoder(encoder, mbm, windows, settings.precision)
    names = named_layers(settings.layers, model.config["depth"])

    def attend(rows: range) -> dict[str, np.ndarray]:
        batch = fmri[rows.start : rows.stop]
        ((spatial, between),) = attention_received(model, batch, list(names), len(batch))
        return {"spatial": spatial, "between": between}

    size, desc = settings.batch_size, f"attention, {stage}"
    kept = compute_rows(state, "rows", len(fmri), attend, size=size, desc=desc)
    patches, between = kept.array("spatial"), kept.array("between")
    density, sums_of_groups = _on_voxels(patches, groupings, model.config["patch_size"], size)
    np.save(maps, density)
    np.save(sums, sums_of_groups)
    save_table(temporal, _temporal(between, stage, list(names.values())))
    listing = {"method": "attention", "stage": stage, "layer": list(names.values())}
    save_table(table, pd.DataFrame(listing))


def _on_voxels(
    patches: np.ndarray, groupings: list[Grouping], patch_size: int, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Attention on patches (n, l, p) → mean on voxels (l, v) and sums over groups (n, l, g)."""
    n_voxels = len(groupings[0].member)
    total, sums = np.zeros((patches.shape[1], n_voxels)), []
    for start in range(0, len(patches), batch_size):
        on_voxels = to_voxels(patches[start : start + batch_size], n_voxels, patch_size)  # b l v
        total += on_voxels.sum(axis=0)
        sums.append(group_sums(groupings, on_voxels))
    return total / len(patches), np.concatenate(sums)


def _temporal(between: np.ndarray, stage: str, layers: list[str]) -> pd.DataFrame:
    """Table of the attention between volumes (n, l, w, w), queries then keys: one row per value."""
    columns = ["stage", "layer", "window", "volume", "attends", "value"]
    if np.isnan(between).any():
        return pd.DataFrame(columns=columns)
    window, layer, volume, attends = np.indices(between.shape).reshape(4, -1)
    return pd.DataFrame(
        {
            "stage": stage,
            "layer": np.array(layers)[layer],
            "window": window,
            "volume": volume,
            "attends": attends,
            "value": between.ravel(),
        },
        columns=columns,
    )
