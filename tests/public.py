"""Trees with the names and the lengths of public data sets, and random values.

Each writer writes the runs of a description (config/datasets/), few of them or all. The lengths
are those of the data sets' own documents (docs/how-to/public-data.md), not those of the
descriptions, so that `check-dataset` compares two sources. Runs have few voxels. Visual ones follow
a series of random numbers (:func:`course`), of which the volumes of a window are recognised.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np

from mindvideo.dataset import Dataset
from mindvideo.demo.rest import layout
from mindvideo.descriptions import read_dataset
from mindvideo.fmri.atlas import grayordinates
from mindvideo.io.cifti import write_dtseries
from tests.purdue import ffmpeg, write_film

HCP_RUNS = {
    "tfMRI_MOVIE1_7T_AP": 921,
    "tfMRI_MOVIE2_7T_PA": 918,
    "tfMRI_MOVIE3_7T_PA": 915,
    "tfMRI_MOVIE4_7T_AP": 901,
}
"""Volumes of each run; its film is as many seconds long."""
HCP_BLOCKS = {
    1: ((481, 6338), (6819, 12138), (12619, 17131), (17613, 19142), (19623, 21624)),
    2: ((481, 5922), (6404, 12609), (13090, 19071), (19551, 21552)),
    3: ((481, 4814), (5295, 9723), (10204, 15102), (15583, 19003), (19479, 21480)),
    4: ((481, 6056), (6537, 12053), (12534, 18658), (19143, 21144)),
}
"""First and last frame of each block of the films at 24 frames/s; the last block is the repeated
one."""
FORREST_VOLUMES = dict(zip("12345678", (451, 441, 438, 488, 462, 439, 542, 338)))
FORREST_SECONDS = dict(zip("12345678", (902, 882, 876, 976, 924, 878, 1084, 675.04)))
CINEBRAIN_SECONDS = 1080
ALGONAUTS_VOLUMES = {"bourne01": 405, "default": 400}
"""The length of one run is in the documents; the others are of about 10 min."""
N_PARCELS, N_VISUAL = 1000, 20
SEEING, OTHERS = "V1", "4"
"""The areas of the grayordinates of a run: visual and motor cortex."""
EVERY = 8
"""Every eighth of their grayordinates is in a run."""
OCCIPITAL = np.array([[4, 0, 0, -24], [0, 4, 0, -100], [0, 0, 4, -12], [0, 0, 0, 1.0]])
"""A grid in the occipital lobe, of 4 mm (affine)."""
SHAPE = (12, 5, 6)


def described(name: str, **changes) -> Dataset:
    """A shipped description, or one that builds on it."""
    shipped = {"like": f"config/datasets/{name}.yaml"}
    return Dataset.model_validate(read_dataset(shipped | changes, "test"))


def course(segment: str, n: int) -> np.ndarray:
    """What visual areas do during a segment, (n,)."""
    return random(segment).standard_normal(n, dtype=np.float32)


def random(name: str) -> np.random.Generator:
    """Random numbers that depend on a name."""
    return np.random.default_rng([ord(letter) for letter in name])


def write_dense(path: Path, signal: np.ndarray, tr: float) -> None:
    """Write a run on some grayordinates of two areas; those of V1 have a signal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seeing = grayordinates([SEEING])[::EVERY]
    used = np.sort(np.concatenate([seeing, grayordinates([OTHERS])[::EVERY]]))
    values = random(path.name).standard_normal((len(signal), len(used)), dtype=np.float32)
    values[:, np.isin(used, seeing)] += signal[:, None]
    write_dtseries(path, 10_000 + 100 * values, layout()[used], tr)


def write_volumes(path: Path, signal: np.ndarray, tr: float) -> None:
    """Write a run on a few voxels of the occipital lobe, in MNI space, and its mask beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = random(path.name).standard_normal((*SHAPE, len(signal)))
    image = nib.Nifti1Image((1000 + 20 * (signal + noise)).astype(np.int16), OCCIPITAL)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((4, 4, 4, tr))
    nib.save(image, path)
    mask = path.with_name(path.name.replace("desc-preproc_bold", "desc-brain_mask"))
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.uint8), OCCIPITAL), mask)


def write_confounds(path: Path, n: int) -> None:
    """Write a table of confounds of n volumes, with one column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["trans_x", *["0.1"] * n]) + "\n")


