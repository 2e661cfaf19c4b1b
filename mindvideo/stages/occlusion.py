"""Identify the test clips without a group of voxels, after one training stage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mindvideo.fmri.networks import Grouping
from mindvideo.io.kept import compute_rows
from mindvideo.io.tables import save_table
from mindvideo.metrics.embedding import cosine_similarity, identification
from mindvideo.models.attribution import embed_occluded
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.settings.interpretation import OcclusionSettings
from mindvideo.stages import Input, Inputs, Output, State, chapter, makes
from mindvideo.stages._encoders import TestWindows, load_encoder, load_test_windows

COLUMNS = ["stage", "grouping", "group", "occluded", "n_voxels"]


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
    sets: Output,
    scores: Output,
    state: State,
    settings: OcclusionSettings,
) -> None:
    """Write a table of sets of voxels, and each clip's identification without each set.

    The scores are (n_sets, n_windows): the share of the other clips that are less similar to the
    window's embedding than its own clip, when the voxels of the set have the null window's values.
    `stage` is the training stage after which the encoder is taken. A set is `nothing`, a `group`,
    as many `random` voxels, or all `others`.
    """
    model = load_encoder(encoder, None, windows)
    test = load_test_windows(
        windows,
        table,
        null_window,
        voxels,
        clips,
        clip=settings.clip,
        out_dim=model.config["out_dim"],
    )
    listing, masks = occlusion_sets(test.groupings, settings)

    def occlude(rows: range) -> dict[str, np.ndarray]:
        return {"scores": _identified(model, test, masks[rows.start], settings.batch_size)[None]}

    desc = f"occlusion, {stage}"
    kept = compute_rows(state, "rows", len(masks), occlude, desc=desc, unit="set")
    kept.publish("scores", scores)
    save_table(sets, listing.assign(stage=stage)[COLUMNS])


def occlusion_sets(
    groupings: list[Grouping], settings: OcclusionSettings
) -> tuple[pd.DataFrame, np.ndarray]:
    """List the sets of voxels to occlude: nothing, and for each group itself, random, and others.

    The random voxels of a group follow from the seed and the group's number alone. Areas are many
    and small: they are occluded themselves, but compared with no other sets.

    Returns
    -------
    table : DataFrame
        Columns `grouping`, `group`, `occluded`, `n_voxels`; a row for each set.
    masks : (n_sets, n_voxels) bool
    """
    n_voxels = len(groupings[0].member)
    found = [("nothing", "nothing", "nothing", np.zeros(n_voxels, bool))]
    places = [(g, number) for g in groupings for number in range(len(g.groups))]
    for place, (grouping, number) in enumerate(places):
        if grouping.name not in settings.occlude:
            continue
        member, names = grouping.member == number, (grouping.name, grouping.groups[number])
        found.append((*names, "group", member))
        if grouping.name != "area":
            rng = np.random.default_rng((settings.seed, place))
            for _ in range(settings.random_draws):
                found.append((*names, "random", rng.permutation(member)))
            found.append((*names, "others", ~member))
    table = pd.DataFrame([row[:3] for row in found], columns=["grouping", "group", "occluded"])
    masks = np.stack([mask for *_, mask in found])
    return table.assign(n_voxels=masks.sum(axis=1)), masks


def _identified(
    model: FmriEncoder, test: TestWindows, mask: np.ndarray, batch_size: int
) -> np.ndarray:
    """Identification of each clip, (n,), without the voxels of a mask."""
    padded = np.zeros(test.fmri.shape[2], bool)
    padded[: len(mask)] = mask
    found = embed_occluded(model, test.fmri, test.null_window, padded, batch_size)
    return np.diag(identification(cosine_similarity(found, test.targets)))
