"""Identify the test clips with groups of voxels occluded, after one training stage."""

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
    """Write a table of sets of voxels, and the identification of each clip without each set.

    Scores are (n_sets, n_windows): the fraction of other clips that are less similar to the
    window's embedding than the clip of the window, when the voxels of the set have the values of
    the null window. `stage` is the training stage that the encoder comes from. A set is `nothing`,
    a `group`, as many `random` voxels, or all `others`.
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
    """List the sets of voxels to occlude: nothing; each group; random voxels; all other voxels.

    The random voxels of a group depend only on the seed and the group's number. Areas, which are
    many and small, are not compared with random voxels or with all others.

    Returns
    -------
    table : DataFrame
        Columns `grouping`, `group`, `occluded`, `n_voxels`; one row per set.
    masks : (n_sets, n_voxels) bool
    """
    n_voxels = len(groupings[0].member)
    sets = [("nothing", "nothing", "nothing", np.zeros(n_voxels, bool))]
    groups = [(g, number) for g in groupings for number in range(len(g.groups))]
    for group_number, (grouping, number) in enumerate(groups):
        if grouping.name not in settings.occlude:
            continue
        member, group = grouping.member == number, grouping.groups[number]
        sets.append((grouping.name, group, "group", member))
        if grouping.name != "area":
            rng = np.random.default_rng((settings.seed, group_number))
            for _ in range(settings.random_draws):
                sets.append((grouping.name, group, "random", rng.permutation(member)))
            sets.append((grouping.name, group, "others", ~member))
    table = pd.DataFrame([row[:3] for row in sets], columns=["grouping", "group", "occluded"])
    masks = np.stack([mask for *_, mask in sets])
    return table.assign(n_voxels=masks.sum(axis=1)), masks


def _identified(
    model: FmriEncoder, test: TestWindows, mask: np.ndarray, batch_size: int
) -> np.ndarray:
    """Identification of each clip, (n,), with the voxels of a mask occluded."""
    padded = np.zeros(test.fmri.shape[2], bool)
    padded[: len(mask)] = mask
    embeddings = embed_occluded(model, test.fmri, test.null_window, padded, batch_size)
    return np.diag(identification(cosine_similarity(embeddings, test.targets)))
