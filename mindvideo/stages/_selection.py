"""How much voxels respond to the films, for films that were shown once; and which may be tested."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from mindvideo.clip_times import ClipTimes
from mindvideo.errors import InputError
from mindvideo.fmri.encoding import delayed, left_out_z, reduced
from mindvideo.fmri.intersubject import between_subjects_z, columns_at
from mindvideo.fmri.repetitions import mean_of_repetitions
from mindvideo.fmri.selection import above_tsnr, in_areas, in_networks
from mindvideo.fmri.windows import cut
from mindvideo.io.clips import load_clips
from mindvideo.io.maps import read_labels, read_map, read_mask
from mindvideo.io.spaces import Space
from mindvideo.io.tables import load_table
from mindvideo.progress import progress
from mindvideo.settings.fmri import Selection, SelectionSettings
from mindvideo.stimuli.motion_energy import of_clips

log = logging.getLogger(__name__)


def load_repetitions(path: Path, n_voxels: int) -> np.ndarray:
    """Open the cleaned runs of a segment, (n_repetitions, n_volumes, n_voxels).

    Raises
    ------
    InputError
        If they have another number of voxels.
    """
    repetitions = np.load(path, mmap_mode="r")
    if repetitions.shape[2] != n_voxels:
        raise InputError(
            f"{path} has {repetitions.shape[2]} voxels, but the regions have {n_voxels}: they "
            "belong to different subjects or grids. Clean the runs again."
        )
    return repetitions


# --- restrictions ---------------------------------------------------------------------------------


def mean_tsnr(paths: Sequence[Path], space: Space) -> np.ndarray:
    """Mean of the segments' maps of temporal SNR, (n_voxels,)."""
    return np.mean([read_map(path)[0][space.mask] for path in paths], axis=0)


@dataclass(frozen=True)
class Voxels:
    """The voxels to select from."""

    space: Space
    labels: np.ndarray
    """(n_voxels,) int, area of each."""
    networks: np.ndarray
    """(n_voxels,) int, network of each."""
    own: Mapping[int, str]
    """Labels of areas that are not Glasser's, with their names."""


def allowed_voxels(
    voxels: Voxels,
    alive: Path | None,
    tsnr: Sequence[Path],
    within: Path | None,
    settings: Selection,
) -> np.ndarray:
    """Voxels that the settings allow and that have a signal in some run of every segment.

    Parameters
    ----------
    voxels : Voxels
    alive : Path or None
        Which voxels have a signal in every segment that is read, from the stage `living`.
    tsnr : sequence of Path
        Maps of temporal SNR of the training segments.
    within : Path or None
        The mask of `selection.mask`.
    settings : Selection

    Raises
    ------
    InputError
        If no voxel is left, or the mask is on another grid.
    """
    space = voxels.space
    allowed = in_networks(voxels.networks, settings.networks)
    living = np.ones(len(space), dtype=bool) if alive is None else np.load(alive)
    if len(living) != len(space):
        raise InputError(
            f"{alive} has {len(living)} voxels, but the regions have {len(space)}: they belong "
            "to different subjects or grids. Clean the runs again."
        )
    if not living.all():
        log.info(
            "%d of %d voxels have no signal in any repetition of some segment: left out",
            (~living).sum(),
            len(space),
        )
    allowed &= living
    if settings.mask:
        if within is None:
            raise InputError(f"selection.mask is {settings.mask}: pass its file as --within")
        inside = read_mask(within, space.grid, "selection.mask")[space.mask]
        if not inside.any():
            raise InputError(
                f"{within}: no voxel of this mask is among the {len(space)} that are used. Set "
                "selection.mask to a mask of the cortex on the grid of the runs."
            )
        allowed &= inside
    if settings.min_tsnr is not None:
        if not tsnr:
            raise InputError("selection.min_tsnr needs maps of temporal SNR: pass them as --tsnr")
        among = allowed & in_areas(voxels.labels, settings.areas, voxels.own)
        allowed &= above_tsnr(mean_tsnr(tsnr, space), settings.min_tsnr, among)
    return allowed


# --- correlation between subjects -----------------------------------------------------------------


