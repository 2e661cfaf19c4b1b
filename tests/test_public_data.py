"""Descriptions of public data sets, on trees of their names and lengths, from files to windows."""

import math
import os
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mindvideo.cli import main
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
    assert dataset.film_start["8"] == dataset.timing_of("8").drop_start * dataset.tr
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
WRITERS = {
    "hcp7t": public.write_hcp,
    "studyforrest": public.write_forrest,
    "cinebrain": public.write_cinebrain,
    "algonauts2025": public.write_algonauts,
}
WINDOWS = {
    # clips × volumes of a window × voxels; the last clips have no volumes if no volume follows
    "hcp7t": ((122 + 31 + 113, 4), (41, 4)),
    "studyforrest": ((451 + 542 - 2 * 3, 2), (329 - 2, 2)),
    "cinebrain": ((2 * 270, 5), (270, 5)),
    "algonauts2025": ((2 * 190, 3), (190, 3)),
}


def few(folder: Path, name: str) -> dict:
    """A description with few segments of one subject, whose table is written if it has one."""
    like, subject, train, test = FEW[name]
    values = read_dataset(f"config/datasets/{like}.yaml", "test")
    if not values.get("runs"):
        subjects = {subject: values["subjects"][subject]}
        return {
            **{"like": f"config/datasets/{like}.yaml", "subjects": subjects, "expect": {}},
            **{"train": train, "test": test},
        }
    table = pd.read_csv(ROOT / f"config/datasets/{like}.tsv", sep="\t", dtype=str)
    kept = table[(table.subject == subject) & table.segment.isin([*train, *test])]
    if name == "hcp7t":  # two of the four runs: each is a file of 170 MB
        kept = kept[kept.path.str.contains("MOVIE[12]_7T")]
    kept = kept.assign(path=kept.path.str.replace(".h5::", ".npz::"))  # see write_parcels
    kept.to_csv(folder / "few.tsv", sep="\t", index=False)
    return {"like": f"config/datasets/{like}.yaml", "runs": "few.tsv", "expect": {}}


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
        yield name, checkout, config
    finally:
        os.chdir(before)
        shutil.rmtree(checkout.folder)


def test_check_dataset_finds_nothing(tree, capsys):
    name, *_ = tree
    assert main(["check-dataset", "mine.yaml", "--only", "dataset"]) == 0
    said = capsys.readouterr().out
    assert "error" not in said
    assert FEW[name][1] in said


def test_it_goes_from_its_files_to_the_windows(tree):
    name, checkout, config = tree
    subject = FEW[name][1]
    windows = f"{config['results']}/{subject}/windows"
    options = ("--configfile", "mine.yaml")
    done = checkout.snakemake(*options, "--", windows)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    for split, shape in zip(("train", "test"), WINDOWS[name]):
        values = np.load(checkout.folder / windows / f"{split}.npy", mmap_mode="r")
        assert values.shape[:2] == shape
        assert values.shape[2] > 0
        assert np.isfinite(values).all()
        assert len(pd.read_csv(checkout.folder / windows / f"{split}.tsv", sep="\t")) == shape[0]
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
    friends, movies = (
        func / stem.format("friends", "desc-s123456_bold"),
        func / stem.format("movie10", "bold"),
    )
    public.write_parcels(friends, "ses-003_task-s01e01a", np.zeros(482, np.float32))
    public.write_parcels(movies, "ses-001_task-bourne01", np.zeros(405, np.float32))
    for run in (1, 2):
        public.write_parcels(movies, f"ses-006_task-life01_run-{run}", np.zeros(401, np.float32))
    hdf5 = types.SimpleNamespace(File=np.load)  # see write_parcels
    monkeypatch.setitem(sys.modules, "h5py", hdf5)
    exec(block("All runs"), {})
    rows = {(r.segment, r.repetition): r for r in read_runs(Path("algonauts2025.tsv"))}
    assert {key: run.clips for key, run in rows.items()} == {
        ("bourne01", 1): 202,
        ("life01", 1): 200,
        ("life01", 2): 200,
        ("s01e01a", 1): 241,
    }
    assert rows["s01e01a", 1].path == f"{friends}::ses-003_task-s01e01a"
    assert rows["s01e01a", 1].film.endswith("stimuli/movies/friends/s1/friends_s01e01a.mkv")
    assert rows["life01", 2].split == "test"


def test_the_page_writes_the_events_of_cinebrain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = Path("CineBrain/sub_0001/beh_data/sub_0001_3.csv")
    table.parent.mkdir(parents=True)
    table.write_text("videoStartTime,videoStopTime\n8.25,1088.25\n")
    exec(block("When the films started"), {})
    events = Path("CineBrain/events/sub-0001_task-shape_run-3_events.tsv").read_text()
    assert events == "onset\tduration\ttrial_type\n8.25\t1080.0\tmovie\n"
