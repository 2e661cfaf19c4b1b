"""Select the voxels that respond to the training segments."""

from __future__ import annotations

import logging
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import NO_AREA, area_of
from mindvideo.fmri.copies import sampled_voxels
from mindvideo.fmri.encoding import inflation
from mindvideo.fmri.power import demand
from mindvideo.fmri.reproducibility import (
    most_reproducible,
    out_of_line,
    over_segments,
    pairwise_r,
    segment_z,
    untested,
)
from mindvideo.fmri.selection import FEW, REMEDY, Selected, select, select_all
from mindvideo.io.maps import read_label_names, read_labels, read_map, write_map
from mindvideo.io.tables import load_table
from mindvideo.progress import progress
from mindvideo.settings.fmri import Selection, SelectionSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes
from mindvideo.stages._copies import refuse_copies
from mindvideo.stages._selection import (
    Voxels,
    allowed_voxels,
    load_repetitions,
    z_between_subjects,
    z_of_predictions,
)

log = logging.getLogger(__name__)

R_NAMES = {
    "repeats": "r between repeats",
    "areas": "not tested",
    "subjects": "r between subjects",
    "encoding": "r of prediction",
}
"""Name of the map of r."""
CRITERIA = {
    *("alpha", "correction", "fraction", "areas", "criterion", "min_r", "n_voxels", "by"),
}
"""Settings of :func:`~mindvideo.fmri.selection.select`."""


def _warn_of_swaps(cleaned: list[Path], names: list[list[str]], z: np.ndarray) -> None:
    """Warn of segments whose repetitions hardly correlate, and of runs that do across segments."""
    odd, r = out_of_line(z)
    if not odd:
        return
    for segment in odd:
        log.warning(
            "%s: its repetitions hardly correlate (r = %.3f, for the other segments %.3f, in the "
            "most reproducible voxels). Do %s show the same film, with the same timing?",
            cleaned[segment].stem,
            r[segment],
            np.median(r),
            " and ".join(names[segment]),
        )
    voxels = most_reproducible(np.delete(z, odd, axis=0))
    runs = {s: np.load(cleaned[s], mmap_mode="r")[:, :, voxels].astype(np.float64) for s in odd}
    for a, b in combinations(odd, 2):
        if runs[a].shape[1] != runs[b].shape[1]:
            continue
        n_a = len(runs[a])
        pairs = list(product(range(n_a), range(n_a, n_a + len(runs[b]))))
        for (i, j), pair_r in zip(pairs, pairwise_r(np.concatenate([runs[a], runs[b]]), pairs)):
            mean_r = np.nanmean(pair_r)
            if mean_r > np.median(r) / 2:
                message = "%s and %s agree (r = %.3f): has one the other's name?"
                log.warning(message, names[a][i], names[b][j - n_a], mean_r)


def _log_selection(selected: Selected, r: np.ndarray, settings: Selection) -> None:
    passed = {
        "significance": f"significant ({settings.correction}, P < {settings.alpha:g})",
        "threshold": f"of mean r {settings.min_r} or more",
        "best": "ranked by mean r",
    }
    if settings.by == "areas":
        log.info("all %d voxels of the areas selected, without a test", len(r))
        return
    log.info(
        "%d voxels tested, %d %s, %d selected: r from %.3f to %.3f",
        selected.n_tested,
        selected.n_passed,
        passed[settings.criterion],
        len(r),
        r.min(),
        r.max(),
    )
    if settings.criterion == "significance":
        return
    level, advice = logging.INFO, ""
    if selected.n_chance > len(r) / 2:
        level = logging.WARNING
        advice = ": raise selection.min_r, or lower selection.n_voxels"
    message = (
        "%d voxels have a mean r of %.3f or less: about as many of the %d selected are there by "
        "chance%s"
    )
    log.log(level, message, selected.n_chance, -r.min(), len(r), advice)


def _few(selected: Selected, n_segments: int, shape: tuple[int, ...], settings: Selection) -> str:
    """Why so few voxels were selected, and what to do about it.

    `shape` is (n_repetitions, n_volumes, n_voxels) of a segment.
    """
    few = f"only {len(selected.columns)} of {selected.n_tested} voxels are selected: "
    if settings.criterion == "threshold":
        return f"{few}lower selection.min_r ({settings.min_r:g}), or use criterion: best"
    test = f"over {n_segments} training segments"
    if settings.statistic == "t" and settings.by == "encoding":
        test = f"a t-test {test} ({n_segments - 1} degrees of freedom) has to pass"
    elif settings.statistic == "t":
        n_pairs = shape[0] * (shape[0] - 1) // 2 if settings.by == "repeats" else 1
        how = settings.model_dump(include={"alpha", "correction", "tail"})
        needed = demand(n_segments, shape[1], n_pairs, selected.n_tested, **how)
        test = f"a t-test {test} ({n_segments - 1} degrees of freedom) asks for a {needed}, at"
    else:
        test = f"Wilcoxon's signed ranks {test} have to pass"
    return (
        f"{few}{test} P < {settings.alpha:g} after {settings.correction}; of the "
        f"{selected.n_passed} significant voxels a fraction of {settings.fraction:g} is kept. "
        f"For more: {REMEDY}"
    )


