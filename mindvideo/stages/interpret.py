"""Ask what the encoder learned: attention, attribution, occlusion, beside what is uniform."""

from __future__ import annotations

import logging
from collections.abc import Iterator
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
    to_voxels,
)
from mindvideo.io.clips import load_frames
from mindvideo.io.maps import read_map, write_map
from mindvideo.io.sidecars import check_voxels
from mindvideo.io.spaces import Grid, Space
from mindvideo.io.tables import check_rows, load_table, save_table
from mindvideo.metrics.embedding import cosine_similarity, identification
from mindvideo.metrics.statistics import block_bootstrap, confidence_interval
from mindvideo.metrics.summary import segment_rows
from mindvideo.models.attribution import (
    attention_received,
    embed_silenced,
    integrated_gradients,
    named_layers,
)
from mindvideo.models.device import device
from mindvideo.models.encoding import embed_frames
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_clip
from mindvideo.progress import progress
from mindvideo.settings import InterpretationSettings
from mindvideo.stages import Input, Inputs, Output

log = logging.getLogger(__name__)

FRAMES = 64  # embedded at a time
OCCLUSION = [
    *("stage", "grouping", "group", "n_voxels", "full", "drop_value", "drop_ci_low"),
    *("drop_ci_high", "random_drop", "random_low", "random_high", "alone"),
]
ESTIMATE: tuple[str, tuple[float, ...]] = ("estimate", ())  # NIfTI's word for what maps hold


@dataclass(frozen=True)
class Test:
    """The test windows, what lies behind them, and how means over them are told."""

    fmri: np.ndarray
    """(n, w, v), on disk."""
    baseline: np.ndarray
    """(w, v): the null window."""
    targets: np.ndarray
    """(n, o): CLIP's embeddings of the frames in the middle of the clips."""
    voxels: pd.DataFrame
    groupings: list[Grouping]
    segments: list[np.ndarray]
    """Rows of each segment, in the order of its film."""
    settings: InterpretationSettings
    rng: np.random.Generator

    def told(self, values: np.ndarray) -> dict[str, float]:
        """Mean over windows (n,) and its 95% interval."""
        means = block_bootstrap(
            [values[rows] for rows in self.segments],
            block=self.settings.block,
            resamples=self.settings.resamples,
            rng=self.rng,
        )
        low, high = confidence_interval(means)
        return {"value": float(values.mean()), "ci_low": low, "ci_high": high}


@dataclass(frozen=True)
class Found:
    """One method at one stage and layer: a map, and each window's sums over groups."""

    method: str
    stage: str
    layer: str
    density: np.ndarray
    """(n_voxels,) mean over windows."""
    sums: dict[str, np.ndarray]
    """By grouping, (n, n_groups)."""


def main(
    *,
    windows: Input,
    table: Input,
    null_window: Input,
    voxels: Input,
    mask: Input,
    r: Input,
    runs: Inputs,
    mbm: Input,
    contrastive: Input,
    cotraining: Input,
    clips: Inputs,
    truth: Input | None,
    networks: Output,
    temporal: Output,
    occlusion: Output,
    agreements: Output,
    maps: Output,
    settings: InterpretationSettings,
) -> None:
    """Write four tables and a folder of maps.

    `runs` are the test segments' tables of runs, whose number of repeats the noise ceiling is for;
    `truth` is a table of what areas carry, where that is known.
    """
    known = _read_truth(truth) if truth else pd.DataFrame({"area": []})
    test = _read(windows, table, null_window, voxels, clips, settings)
    encoders = _encoders(mbm, contrastive, cotraining / "fmri_encoder", windows, test)
    reached, space = _ceiling(r, mask, runs, test)
    columns = test.voxels["column"].to_numpy()
    found, over_time, silenced = [], [], []
    for stage, model in encoders.items():
        log.info("%s: attention", stage)
        attended, times = _attention(stage, model, test)
        found += attended
        over_time += times
        if stage != "mbm":
            log.info("%s: attribution, occlusion", stage)
            found += _attribution(stage, model, test)
            silenced += _occlusion(stage, model, test)

    save_table(networks, pd.DataFrame([row for one in found for row in _rows(one, test)]))
    save_table(temporal, pd.DataFrame(over_time))
    dropped = pd.DataFrame(silenced, columns=OCCLUSION)
    save_table(occlusion, dropped)
    ceiling = Found(
        "noise ceiling", "n/a", "n/a", from_grid_order(reached[space.mask], columns), {}
    )
    save_table(agreements, _agreements([*found, ceiling], dropped, known, test))
    maps.mkdir()
    _write_maps(maps, found, space, columns)
    tested = Space(space.grid, reached > 0)
    name = f"noise_ceiling{_ending(space)}"
    write_map(maps / name, reached[tested.mask], tested, name="noise ceiling", intent=ESTIMATE)


