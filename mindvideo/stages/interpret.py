"""Combine attention, attribution and occlusion: tables of groups with intervals, and maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.networks import (
    NONE,
    Grouping,
    agreement,
    from_grid_order,
    groupings,
    in_grid_order,
    noise_ceiling,
    split_groups,
)
from mindvideo.io.maps import read_map, write_map
from mindvideo.io.spaces import Space
from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.io.truth import read_truth
from mindvideo.metrics.statistics import block_counts, confidence_interval
from mindvideo.metrics.summary import segment_rows
from mindvideo.settings.interpretation import InterpretationSettings
from mindvideo.sizes import check_windows
from mindvideo.stages import Input, Inputs, Output, chapter, makes

OCCLUSION = [
    "stage",
    "grouping",
    "group",
    "n_voxels",
    "full",
    "drop_value",
    "drop_ci_low",
    "drop_ci_high",
    "random_drop",
    "random_low",
    "random_high",
    "alone",
]
ESTIMATE: tuple[str, tuple[float, ...]] = ("estimate", ())  # NIfTI's intent code of the maps


@dataclass(frozen=True)
class EncoderMap:
    """Map of one method at one stage and layer, and its sums over groups in each window."""

    method: str
    stage: str
    layer: str
    density: np.ndarray
    """(n_voxels,), mean over windows."""
    sums: dict[str, np.ndarray]
    """By name of the grouping, (n_windows, n_groups)."""


@chapter("interpretation")
@makes(
    "interpretation",
    made_from=[
        "windows",
        "selection",
        "clean",
        "interpretation/mbm",
        "interpretation/contrastive",
        "interpretation/cotraining",
    ],
)
def main(
    *,
    table: Input,
    voxels: Input,
    mask: Input,
    r: Input,
    runs: Inputs,
    map_tables: Inputs,
    map_values: Inputs,
    map_sums: Inputs,
    attention_times: Inputs,
    occlusion_sets: Inputs,
    occlusion_scores: Inputs,
    truth: Input | None,
    networks: Output,
    temporal: Output,
    occlusion: Output,
    agreements: Output,
    maps: Output,
    settings: InterpretationSettings,
) -> None:
    """Write four tables and a folder of maps.

    `map_tables`, `map_values` and `map_sums` are outputs of the stages `attention` and
    `attribution`, in the same order; `attention_times` are the tables of temporal attention;
    `occlusion_sets` and `occlusion_scores` are outputs of the stage `occlusion`. `runs` are the
    evaluated segments' tables of runs: the noise ceiling is for a mean over as many repetitions.
    `truth` is a table of the known content of areas, if any. All intervals use the same
    bootstrap samples.
    """
    properties = read_truth(truth) if truth else pd.DataFrame({"area": []})
    counts = _bootstrap(table, settings)
    selected = load_table(voxels, ["column", "area", "network"])
    columns, groups = selected["column"].to_numpy(), groupings(selected)
    ceiling, space = _ceiling(r, mask, runs, len(selected), settings.by)
    encoder_maps = []
    for map_table, values, sums in zip(map_tables, map_values, map_sums, strict=True):
        encoder_maps += _read_maps(map_table, values, sums, groups, counts.shape[1])
    drops = []
    for sets, scores in zip(occlusion_sets, occlusion_scores, strict=True):
        drops += _drops(sets, scores, counts)

    group_rows = [row for each in encoder_maps for row in _sums(each, groups, counts)]
    save_table(networks, pd.DataFrame(group_rows))
    save_table(temporal, _temporal(attention_times, counts))
    dropped = pd.DataFrame(drops, columns=OCCLUSION)
    save_table(occlusion, dropped)
    densities = {(m.method, m.stage, m.layer): m.density for m in encoder_maps}
    if settings.by == "repeats":
        densities["noise ceiling", "n/a", "n/a"] = from_grid_order(ceiling[space.mask], columns)
    areas = next(grouping for grouping in groups if grouping.name == "area")
    per_voxel = {key: areas.sums(density) / areas.sizes for key, density in densities.items()}
    per_voxel |= _drops_of_areas(dropped, areas)
    save_table(agreements, _agreements(per_voxel, properties, areas, settings.smallest_area))
    maps.mkdir()
    _write_maps(maps, encoder_maps, space, columns)
    tested = Space(space.grid, ceiling > 0)
    name = f"noise_ceiling{_ending(space)}"
    write_map(maps / name, ceiling[tested.mask], tested, name="noise ceiling", intent=ESTIMATE)


# --- inputs ---------------------------------------------------------------------------------------


def _bootstrap(table: Path, settings: InterpretationSettings) -> np.ndarray:
    """Count each window in each bootstrap sample, (resamples, n_windows)."""
    listing = load_table(table, ["segment", "clip"])
    check_windows(len(listing), str(table))
    return block_counts(
        segment_rows(listing),
        block=settings.block,
        resamples=settings.resamples,
        rng=np.random.default_rng(settings.seed),
    )


def _read_maps(
    table: Path, values: Path, sums: Path, groups: list[Grouping], n_windows: int
) -> list[EncoderMap]:
    """Read the maps of one stage `attention` or `attribution`."""
    listing = load_table(table, ["method", "stage", "layer"]).fillna("n/a")
    density, group_sums = np.load(values), np.load(sums, mmap_mode="r")
    n_maps, n_groups = len(listing), sum(len(grouping.groups) for grouping in groups)
    _check_shape(values, density, (n_maps, len(groups[0].member)))
    _check_shape(sums, group_sums, (n_windows, n_maps, n_groups))
    parts = split_groups(groups, np.asarray(group_sums))
    return [
        EncoderMap(*names, density[i], {name: part[:, i] for name, part in parts.items()})
        for i, names in enumerate(zip(listing["method"], listing["stage"], listing["layer"]))
    ]


def _check_shape(path: Path, array: np.ndarray, needed: tuple[int, ...]) -> None:
    if array.shape != needed:
        raise InputError(
            f"{path} has shape {array.shape}, but these windows and voxels need {needed}: it was "
            "computed for others. Run its stage again"
        )


def _ceiling(
    r: Path, mask: Path, runs: list[Path], n_voxels: int, by: str
) -> tuple[np.ndarray, Space]:
    """Estimate the noise ceiling of the mean over test repetitions from the training repetitions.

    It is 0 everywhere if voxels were not selected by the correlation between repetitions.

    Returns
    -------
    ceiling : array on the whole grid
    space : Space
        Space of the selected voxels.
    """
    values, grid = read_map(r)
    selected, other = read_map(mask)
    if not grid.same(other) or (selected > 0).sum() != n_voxels:
        raise InputError(
            f"{r} ({grid}) and {mask} ({other}, {(selected > 0).sum()} voxels) do not match the "
            f"table of {n_voxels} selected voxels: use all three from one run of `select`"
        )
    n_repetitions = min(len(load_table(path, ["run"])) for path in runs)
    between_repetitions = values if by == "repeats" else np.zeros_like(values)
    return noise_ceiling(between_repetitions, n_repetitions), Space(grid, selected > 0)


# --- tables ---------------------------------------------------------------------------------------


def _intervals(values: np.ndarray, counts: np.ndarray) -> list[dict[str, float]]:
    """Mean over windows of each column of (n, k), and its 95% interval."""
    values = np.asarray(values, np.float64)
    samples = counts @ values / len(values)  # (resamples, k)
    rows = []
    for column, means in zip(values.T, samples.T):
        low, high = confidence_interval(means)
        rows.append({"value": float(column.mean()), "ci_low": low, "ci_high": high})
    return rows


def _sums(encoder_map: EncoderMap, groups: list[Grouping], counts: np.ndarray) -> list[dict]:
    """Sum of the map over each group, with its interval and its value for a uniform map."""
    rows = []
    for grouping in groups:
        sums = encoder_map.sums[grouping.name]
        # Fractions sum to 1, contributions to the mean gain.
        total = 1.0 if encoder_map.method != "contribution" else sums.sum(axis=1).mean()
        rows += [
            {
                "method": encoder_map.method,
                "stage": encoder_map.stage,
                "layer": encoder_map.layer,
                "grouping": grouping.name,
                "group": grouping.groups[number],
                "n_voxels": int(grouping.sizes[number]),
                **interval,
                "uniform": total * grouping.uniform[number],
            }
            for number, interval in enumerate(_intervals(sums, counts))
        ]
    return rows


def _temporal(paths: list[Path], counts: np.ndarray) -> pd.DataFrame:
    """Mean attention from each volume to each other volume, with its interval."""
    keys = ["stage", "layer", "volume", "attends"]
    rows = []
    for path in paths:
        table = load_table(path, [*keys, "window", "value"])
        for names, part in table.groupby(keys, sort=False):
            # In the precision of the network.
            values = part.sort_values("window")["value"].to_numpy(np.float32)
            check_rows(path, values, path, counts.shape[1])
            (interval,) = _intervals(values[:, None], counts)
            rows.append(dict(zip(keys, names)) | interval)
    if not rows:
        return pd.DataFrame()
    means = pd.DataFrame(rows, columns=[*keys, "value", "ci_low", "ci_high"])
    n_volumes = means.groupby("stage")["volume"].transform("nunique")
    return means.assign(uniform=1 / n_volumes)


def _drops(sets: Path, scores: Path, counts: np.ndarray) -> list[dict]:
    """Drop of identification with each group occluded, and with as many random voxels."""
    listing = load_table(sets, ["stage", "grouping", "group", "occluded", "n_voxels"])
    scored = np.load(scores)
    _check_shape(scores, scored, (len(listing), counts.shape[1]))
    full = scored[listing["occluded"] == "nothing"][0]
    occluded = listing[listing["occluded"] != "nothing"]
    rows = []
    for names, part in occluded.groupby(["stage", "grouping", "group"], sort=False):
        by_kind = {kind: scored[same.index] for kind, same in part.groupby("occluded")}
        random = np.array([np.nan])
        if "random" in by_kind:
            random = full.mean() - by_kind["random"].mean(axis=1)
        (interval,) = _intervals((full - by_kind["group"][0])[:, None], counts)
        rows.append(
            {
                **dict(zip(("stage", "grouping", "group"), names)),
                "n_voxels": int(part.loc[part["occluded"] == "group", "n_voxels"].iloc[0]),
                "full": full.mean(),
                **{f"drop_{name}": value for name, value in interval.items()},
                "random_drop": random.mean(),
                "random_low": random.min(),
                "random_high": random.max(),
                "alone": by_kind["others"].mean() if "others" in by_kind else np.nan,
            }
        )
    return rows


def _drops_of_areas(
    dropped: pd.DataFrame, areas: Grouping
) -> dict[tuple[str, str, str], np.ndarray]:
    """For each stage, the drop of identification per voxel of each occluded area."""
    per_voxel = {}
    for stage, rows in dropped[dropped["grouping"] == "area"].groupby("stage", sort=False):
        drop = rows.set_index("group")["drop_value"].reindex(areas.groups).to_numpy(float)
        per_voxel["occlusion", str(stage), "n/a"] = drop / areas.sizes
    return per_voxel


def _agreements(
    per_voxel: dict[tuple[str, str, str], np.ndarray],
    properties: pd.DataFrame,
    areas: Grouping,
    smallest: int,
) -> pd.DataFrame:
    """Correlate each map, over areas, with each known property of areas."""
    table = properties.drop_duplicates("area").set_index("area").reindex(areas.groups)
    big = (areas.sizes >= smallest) & (np.array(areas.groups) != NONE)
    rows = []
    for names, density in per_voxel.items():
        for column in table.columns:
            truth = table[column].to_numpy(float)
            compared = big & np.isfinite(truth)
            rho, p = agreement(density[compared], truth[compared])
            n_areas = int(compared.sum())
            p_min = np.nan if np.isnan(p) else 1 / n_areas
            rows.append((*names, column, n_areas, rho, p, p_min))
    columns = ["method", "stage", "layer", "property", "n_areas", "rho", "p", "p_min"]
    return pd.DataFrame(rows, columns=columns)


# --- maps -----------------------------------------------------------------------------------------


def _write_maps(
    folder: Path, encoder_maps: list[EncoderMap], space: Space, columns: np.ndarray
) -> None:
    """Write each map; fractions relative to uniform ones, so that 1 is uniform."""
    for encoder_map in encoder_maps:
        scale = len(columns) if encoder_map.method in ("attention", "attribution") else 1
        parts = [encoder_map.method, encoder_map.stage, encoder_map.layer.replace(" = ", "-")]
        name = "_".join(part for part in parts if part != "n/a")
        values = in_grid_order(encoder_map.density * scale, columns)
        path = folder / f"{name}{_ending(space)}"
        write_map(path, values, space, name=name.replace("_", " "), intent=ESTIMATE)


def _ending(space: Space) -> str:
    return space.grid.endings[0]