def z_between_subjects(
    cleaned: Sequence[Path],
    others: Sequence[Path],
    other_regions: Sequence[Path],
    space: Space,
    settings: SelectionSettings,
) -> np.ndarray:
    """Fisher z of r between a subject and the mean of the others, (n_segments, n_voxels).

    `others` are the cleaned segments of each other subject in turn, and `other_regions` its map of
    areas, as `settings.others` lists them.

    Raises
    ------
    InputError
        If there is no other subject, nobody else saw a segment, or grids differ.
    """
    if not settings.others:
        raise InputError(
            "selection.by: subjects needs at least one other subject who saw the same films: name "
            "more in dataset.subjects, or set selection.by: areas or encoding."
        )
    paths = iter(others)
    of_segment: dict[str, list[tuple[Path, np.ndarray, int]]] = {path.stem: [] for path in cleaned}
    for (subject, segments), regions in zip(settings.others.items(), other_regions, strict=True):
        other = read_labels(regions)[1]
        if not space.grid.same(other.grid):
            raise InputError(
                f"{regions} (subject {subject}) has {other.grid}, but this subject's runs have "
                f"{space.grid}: for selection.by: subjects, all runs must be on one grid. Resample "
                "them to the same grid in MNI152 space, or set selection.by: areas or encoding."
            )
        columns = columns_at(space.index, other.index)
        log.info("%d of %d voxels in %s, too", (columns >= 0).sum(), len(space), subject)
        for path in islice(paths, len(segments)):
            of_segment[path.stem].append((path, columns, len(other)))
    if alone := [segment for segment, seen in of_segment.items() if not seen]:
        raise InputError(
            f"no other subject saw {', '.join(alone)}, so that selection.by: subjects has nothing "
            "to compare: exclude these runs (dataset.exclude), or set selection.by: areas or "
            "encoding."
        )
    z = np.empty((len(cleaned), len(space)))
    for row, path in enumerate(progress(cleaned, desc="between subjects", unit="segment")):
        seen = [(load_repetitions(p, n), columns) for p, columns, n in of_segment[path.stem]]
        z[row] = between_subjects_z(load_repetitions(path, len(space)), seen)
    return z


# --- prediction from the film ---------------------------------------------------------------------


def z_of_predictions(
    cleaned: Sequence[Path],
    clips: Sequence[Path],
    listing: Path,
    images: Path,
    space: Space,
    settings: SelectionSettings,
) -> np.ndarray:
    """Fisher z of r between responses and their predictions from the film, (n_segments, n_voxels).

    Features are the motion energy of the clips, and CLIP's embeddings of their frames (mean over
    a clip), each reduced to principal components.

    Parameters
    ----------
    cleaned : sequence of Path
    clips : sequence of Path
        Clips of the same segments.
    listing, images : Path
        Table of the embedded clips, and the embeddings of their frames (n, n_frames, dim).

    Raises
    ------
    InputError
        If a segment has no clips or embeddings.
    """
    table = load_table(listing, ["segment", "clip"])
    embeddings = np.load(images, mmap_mode="r")
    if len(embeddings) != len(table):
        raise InputError(
            f"{images} has {len(embeddings)} rows, but {listing} has {len(table)}: embed the clips "
            "again"
        )
    films = {path.stem: path for path in clips}
    names = [path.stem for path in cleaned]
    if missing := [name for name in names if name not in films or name not in set(table.segment)]:
        raise InputError(
            f"no clips or embeddings of {', '.join(missing)}, which selection.by: encoding needs: "
            "cut and embed the clips again"
        )
    energy, content = [], []
    for name in progress(names, desc="motion energy", unit="segment"):
        energy.append(of_clips(load_clips(films[name]), settings.fps))
        of_segment = table[table["segment"] == name].sort_values("clip")
        if len(of_segment) != len(energy[-1]):
            raise InputError(
                f"{films[name]} has {len(energy[-1])} clips, but {listing} has "
                f"{len(of_segment)} of {name}: embed the clips again"
            )
        content.append(np.asarray(embeddings[of_segment.index], np.float64).mean(axis=1))
    ends = np.cumsum([len(part) for part in energy])[:-1]
    kinds = [reduced(np.concatenate(parts), settings.components) for parts in (energy, content)]
    log.info(
        "%d + %d components of motion energy and CLIP's embeddings, at %d delays",
        *(kind.shape[1] for kind in kinds),
        len(settings.delays),
    )
    features = [delayed(part, settings.delays) for part in np.split(np.hstack(kinds), ends)]
    runs = [load_repetitions(path, len(space)) for path in cleaned]
    times = ClipTimes(size=1, **settings.times)

    def responses(voxels: slice) -> list[np.ndarray]:
        return [
            cut(mean_of_repetitions(repetitions[:, :, voxels]), times, len(film))[:, 0]
            for repetitions, film in zip(runs, features)
        ]

    return left_out_z(features, responses, len(space))