# --- what is read ---------------------------------------------------------------------------------


def _read(
    windows: Path,
    table: Path,
    null_window: Path,
    voxels: Path,
    clips: list[Path],
    settings: InterpretationSettings,
) -> Test:
    fmri, listing = np.load(windows, mmap_mode="r"), load_table(table, ["segment", "clip"])
    check_rows(windows, fmri, table, len(listing))
    if len(listing) < 2:
        raise InputError(f"{windows}: {len(listing)} windows, at least 2 were needed to compare")
    baseline = np.load(null_window)
    if baseline.shape != fmri.shape[1:]:
        raise InputError(
            f"{null_window} has shape {baseline.shape}, the windows {fmri.shape[1:]}: make both "
            "with the same stage `windows`"
        )
    chosen = load_table(voxels, ["column", "area", "network"])
    clip = load_clip(settings.clip)
    frames = load_frames(clips, listing)
    rows = np.arange(len(frames))
    parts = np.split(rows, range(FRAMES, len(rows), FRAMES))
    middles = ([frames[row][len(frames[row]) // 2] for row in part] for part in parts)
    return Test(
        fmri=fmri,
        baseline=baseline,
        targets=np.concatenate([embed_frames(clip, part).cpu().numpy() for part in middles]),
        voxels=chosen,
        groupings=groupings(chosen),
        segments=segment_rows(listing),
        settings=settings,
        rng=np.random.default_rng(settings.seed),
    )


def _read_truth(path: Path) -> pd.DataFrame:
    table = load_table(path, ["area"])
    if words := [c for c in table.columns if c != "area" and table[c].dtype.kind not in "iuf"]:
        raise InputError(
            f"{path}: column {', '.join(words)} is not of numbers; needed is a column `area` "
            "(names of Glasser's areas) and one of numbers for each thing that areas carry"
        )
    return table


def _encoders(
    mbm: Path, contrastive: Path, cotraining: Path, windows: Path, test: Test
) -> dict[str, FmriEncoder]:
    """Load the encoder as it was after each stage, in their order.

    Masked brain modelling has trained no temporal attention and no head: it is taken as
    contrastive learning takes it over, without the first.
    """
    later = {
        "contrastive": FmriEncoder.from_pretrained(contrastive),
        "cotraining": FmriEncoder.from_pretrained(cotraining),
    }
    shape = {k: v for k, v in later["contrastive"].config.items() if not k.startswith("_")}
    first = FmriEncoder(**{**shape, "use_temp_attn": False})
    first.load_mbm(MaskedAutoencoder.from_pretrained(mbm))
    for path, model in zip((contrastive, cotraining), later.values()):
        check_voxels(windows, model.config["voxels"], path)
        if model.config["out_dim"] != test.targets.shape[1]:
            raise InputError(
                f"clip: {test.settings.clip} embeds in {test.targets.shape[1]} dimensions, {path} "
                f"in {model.config['out_dim']}: take the CLIP that the encoder was trained with"
            )
    encoders = {"mbm": first, **later}
    for model in encoders.values():
        model.to(device()).eval().requires_grad_(False)
    return encoders


# --- the methods ----------------------------------------------------------------------------------


def _attention(stage: str, model: FmriEncoder, test: Test) -> tuple[list[Found], list[dict]]:
    """Attention of the chosen layers; maps are added up, windows leave their sums over groups."""
    names = named_layers(test.settings.layers, model.config["depth"])
    batches = attention_received(model, test.fmri, list(names), test.settings.batch_size)
    sums: dict[str, list[np.ndarray]] = {g.name: [] for g in test.groupings}
    total, times = np.zeros((len(names), len(test.voxels))), []
    for spatial, temporal in batches:
        shares = to_voxels(spatial, total.shape[1], model.config["patch_size"])  # b l v
        total += shares.sum(axis=0)
        times.append(temporal)
        for grouping in test.groupings:
            sums[grouping.name].append(grouping.sums(shares))
    of_group = {name: np.concatenate(parts) for name, parts in sums.items()}  # n l g
    found = [
        Found(
            "attention", stage, layer, total[i] / len(test.fmri),
            {name: values[:, i] for name, values in of_group.items()},
        )
        for i, layer in enumerate(names.values())
    ]  # fmt: skip
    between = np.concatenate(times)  # n l q k
    if np.isnan(between).any():
        return found, []
    n_volumes = between.shape[2]
    rows = [
        {"stage": stage, "layer": layer, "volume": q, "attends": k}
        | test.told(between[:, i, q, k])
        | {"uniform": 1 / n_volumes}
        for i, layer in enumerate(names.values())
        for q in range(n_volumes)
        for k in range(n_volumes)
    ]
    return found, rows


def _attribution(stage: str, model: FmriEncoder, test: Test) -> list[Found]:
    """Integrated gradients: shares of their size, and what they add and take away."""
    n_voxels = len(test.voxels)
    batches = integrated_gradients(
        model,
        test.fmri,
        test.baseline,
        test.targets,
        steps=test.settings.path_steps,
        batch_size=test.settings.batch_size,
    )
    total = {"attribution": np.zeros(n_voxels), "contribution": np.zeros(n_voxels)}
    sums: dict[str, dict[str, list]] = {m: {g.name: [] for g in test.groupings} for m in total}
    missed, gained = 0.0, 0.0
    for attribution, gain in batches:
        signed = attribution.sum(axis=1)[:, :n_voxels]
        missed += np.abs(attribution.sum(axis=(1, 2)) - gain).sum()
        gained += np.abs(gain).sum()
        size = np.abs(attribution).sum(axis=1)[:, :n_voxels]
        shares = size / np.maximum(size.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        for method, values in (("attribution", shares), ("contribution", signed)):
            total[method] += values.sum(axis=0)
            for grouping in test.groupings:
                sums[method][grouping.name].append(grouping.sums(values))
    log.info("%s: attributions miss %.2g of the gain", stage, missed / max(gained, 1e-12))
    return [
        Found(
            method, stage, "n/a", values / len(test.fmri),
            {name: np.concatenate(parts) for name, parts in sums[method].items()},
        )
        for method, values in total.items()
    ]  # fmt: skip


def _occlusion(stage: str, model: FmriEncoder, test: Test) -> list[dict]:
    """Identification of the clips when a group's voxels are silenced, or all the others."""

    def identified(silent: np.ndarray) -> np.ndarray:
        padded = np.zeros(test.fmri.shape[2], bool)
        padded[: len(silent)] = silent
        size = test.settings.batch_size
        mine = embed_silenced(model, test.fmri, test.baseline, padded, size)
        return np.diag(identification(cosine_similarity(mine, test.targets)))

    n_voxels = len(test.voxels)
    full = identified(np.zeros(n_voxels, bool))
    todo = [
        (grouping, number)
        for grouping in test.groupings
        if grouping.name in test.settings.occlude
        for number in range(len(grouping.groups))
    ]
    rows = []
    for grouping, number in progress(todo, desc=f"occlusion, {stage}", unit="group"):
        mine = grouping.member == number
        # Areas are many and small: for them there is only the drop.
        draws = test.settings.random_draws if grouping.name != "area" else 0
        random = np.array([_random(mine.sum(), n_voxels, test.rng) for _ in range(draws)], bool)
        drops = [full.mean() - identified(silent).mean() for silent in random] or [np.nan]
        rows.append(
            {
                "stage": stage,
                "grouping": grouping.name,
                "group": grouping.groups[number],
                "n_voxels": int(mine.sum()),
                "full": full.mean(),
                **{f"drop_{k}": v for k, v in test.told(full - identified(mine)).items()},
                "random_drop": np.mean(drops),
                "random_low": np.min(drops),
                "random_high": np.max(drops),
                "alone": identified(~mine).mean() if draws else np.nan,
            }
        )
    return rows


def _random(n: int, n_voxels: int, rng: np.random.Generator) -> np.ndarray:
    chosen = np.zeros(n_voxels, bool)
    chosen[rng.choice(n_voxels, n, replace=False)] = True
    return chosen


def _ceiling(r: Path, mask: Path, runs: list[Path], test: Test) -> tuple[np.ndarray, Space]:
    """The noise ceiling of the test runs' mean on the whole grid, and the selected voxels' space.

    As far as the training repeats tell it.
    """
    values, grid = read_map(r)
    chosen, other = read_map(mask)
    if not grid.same(other) or (chosen > 0).sum() != len(test.voxels):
        raise InputError(
            f"{r} ({grid}) and {mask} ({other}, {(chosen > 0).sum()} voxels) do not go with a "
            f"table of {len(test.voxels)} selected voxels: take all three from one run of `select`"
        )
    repeats = min(len(load_table(path, ["run"])) for path in runs)
    return noise_ceiling(values, repeats), Space(grid, chosen > 0)


# --- what is written ------------------------------------------------------------------------------


def _rows(found: Found, test: Test) -> Iterator[dict]:
    for grouping in test.groupings:
        sums = found.sums[grouping.name]
        # Shares sum to 1; what is added and taken away sums to the mean gain.
        total = 1.0 if found.method != "contribution" else sums.sum(axis=1).mean()
        for number, group in enumerate(grouping.groups):
            yield {
                "method": found.method,
                "stage": found.stage,
                "layer": found.layer,
                "grouping": grouping.name,
                "group": group,
                "n_voxels": int(grouping.sizes[number]),
                **test.told(sums[:, number]),
                "uniform": total * grouping.uniform[number],
            }


def _agreements(
    found: list[Found], silenced: pd.DataFrame, known: pd.DataFrame, test: Test
) -> pd.DataFrame:
    """How well maps, and drops, follow over areas each column of what is known of areas."""
    areas = next(g for g in test.groupings if g.name == "area")
    densities = {
        (one.method, one.stage, one.layer): areas.sums(one.density) / areas.sizes for one in found
    }
    for stage, rows in silenced[silenced["grouping"] == "area"].groupby("stage", sort=False):
        drop = rows.set_index("group")["drop_value"].reindex(areas.groups).to_numpy(float)
        densities["occlusion", str(stage), "n/a"] = drop / areas.sizes
    table = known.drop_duplicates("area").set_index("area").reindex(areas.groups)
    big = (areas.sizes >= test.settings.smallest_area) & (np.array(areas.groups) != NONE)
    out = []
    for (method, stage, layer), density in densities.items():
        for name in table.columns:
            truth = table[name].to_numpy(float)
            told = big & np.isfinite(truth)
            rho, p = agreement(density[told], truth[told])
            out.append((method, stage, layer, name, int(told.sum()), rho, p))
    columns = ["method", "stage", "layer", "property", "n_areas", "rho", "p"]
    return pd.DataFrame(out, columns=columns)


def _write_maps(folder: Path, found: list[Found], space: Space, columns: np.ndarray) -> None:
    """Write each map: shares against uniform ones (1 is uniform), others as they are."""
    for one in found:
        scale = len(columns) if one.method in ("attention", "attribution") else 1
        words = [one.method, one.stage, one.layer.replace(" = ", "-")]
        name = "_".join(word for word in words if word != "n/a")
        values = in_grid_order(one.density * scale, columns)
        path = folder / f"{name}{_ending(space)}"
        write_map(path, values, space, name=name.replace("_", " "), intent=ESTIMATE)


def _ending(space: Space) -> str:
    return ".nii.gz" if isinstance(space.grid, Grid) else ".dscalar.nii"