def write_hcp(folder: Path, dataset: Dataset) -> None:
    for path in {run.path for run in dataset.all_rows}:
        name = Path(path).parent.name
        write_dense(folder / path, course(name, HCP_RUNS[name]), dataset.tr)
    films = {dataset.film_path(segment): segment for segment in dataset.segments}
    lengths = {str(i): n for i, n in enumerate(HCP_RUNS.values(), start=1)}
    write_films(folder, {film: lengths[re.search(r"MOVIE(\d)", film)[1]] for film in films}, 24)


def touch_hcp(folder: Path) -> None:
    """The name of a run for pre-training, without content."""
    run = "rfMRI_REST1_LR"
    path = f"{folder}/HCP_1200/100307/MNINonLinear/Results/{run}/{run}_Atlas_MSMAll_hp2000_clean"
    Path(f"{path}.dtseries.nii").parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.dtseries.nii").touch()


def write_forrest(folder: Path, dataset: Dataset) -> None:
    for run in dataset.all_rows:
        n = FORREST_VOLUMES[run.segment]
        write_volumes(folder / run.path, course(run.segment, n), dataset.tr)
        write_confounds(folder / run.confounds, n)
    films = {dataset.film_path(s): FORREST_SECONDS[s] for s in dataset.segments}
    write_films(folder, films, 25)


def cinebrain_onset(segment: str) -> float:
    """When a film starts [s], within a volume. The true times are not in the documents."""
    return 8 + 0.13 * int(segment)


def write_cinebrain(folder: Path, dataset: Dataset) -> None:
    """Write runs with 20 s besides their film: the true number of volumes was not found."""
    n = round((CINEBRAIN_SECONDS + 20) / dataset.tr)
    for run in dataset.all_rows:
        write_dense(folder / run.path, course(run.segment, n), dataset.tr)
        write_confounds(folder / run.confounds, n)
        events = folder / run.events
        events.parent.mkdir(parents=True, exist_ok=True)
        movie = f"{cinebrain_onset(run.segment)}\t{CINEBRAIN_SECONDS}\tmovie"
        events.write_text(f"onset\tduration\ttrial_type\n{movie}\n")
    films = {dataset.film_path(s): CINEBRAIN_SECONDS for s in dataset.segments}
    write_films(folder, films, 24)


def write_algonauts(folder: Path, dataset: Dataset) -> None:
    for run in dataset.all_rows:
        file, _, key = run.path.partition("::")
        n = ALGONAUTS_VOLUMES.get(run.segment, ALGONAUTS_VOLUMES["default"])
        write_parcels(folder / file, key, course(run.segment, n))
    films = map(dataset.film_path, dataset.segments)
    write_films(folder, dict.fromkeys(films, ALGONAUTS_VOLUMES["default"] * dataset.tr), 30)


def write_parcels(path: Path, key: str, signal: np.ndarray) -> None:
    """Add an array (n_volumes, 1,000 parcels) to an HDF5 file; the visual parcels have a signal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = random(key).standard_normal((len(signal), N_PARCELS), np.float32)
    values[:, :N_VISUAL] += signal[:, None]
    with h5py.File(path, "a") as file:
        file[key] = values


def write_parcel_names(path: Path) -> None:
    """The names of the parcels in the form of the atlas: number, name, colour."""
    names = [f"7Networks_LH_Vis_{i}" for i in range(1, N_VISUAL + 1)]
    names += [f"7Networks_RH_Default_PFC_{i}" for i in range(1, N_PARCELS - N_VISUAL + 1)]
    rows = [f"{i}\t{name}\t120\t18\t{i % 256}\t0" for i, name in enumerate(names, start=1)]
    path.write_text("\n".join(rows) + "\n")


def write_films(folder: Path, seconds: dict[str, float], fps: float) -> None:
    """Write films of some lengths; they differ in their titles."""
    longest = write_film(folder / "longest.mp4", max(seconds.values()), fps)
    for path, length in seconds.items():
        film = folder / path
        film.parent.mkdir(parents=True, exist_ok=True)
        title = ("-metadata", f"title={film.stem}")
        ffmpeg("-i", str(longest), "-t", f"{length:g}", "-c", "copy", *title, str(film))
    longest.unlink()
