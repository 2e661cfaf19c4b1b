"""Descriptions of public data sets, on trees of their names and lengths, from files to windows."""

import math
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mindvideo.cli import main
from mindvideo.config import load_config
from mindvideo.descriptions import read_dataset
from mindvideo.run_table import read_runs
from tests import public
from tests.docs.pages import ROOT
from tests.workflow.conftest import Checkout

PAGE = ROOT / "docs/how-to/public-data.md"
FRAMES_PER_SECOND = 24


def test_the_hcp_table_is_the_blocks_of_the_films():
    rows = {
        (r.segment, r.repetition): r for r in read_runs(ROOT / "config/datasets/hcp7t-movies.tsv")
    }
    film_start = yaml.safe_load((ROOT / "config/datasets/hcp7t-movies.yaml").read_text())[
        "film_start"
    ]
    n_train = 0
    for movie, blocks in public.HCP_BLOCKS.items():
        n_volumes = list(public.HCP_RUNS.values())[movie - 1]
        for number, (first, last) in enumerate(blocks, start=1):
            retest = number == len(blocks)
            run = rows["retest", movie] if retest else rows[f"movie{movie}-{number}", 1]
            drop = math.ceil((first - 1) / FRAMES_PER_SECOND)
            clips = math.floor((last / FRAMES_PER_SECOND - drop) / 2)
            assert (run.drop_start, run.clips) == (drop, 41 if retest else clips)
            assert run.drop_start + 2 * run.clips + run.drop_end == n_volumes
            if not retest or movie == 1:
                assert film_start.get(run.segment, film_start["default"]) == drop
            n_train += 0 if retest else run.clips
    assert n_train == 1432
    # All of the repeated blocks start at the same fraction of a second.
    starts = [blocks[-1][0] - 1 for blocks in public.HCP_BLOCKS.values()]
    assert len({start % FRAMES_PER_SECOND for start in starts}) == 1


def test_no_clip_of_the_forrest_test_segment_is_in_the_training_films():
    dataset = public.described("studyforrest")
    ends = 5342.36 + public.FORREST_SECONDS["7"]  # of film 7, in the whole film
    assert 6410.44 + dataset.film_start["8"] >= ends
    assert dataset.film_start["8"] == dataset.runs_of("01", "8")[0].drop_start * dataset.tr
    assert 329 == math.floor((675.04 - 16) / 2) == dataset.n_clips("8")
    assert {s: dataset.n_clips(s) for s in dataset.train} == {
        s: public.FORREST_SECONDS[s] / 2 for s in dataset.train
    }


def test_cinebrain_has_the_clips_of_its_paper():
    dataset = public.described("cinebrain")
    n = {split: sum(map(dataset.n_clips, getattr(dataset, split))) for split in ("train", "test")}
    assert n == {"train": 4860, "test": 540}
    assert public.described("cinebrain-s11").film_path("20") == "CineBrain/films-s11/run-20.mp4"


def test_the_algonauts_runs_are_those_of_movie10():
    dataset = public.described("algonauts2025")
    assert len(dataset.rows) == 61
    assert len(dataset.train) == 10 + 17
    assert {len(dataset.runs_of("01", s)) for s in dataset.test} == {2}


# --- from the files to the windows ----------------------------------------------------------------

FEW = {
    "hcp7t": ("hcp7t-movies", "135124", ["movie1-1", "movie1-4", "movie2-1"], ["retest"]),
    "studyforrest": ("studyforrest", "01", ["1", "7"], ["8"]),
    "cinebrain": ("cinebrain", "sub1", ["1", "2"], ["19"]),
    "algonauts2025": ("algonauts2025", "01", ["bourne01", "wolf17"], ["life01"]),
}
"""Description, subject, and the segments that are written."""
WRITERS = {
    "hcp7t": public.write_hcp,
    "studyforrest": public.write_forrest,
    "cinebrain": public.write_cinebrain,
    "algonauts2025": public.write_algonauts,
}
WINDOWS = {
    # clips, volumes of a window. The last clips have too few volumes if no volume follows.
    "hcp7t": ((122 + 31 + 113, 4), (41, 4)),
    "studyforrest": ((451 + 542 - 2 * 3, 2), (329 - 2, 2)),
    "cinebrain": ((2 * 270, 5), (270, 5)),
    "algonauts2025": ((2 * 190, 3), (190, 3)),
}


