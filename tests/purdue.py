"""A tree with all names, lengths and exceptions of the Purdue data set, and random values.

The tests use it with a few voxels. At full size, one subject's CIFTI runs take 7.7 GB and are made
in a few minutes; then the workflow can be tried on it from files to windows::

    python tests/purdue.py FOLDER --subjects sub1
    cd FOLDER && snakemake -s CHECKOUT/Snakefile --configfile config.yaml --cores 2 \\
        -- results/sub1/windows/train.npy
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import nibabel as nib
import numpy as np
import yaml

from mindvideo.dataset import Dataset
from mindvideo.demo.rest import layout
from mindvideo.descriptions import read_dataset
from mindvideo.fmri.atlas import grayordinates
from mindvideo.io.cifti import write_dtseries
from mindvideo.run import Run

ROOT = Path(__file__).parents[1]
SHAPE = (3, 4, 3)
GREY = "color=c=gray:s=16x16"


def described(space: str, **changes) -> Dataset:
    """The shipped description of the Purdue data set, or one that builds on it."""
    name = "wen2018" if space == "volume" else "wen2018-cifti"
    shipped = {"like": str(ROOT / f"config/datasets/{name}.yaml")}
    return Dataset.model_validate(read_dataset(shipped | changes, "test"))


def n_volumes(dataset: Dataset, run: Run) -> int:
    return dataset.n_shown(run.segment) + run.drop_start + run.drop_end


def write_tree(folder: Path, dataset: Dataset, seeing: Sequence[str] = ("V1",)) -> None:
    """Write all runs of a description, those excluded too, below a folder.

    What the areas of `seeing` do repeats with the film; all else is noise.
    """
    for number, run in enumerate(dataset.all_rows):
        path = folder / run.path
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        course = _course(run, n_volumes(dataset, run))
        partial = path.with_name("partial." + path.name)
        if dataset.space == "cifti":
            write_dtseries(partial, noisy(rng, course, seeing), layout(), dataset.tr)
        else:
            _write_volumes(partial, rng, course, dataset.tr)
        partial.rename(path)


def _course(run: Run, n: int) -> np.ndarray:
    """What all repetitions of a segment have in common."""
    seed = [ord(letter) for letter in run.subject + run.segment]
    return np.random.default_rng(seed).standard_normal(n, dtype=np.float32)


def _write_volumes(path: Path, rng: np.random.Generator, course: np.ndarray, tr: float) -> None:
    values = 1000 + 20 * rng.standard_normal((*SHAPE, len(course)))
    image = nib.Nifti1Image(values.astype(np.int16), np.diag([2.0, 2, 2, 1]))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((2, 2, 2, tr))
    nib.save(image, path)


def noisy(rng: np.random.Generator, course: np.ndarray, seeing: Sequence[str]) -> np.ndarray:
    """Grayordinates (n_volumes, 91,282) of noise, and of a course in some areas."""
    values = rng.standard_normal((len(course), len(layout())), dtype=np.float32)
    values[:, grayordinates(seeing)] += 2 * course[:, None]
    values *= 50
    values += 10_000
    return values


def write_films(folder: Path, dataset: Dataset, picture: str = GREY, filters: str = "null") -> None:
    """Write films of the right length and frame rate; they differ in their titles.

    `picture` is a source of ffmpeg's, without rate and duration.
    """
    first: Path | None = None
    for segment in dataset.segments:
        path = folder / dataset.film_path(segment)
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds, fps = dataset.n_clips(segment) * dataset.tr, dataset.fps_of(segment)
        first = first or write_film(folder / "film.mp4", seconds, fps or 30, picture, filters)
        ffmpeg("-i", str(first), "-c", "copy", "-metadata", f"title={segment}", str(path))


def write_film(
    path: Path, seconds: float, fps: float, picture: str = GREY, filters: str = "null"
) -> Path:
    source = f"{picture}:r={fps:g}:d={seconds:g}"
    coding = "-preset", "ultrafast", "-pix_fmt", "yuv420p"
    ffmpeg("-f", "lavfi", "-i", source, "-vf", filters, *coding, str(path))
    return path


def ffmpeg(*arguments: str) -> bytes:
    """Run ffmpeg; what it writes to `pipe:1`."""
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-v", "error", *arguments]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", nargs="+", default=["sub1"], metavar="NAME")
    parser.add_argument("--space", choices=["volume", "cifti"], default="cifti")
    arguments = parser.parse_args()
    every = described(arguments.space).subjects
    subjects = {name: every[name] for name in arguments.subjects}
    dataset = described(arguments.space, subjects=subjects)
    write_tree(arguments.folder, dataset)
    write_films(arguments.folder, dataset)
    values = dataset.model_dump(mode="json", exclude={"runs"})
    config = {
        "dataset": values,
        "pretraining_data": str(ROOT / "config/datasets/hcp1200.yaml"),
    }
    (arguments.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


if __name__ == "__main__":
    main()