@chapter("fMRI")
@makes("selection", made_from=["clean"])
@makes("selection", made_from=["clips", "latents", "embeddings"], where="selection.by: encoding")
def main(
    *,
    cleaned: Inputs,
    tables: Inputs,
    regions: Input,
    networks: Input,
    alive: Input | None = None,
    tsnr: Inputs | None = None,
    within: Input | None = None,
    others: Inputs | None = None,
    other_regions: Inputs | None = None,
    clips: Inputs | None = None,
    latents_table: Input | None = None,
    images: Input | None = None,
    r: Output,
    z: Output,
    t: Output,
    p: Output,
    mask: Output,
    voxels: Output,
    settings: SelectionSettings,
) -> None:
    """Write maps of r, z, t, p and of the selected voxels, and a table of the selected voxels.

    Voxels that could not be tested have r = z = t = 0 and p = 1 in the maps, as have all voxels if
    they are selected by their areas. The rows of the table follow the visual hierarchy; its
    `column` is the index into the voxel axis of the cleaned runs. `alive` says which voxels have a
    signal in every segment that is read; the others are left out. `within` is the mask of the
    settings. `others` and `other_regions` belong to other subjects; `clips`, `latents_table` and
    `images` to the film.
    """
    labels, space = read_labels(regions)
    own = {label: name for label, name in read_label_names(regions).items() if label > NO_AREA}
    numbers = read_map(networks)[0][space.mask].astype(int)
    names = [load_table(path, ["run"])["run"].tolist() for path in tables]
    named = Voxels(space, labels, numbers, own)
    allowed = allowed_voxels(named, alive, tsnr or [], within, settings)
    _refuse_copies(cleaned, names, len(space))
    if settings.by == "areas":
        selected = select_all(labels, allowed, settings.areas, own)
        result = untested(len(space))
    else:
        if settings.by == "repeats":
            values = _z_of_repeats(cleaned, len(space))
            _warn_of_swaps(cleaned, names, values)
        elif settings.by == "subjects":
            values = z_between_subjects(cleaned, others or [], other_regions or [], space, settings)
        else:
            if clips is None or latents_table is None or images is None:
                raise InputError(
                    "selection.by: encoding needs clips and their embeddings: pass --clips, "
                    "--latents-table and --images"
                )
            values = z_of_predictions(cleaned, clips, latents_table, images, space, settings)
        scale = inflation(len(cleaned)) if settings.by == "encoding" else 1.0
        result = over_segments(values, settings.tail, settings.statistic, scale)
        how = settings.model_dump(include=CRITERIA)
        selected = select(result, labels, allowed=allowed, own=own, **how)
    columns = selected.columns
    _log_selection(selected, result.r[columns], settings)
    if len(columns) < FEW and settings.criterion != "best" and settings.by != "areas":
        shape = np.load(cleaned[0], mmap_mode="r").shape
        log.warning(_few(selected, len(cleaned), shape, settings))

    estimate: tuple[str, tuple[float, ...]] = ("estimate", ())
    maps = (
        (r, result.r, 0, R_NAMES[settings.by], estimate),
        (z, result.z, 0, "Fisher z", estimate),
        (t, result.t, 0, "t", ("t test", (len(cleaned) - 1.0,)) if len(cleaned) > 1 else estimate),
        (p, result.p, 1, "p, uncorrected", ("p value", ())),
    )
    for path, values_of, value, name, intent in maps:
        finite = np.where(result.valid, values_of, value)
        write_map(path, finite, space, name=name, intent=intent)
    is_selected = np.zeros(len(space), dtype=bool)
    is_selected[columns] = True
    write_map(mask, is_selected, space, name="selected voxels")

    in_maps = {"r": (result.r, 0), "t": (result.t, 0), "p": (result.p, 1)}
    pd.DataFrame(
        {
            "column": columns,
            **space.grid.places(space.index[columns]),
            "label": labels[columns],
            "area": [own.get(label) or area_of(label) for label in labels[columns]],
            "network": numbers[columns],
            **{
                name: np.where(result.valid, values_of, value)[columns]
                for name, (values_of, value) in in_maps.items()
            },
        }
    ).to_csv(voxels, sep="\t", index=False, float_format="%.6g")


def _z_of_repeats(cleaned: list[Path], n_voxels: int) -> np.ndarray:
    """Fisher z of r between the repetitions of each segment, (n_segments, n_voxels)."""
    values = np.empty((len(cleaned), n_voxels))
    for row, path in enumerate(progress(cleaned, desc="reproducibility", unit="segment")):
        try:
            values[row] = segment_z(load_repetitions(path, n_voxels))
        except InputError as error:
            raise InputError(f"{path.stem}: {error}") from error
    return values


def _refuse_copies(cleaned: list[Path], names: list[list[str]], n_voxels: int) -> None:
    """Raise an error if two runs of the training segments are the same recording."""
    compared, samples = sampled_voxels(n_voxels), []
    for path in cleaned:
        samples += list(load_repetitions(path, n_voxels)[:, :, compared])
    refuse_copies(samples, [name for of_segment in names for name in of_segment])