def volumes_of(name: str, segment: str) -> list[tuple[str, float]]:
    """The course of a segment's runs, and the position in it of the first volume of clip 0.

    The position is the time of the film's first frame, in volumes, plus 4 s (Algonauts: 4.47 s).
    """
    if name == "hcp7t":
        _, second = runs = "tfMRI_MOVIE1_7T_AP", "tfMRI_MOVIE2_7T_PA"
        if segment == "retest":  # frames 19623 of the first film, 19551 of the second
            return [(run, math.ceil(n / 24) + 4) for run, n in zip(runs, (19622, 19550))]
        first = {
            "movie1-1": (480, runs[0]),
            "movie1-4": (17612, runs[0]),
            "movie2-1": (480, second),
        }
        frames, run = first[segment]
        return [(run, math.ceil(frames / 24) + 4)]
    if name == "studyforrest":  # the first 16 s of film 8 are left out
        return [(segment, 2 + (8 if segment == "8" else 0))]
    if name == "cinebrain":
        return [(segment, public.cinebrain_onset(segment) / 0.8 + 5)]
    return [(segment, 3)]


SAID = {
    "hcp7t": [
        "movie1-4: clip 0 (film 734–736 s) ← volumes 738–741 of 921 (recorded 738–742 s after the "
        "run's start, 4–8 s after the clip's onset)",
        "retest: clip 0 (film 818–820 s) ← volumes 819–822 of 918",
        "volumes: 921 or 918 or 915 or 901",
        "Nothing is missing or unusual",
    ],
    "studyforrest": [
        "8: clip 0 (film 16–18 s) ← volumes 10–11 of 338 (recorded 20–24 s after the run's start, "
        "4–8 s after the clip's onset); the last 2 clips are left out",
        "warning: the last 3 of 451 clips are left out",
        "3 warnings",
    ],
    "cinebrain": [
        "clip 0 (film 0–4 s) ← 5 volumes from the onset of its event on, 5 volumes later (4–8 s "
        "after the clip's onset)",
        "Nothing is missing or unusual",
    ],
    "algonauts2025": [
        "clip 0 (film 0–2.98 s) ← volumes 3–5 (recorded 4.47–8.94 s after the run's start, "
        "4.47–8.94 s after the clip's onset)",
        "warning: the film lasts 596.00 s, its runs 566.2 s: its end is not used",
        "3 warnings",
    ],
}
"""What the check says."""
STEP = {"hcp7t": 2, "studyforrest": 1, "cinebrain": 5, "algonauts2025": 2}
"""Volumes from one clip to the next."""


def expected(name: str, clips: pd.DataFrame, size: int, later: int = 0) -> np.ndarray:
    """What visual voxels have in windows, (n_clips, size); or in those of so many volumes later."""
    rows = []
    for segment, of_segment in clips.groupby("segment", sort=False):
        positions = of_segment["clip"].to_numpy()[:, None] * STEP[name] + np.arange(size) + later
        runs = []
        for run, start in volumes_of(name, str(segment)):
            course = public.course(run, 2000)
            runs.append(np.interp(start + positions, np.arange(len(course)), course))
        rows.append(np.mean(runs, axis=0))
    return np.concatenate(rows)


def few(folder: Path, name: str) -> dict:
    """A description with few segments of one subject, whose table is written if it has one.

    Its promises are those of the lengths of runs: files of few grayordinates are written.
    """
    like, subject, train, test = FEW[name]
    path = f"config/datasets/{like}.yaml"
    values = read_dataset(path, "test")
    volumes = values["expect"].get("volumes", {})
    of_few = {segment: n for segment, n in volumes.items() if segment in [*train, *test]}
    few = {"like": path, "expect": {"volumes": of_few, "grid": None, "clips": {}, "runs": None}}
    if not values.get("runs"):
        subjects = {subject: values["subjects"][subject]}
        return few | {"subjects": subjects, "train": train, "test": test}
    table = pd.read_csv(ROOT / f"config/datasets/{like}.tsv", sep="\t", dtype=str)
    kept = table[(table.subject == subject) & table.segment.isin([*train, *test])]
    if name == "hcp7t":  # two of the four runs
        kept = kept[kept.path.str.contains("MOVIE[12]_7T")]
    kept.to_csv(folder / "few.tsv", sep="\t", index=False)
    return few | {"runs": "few.tsv"}


@pytest.fixture(scope="module", params=list(FEW))
def tree(request, tmp_path_factory):
    """A checkout with the configuration of a data set, and its runs and films."""
    name = request.param
    checkout = Checkout(tmp_path_factory.mktemp(name))
    before = Path.cwd()
    os.chdir(checkout.folder)
    try:
        if name == "algonauts2025":
            write_columns(checkout.folder)
        config = yaml.safe_load((checkout.folder / f"config/{name}.yaml").read_text())
        config["dataset"] = few(checkout.folder, name)
        Path("mine.yaml").write_text(yaml.safe_dump(config))
        dataset = public.described(FEW[name][0], **config["dataset"])
        WRITERS[name](checkout.folder, dataset)
        public.touch_hcp(checkout.folder)
        yield name, checkout, config
    finally:
        os.chdir(before)
        shutil.rmtree(checkout.folder)


def test_check_dataset_finds_no_error(tree, capsys):
    name, *_ = tree
    assert main(["check-dataset", "mine.yaml", "--only", "dataset"]) == 0
    said = capsys.readouterr().out
    assert "error" not in said
    for words in SAID[name]:
        assert words in said, said


def test_it_goes_from_its_files_to_the_windows_of_the_right_volumes(tree):
    name, checkout, config = tree
    subject = FEW[name][1]
    windows = f"{config['results']}/{subject}/windows"
    options = ("--configfile", "mine.yaml")
    done = checkout.snakemake(*options, "--", windows)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    for split, shape in zip(("train", "test"), WINDOWS[name]):
        values = np.load(checkout.folder / windows / f"{split}.npy", mmap_mode="r")
        clips = pd.read_csv(
            checkout.folder / windows / f"{split}.tsv", sep="\t", dtype={"segment": str}
        )
        assert values.shape[:2] == shape
        assert len(clips) == shape[0]
        assert np.isfinite(values).all()
        mean = values.mean(axis=2).ravel()
        for later, least, most in ((0, 0.9, 1), (1, -0.6, 0.6), (-1, -0.6, 0.6)):
            known = expected(name, clips, shape[1], later).ravel()
            assert least < np.corrcoef(mean, known)[0, 1] < most, (split, later)
    jobs = checkout.jobs(f"{config['results']}/{subject}/videos", options=options)
    assert jobs["contrastive"] == 1


# --- the page -------------------------------------------------------------------------------------


def block(heading: str) -> str:
    """The first block of Python on the page below a heading."""
    return (
        PAGE.read_text()
        .partition(f"### {heading}\n")[2]
        .partition("```python\n")[2]
        .partition("```")[0]
    )


def write_columns(folder: Path) -> None:
    """Run the page's code that writes the table of parcels."""
    public.write_parcel_names(folder / "Schaefer2018_1000Parcels_7Networks_order.txt")
    exec(block("The parcels"), {})


def test_the_page_writes_the_table_of_all_algonauts_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    func = Path("algonauts_2025.competitors/fmri/sub-01/func")
    stem = "sub-01_task-{}_space-MNI152NLin2009cAsym_atlas-Schaefer18_parcel-1000Par7Net_{}.h5"
    friends = func / stem.format("friends", "desc-s123456_bold")
    movies = func / stem.format("movie10", "bold")
    for path, key, n in (
        (friends, "ses-003_task-s01e01a", 482),
        (movies, "ses-001_task-bourne01", 405),
        (movies, "ses-006_task-life01_run-1", 401),
        (movies, "ses-006_task-life01_run-2", 404),
    ):
        public.write_parcels(path, key, np.zeros(n, np.float32))
    exec(block("All runs"), {})
    rows = {(r.segment, r.repetition): r for r in read_runs(Path("algonauts2025.tsv"))}
    # Clips have two volumes. The film of `life01` is as long as its shorter run.
    assert {key: (run.clips, run.drop_start, run.drop_end) for key, run in rows.items()} == {
        ("bourne01", 1): (202, 0, 1),
        ("life01", 1): (200, 0, 1),
        ("life01", 2): (200, 0, 4),
        ("s01e01a", 1): (241, 0, 0),
    }
    assert rows["s01e01a", 1].path == f"{friends}::ses-003_task-s01e01a"
    assert rows["s01e01a", 1].film.endswith("stimuli/movies/friends/s1/friends_s01e01a.mkv")
    assert rows["life01", 2].split == "test"
    # The last clip of 401 volumes whose window, from 3 volumes after it on, was recorded is 197.
    write_columns(Path())
    shutil.copytree(ROOT / "config", "config")
    config = yaml.safe_load(Path("config/algonauts2025.yaml").read_text())
    described = {"like": config["dataset"], "runs": "algonauts2025.tsv"}
    Path("mine.yaml").write_text(yaml.safe_dump(config | {"dataset": described}))
    dataset = load_config(Path("mine.yaml")).dataset
    assert dataset.n_clips("life01") == 198
    assert {dataset.left_out(segment) for segment in dataset.segments} == {2}


def test_the_page_writes_the_events_of_cinebrain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Path("CineBrain/sub_0001/beh_data/sub_0001_3.csv")
    table.parent.mkdir(parents=True)
    table.write_text("videoStartTime,videoStopTime\n8.25,1088.25\n")
    exec(block("When the films started"), {})
    events = Path("CineBrain/events/sub-0001_task-shape_run-3_events.tsv").read_text()
    assert events == "onset\tduration\ttrial_type\n8.25\t1080.0\tmovie\n"
