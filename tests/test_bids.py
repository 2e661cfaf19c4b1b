"""Tables of runs from BIDS derivatives: sessions, tasks, runs, spaces, and what is ambiguous."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from mindvideo.cli import main
from mindvideo.config import load_config
from mindvideo.io.maps import read_labels
from mindvideo.run_table import read_runs
from mindvideo.settings.fmri import CleanSettings, RegionSettings
from mindvideo.stages import clean, regions

FMRIPREP = Path("derivatives/fmriprep")
NATIVE = "space-T1w"


@pytest.fixture(scope="session")
def whole(derivatives, tmp_path_factory):
    """Two subjects, two sessions, three tasks, volumes and grayordinates."""
    return derivatives.write_tree(tmp_path_factory.mktemp("bids") / FMRIPREP).parents[1]


@pytest.fixture
def tree(whole, tmp_path, monkeypatch):
    """A copy to be changed, which is the working folder."""

    def place(source: str, target: str) -> None:
        large = source.endswith(".dtseries.nii")
        (os.symlink if large else shutil.copy)(source, target)

    shutil.copytree(whole, tmp_path, dirs_exist_ok=True, copy_function=place)
    monkeypatch.chdir(tmp_path)
    return tmp_path / FMRIPREP


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return FMRIPREP


@pytest.fixture
def table(capsys):
    """The rows that the command writes, and what it says beside them."""

    def call(*options: str, folder: Path = FMRIPREP):
        status = main(["runs", "--bids", str(folder), *options])
        written = capsys.readouterr()
        assert status == 0, written.err
        Path("runs.tsv").write_text(written.out)
        return read_runs(Path("runs.tsv")), written.err

    return call


@pytest.fixture
def refused(capsys):
    def call(*options: str, folder: Path = FMRIPREP) -> str:
        assert main(["runs", "--bids", str(folder), *options]) == 1
        written = capsys.readouterr()
        assert not written.out
        return written.err

    return call


def keys(rows):
    return [f"{run.subject} {run.segment}_{run.repetition}" for run in rows]


def splits(rows):
    return {run.segment: run.split for run in rows}


# --- the whole way --------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["MNI152NLin2009cAsym", "fsLR"])
def test_from_a_folder_to_cleaned_runs(tree, table, purdue, capsys, space):
    Path("stimuli").mkdir()
    for segment, picture in (("film1", "testsrc"), ("film2", "testsrc2"), ("test1", "rgbtestsrc")):
        purdue.write_film(Path(f"stimuli/{segment}.mp4"), 34, 30, f"{picture}=s=16x16")
    options = ("--space", space, "--lag", "2", "--film", "stimuli/{segment}.mp4")
    rows, said = table(*options)
    assert keys(rows) == [
        f"{subject} {segment}_{repetition}"
        for subject in ("01", "02")
        for segment in ("film1", "film2", "test1")
        for repetition in (1, 2)
    ]
    assert "guessed: segments whose names start with test" in said
    first = rows[1]
    assert (first.split, rows[4].split, first.tr) == ("train", "test", 2)
    assert (first.drop_start, first.clips, first.drop_end) == (2, 17, 1)  # of 20; a film of 34 s
    assert first.path.startswith("derivatives/fmriprep/sub-01/ses-2/func/sub-01_ses-2_task-film1_s")
    assert first.confounds.endswith("sub-01_ses-2_task-film1_desc-confounds_timeseries.tsv")
    cifti = space == "fsLR"
    assert (first.mask is None) == cifti

    config = yaml.safe_load(said[said.index("# A configuration of this data set") :])
    assert set(config) == {"results", "pretraining_data", "dataset"}
    assert set(config["dataset"]) == {"name", "lag", "runs", "space"}
    assert "the onset of films is unknown (film1, film2, test1): films are assumed" in said
    config |= {"clean": {"confounds": ["csf", "outliers"]}, "results": "found"}
    config["pretraining_data"] = str(Path(__file__).parents[1] / "config/datasets/hcp1200.yaml")
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert main(["check-dataset", "config.yaml", "--only", "dataset"]) == 0
    findings = re.findall("(error|warning): (.*)", capsys.readouterr().out)
    assert {level for level, _ in findings} == {"warning"}
    assert all("use more test segments" in message for _, message in findings), findings

    dataset = load_config(Path("config.yaml")).dataset
    end = ".dlabel.nii" if cifti else ".nii.gz"
    masks = [Path(mask) for mask in dataset.mask_paths("01")]
    areas = Path(f"regions{end}")
    regions.main(
        run=Path(dataset.rows[0].path),
        masks=masks,
        regions=areas,
        networks=Path(f"networks{end}"),
        settings=RegionSettings(space=dataset.space, max_distance=20),
    )
    labelled = read_labels(areas)[1].mask
    if not cifti:
        assert len(masks) == 4
        for mask in masks:
            assert not labelled[np.asarray(nib.load(mask).dataobj) == 0].any()
    clean.main(
        runs=[Path(path) for path in dataset.run_paths("01", "film1")],
        regions=areas,
        confounds=[Path(path) for path in dataset.confound_paths("01", "film1")],
        cleaned=Path("film1.npy"),
        tsnr=Path("tsnr.dscalar.nii" if cifti else "tsnr.nii.gz"),
        table=Path("film1_runs.tsv"),
        settings=CleanSettings(
            tr=dataset.tr,
            timing=[run.timing for run in dataset.runs_of("01", "film1")],
            n_volumes=dataset.n_clips("film1"),
            confounds=["csf", "outliers"],
            detrend_order=1,
        ),
    )
    assert np.load("film1.npy").shape == (2, 17, labelled.sum())


# --- sessions, tasks, runs ------------------------------------------------------------------------


def test_repetitions_are_numbered_over_sessions_and_runs(derivatives, empty, table):
    for name in (
        "sub-1_ses-2_task-a_run-01",
        "sub-1_ses-10_task-a_run-1",
        "sub-1_ses-2_task-a_run-2",
        "sub-1_ses-2_task-test_run-1",
        "sub-2_task-a_run-10",  # no sessions, as other subjects have
        "sub-2_task-a_run-9",
        "sub-2_task-test",
    ):
        derivatives.write_run(empty, name, n=5)
    rows, _ = table()
    assert {
        key: Path(run.path).name.partition("_space")[0] for key, run in zip(keys(rows), rows)
    } == {
        "1 a_1": "sub-1_ses-2_task-a_run-01",
        "1 a_2": "sub-1_ses-2_task-a_run-2",
        "1 a_3": "sub-1_ses-10_task-a_run-1",
        "1 test_1": "sub-1_ses-2_task-test_run-1",
        "2 a_1": "sub-2_task-a_run-9",
        "2 a_2": "sub-2_task-a_run-10",
        "2 test_1": "sub-2_task-test",
    }
    assert all(run.confounds for run in rows)


def test_films_that_are_runs_of_one_task(derivatives, empty, table, refused):
    for session in "12":
        for run in ("01", "02", "3"):
            derivatives.write_run(empty, f"sub-1_ses-{session}_task-movie_run-{run}", n=5)
    assert "found: movie. Name the test segments with --test" in refused()
    assert "If a task has several films, use --segment task+run" in refused()
    rows, _ = table("--segment", "task+run", "--test", "movie-3")
    assert keys(rows) == [f"1 movie-{n}_{repetition}" for n in (1, 2, 3) for repetition in (1, 2)]
    assert [run.split for run in rows] == ["train"] * 4 + ["test"] * 2
    assert "needs acq- in each name" in refused("--segment", "task+acq")
    rows, _ = table("--segment", "session", "--test", "2")
    assert keys(rows)[:3] == ["1 1_1", "1 1_2", "1 1_3"]


def test_which_segments_are_for_training_and_test(tree, table, refused, derivatives):
    derivatives.write_run(tree, "sub-01_ses-1_task-rest")
    space = ("--space", "MNI152NLin2009cAsym")
    rows, said = table(*space)
    assert {run.segment for run in rows} == {"film1", "film2", "test1"}
    assert "left out: rest" in said
    rows, said = table(*space, "--test", "film2")
    assert {r.segment: r.split for r in rows} == {
        "film1": "train",
        "test1": "train",
        "film2": "test",
    }
    assert "guess" not in said
    rows, _ = table(*space, "--train", "film*")
    assert {r.segment: r.split for r in rows} == {
        "film1": "train",
        "film2": "train",
        "test1": "test",
    }
    rows, said = table(*space, "--train", "film1", "--test", "test*", "rest")
    assert {run.segment for run in rows} == {"film1", "test1", "rest"}
    assert "left out: film2" in said
    assert "--test fillm* matches no segment; found: film1, film2, rest, test1" in refused(
        *space, "--test", "fillm*"
    )
    assert "--train and --test both match film2" in refused(*space, "--train", "f*", "--test", "*2")
    assert "found: film1, film2. Name the test segments with --test" in refused(
        *space, "--task", "film*"
    )


def test_only_some_runs(tree, table, refused):
    space = ("--space", "fsLR")
    rows, _ = table(*space, "--only", "ses-2", "sub-02")
    assert keys(rows) == ["02 film1_1", "02 film2_1", "02 test1_1"]
    rows, _ = table(*space, "--only", "sub-0[1-9]", "--task", "film1", "test1")
    assert len(rows) == 8
    assert "no run has ses-3; found: ses-1, ses-2" in refused(*space, "--only", "ses-3")
    assert "no run has acq-mb; found: none" in refused(*space, "--only", "acq-mb")
    assert "expected ENTITY-LABEL" in refused(*space, "--only", "ses")


# --- spaces and versions --------------------------------------------------------------------------


def test_several_spaces_are_listed(tree, table, refused, derivatives):
    derivatives.write_run(tree, "sub-01_ses-1_task-film1", [f"{derivatives.MNI}_res-2", NATIVE, ""])
    said = refused()
    for space in (
        "MNI152NLin2009cAsym (NIfTI, 12 runs)",
        "MNI152NLin2009cAsym:res-2 (NIfTI, 1 runs)",
        "T1w (NIfTI, 1 runs)",
        "fsLR:den-91k (CIFTI, 12 runs)",
        "func (NIfTI, 1 runs)",
    ):
        assert space in said
    assert "no runs in the space MNI152NLin6Asym; found" in refused("--space", "MNI152NLin6Asym")
    assert len(table("--space", "MNI152NLin2009cAsym")[0]) == 12
    assert len(table("--space", "fsLR:den-91k")[0]) == 12
    derivatives.write_run(tree, "sub-01_ses-1_task-test1", [NATIVE, ""])
    for space in ("T1w", "func"):
        rows, said = table("--space", space)
        assert all(run.mask for run in rows)
        assert "regions: { atlas: false }" in said


def test_two_versions_of_one_recording(derivatives, empty, table, refused):
    for task in ("a", "test"):
        for rec in ("moco", "raw"):
            derivatives.write_run(empty, f"sub-1_task-{task}_rec-{rec}", n=5)
    said = refused()
    assert "are the same recording. Choose: --only rec-moco or rec-raw" in said
    assert len(table("--only", "rec-moco")[0]) == 2
    shutil.rmtree(empty)
    for task in ("a", "test"):
        derivatives.write_run(empty, f"sub-1_task-{task}", n=5)
        derivatives.write_run(empty, f"sub-1_task-{task}_echo-01", n=5)
    assert "--only echo- or echo-1" in refused()
    rows, _ = table("--only", "echo-")
    assert not any("echo" in run.path for run in rows)
    rows, _ = table("--only", "echo-1")
    assert [Path(run.confounds).name for run in rows] == [
        f"sub-1_task-{task}_desc-confounds_timeseries.tsv" for task in ("a", "test")
    ]


def test_folders_without_preprocessed_runs(tree, refused, tmp_path):
    assert "no such folder" in refused(folder=Path("derivative"))
    assert "no runs found" in refused(folder=Path())
    assert "Did you mean derivatives/fmriprep?" in refused(folder=Path())
    func = Path("sub-01/func")
    func.mkdir(parents=True)
    (func / "sub-01_task-film1_bold.nii.gz").touch()
    said = refused(folder=Path())
    assert "no preprocessed runs (desc-preproc); found: raw." in said
    assert "Did you mean derivatives/fmriprep?" in said
    surfaces = Path("surfaces/sub-01/func")
    surfaces.mkdir(parents=True)
    (surfaces / "sub-01_task-film1_space-fsaverage5_hemi-L_bold.func.gii").touch()
    assert "--cifti-output 91k" in refused(folder=Path("surfaces"))
    (func / "sub-01_task-film-1_desc-preproc_bold.nii.gz").touch()
    assert "'task-film-1' in this name is not an entity-label" in refused(folder=Path())


# --- times ----------------------------------------------------------------------------------------


def test_the_repetition_time_is_the_sidecars_or_inherited(derivatives, empty, table, refused):
    for task in ("a", "test"):
        derivatives.write_run(empty, f"sub-1_ses-1_task-{task}_run-01", n=5, tr=None)
    rows, said = table()
    assert rows[0].tr is None
    assert "no JSON file has RepetitionTime" in said
    assert "  tr: … #" in said
    Path("dataset_description.json").write_text("{}")
    Path("task-a_bold.json").write_text(json.dumps({"RepetitionTime": 1.5}))
    rows, _ = table()
    assert [run.tr for run in rows] == [1.5, 1.5]
    near = Path("sub-1/ses-1/func/sub-1_ses-1_task-a_run-1_bold.json")
    near.parent.mkdir(parents=True)
    near.write_text(json.dumps({"RepetitionTime": 0.8}))
    assert table()[0][0].tr == 0.8
    Path("task-test_bold.json").write_text(json.dumps({"RepetitionTime": 1.49}))
    said = refused()
    assert "all runs need the same repetition time; found 0.8 s" in said
    assert "1.49 s" in said
    near.write_text("{")
    assert "cannot be read as JSON" in refused()


def test_a_film_that_starts_later_by_the_events(derivatives, empty, table, refused):
    for task, n in (("a", 20), ("b", 25), ("test", 20)):
        for run in (1, 2):
            derivatives.write_run(empty, f"sub-1_task-{task}_run-{run}", n=n)
    Path("dataset_description.json").write_text("{}")
    Path("task-a_events.tsv").write_text("onset\tduration\n6.01\t20\n")
    Path("task-b_events.tsv").write_text(
        "onset\tduration\tstim_file\n0\t4\tcross.png\n5\t30\tb.mp4\n40\t4\tn/a\n"
    )
    Path("task-test_events.tsv").write_text("onset\tduration\n0\t2\n9\t2\n")
    rows, said = table("--lag", "2")
    kept = {run.segment: (run.drop_start, run.clips, run.drop_end) for run in rows}
    assert kept == {"a": (5, 15, 0), "b": (4, 21, 0), "test": (2, 18, 0)}
    assert "5 dropped at the start, 15 kept, 0 dropped at the end (a)" in said
    assert "4 dropped at the start, 21 kept, 0 dropped at the end (b)" in said
    assert "b: its film, and so its clips, start +1 s from the start of a volume" in said
    assert "a: its film" not in said
    assert "the onset of films is unknown (test): films are assumed" in said
    rows, said = table("--drop-start", "1", "--drop-end", "3")
    assert "film_onset: { default: 2 } # [s]" in said
    assert "the onset of films" not in said
    assert {(run.drop_start, run.drop_end) for run in rows} == {(1, 3)}
    Path("sub-1/func").mkdir(parents=True)
    Path("sub-1/func/sub-1_task-a_run-2_events.tsv").write_text("onset\tduration\n8.2\t20\n")
    assert "a: its film starts after 6.01 s (" in refused()
    assert "nothing is left" in refused("--drop-start", "18", "--lag", "2")


def test_runs_of_other_lengths_and_runs_that_cannot_be_read(derivatives, empty, table):
    for run, n in enumerate((20, 18, 20), 1):
        for task in ("a", "test"):
            derivatives.write_run(empty, f"sub-1_task-{task}_run-{run}", n=n)
    rows, said = table()
    assert {run.clips for run in rows} == {20}
    assert "a: 1 of 3 runs do not have 20 volumes: derivatives/" in said
    assert "run-2_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz has 18" in said
    for path in empty.glob("sub-1/func/*task-a*_bold.nii.gz"):
        path.unlink()
        path.symlink_to("../.git/annex/objects/key")
    for path in empty.glob("sub-1/func/*task-a_run-[12]*_timeseries.tsv"):
        path.unlink()
    rows, said = table()
    assert {run.segment: run.clips for run in rows} == {"a": None, "test": 20}
    assert "3 runs cannot be read" in said
    assert "a: no run can be read" in said
    assert "2 of 6 runs have no table of confounds" in said


def test_a_film_says_how_many_clips_there_are(derivatives, empty, table, purdue, refused):
    for task in ("a", "test"):
        derivatives.write_run(empty, f"sub-1_task-{task}", n=20, tr=1.5)
    purdue.write_film(Path("a.mp4"), 18, 30)
    rows, _ = table("--film", "{segment}.mp4")
    kept = {run.segment: (run.clips, run.drop_end, run.film) for run in rows}
    assert kept == {"a": (12, 8, "a.mp4"), "test": (20, 0, "test.mp4")}
    rows, _ = table("--film", "{segment}.mp4", "--drop-end", "1")
    assert {run.clips for run in rows} == {19}
    assert "--film: '{task}.mp4' has {task}; {segment} can be filled in" in refused(
        "--film", "{task}.mp4"
    )


def test_a_configuration_or_a_folder(tree, capsys):
    assert main(["runs"]) == 1
    assert "no such file: config/config.yaml" in capsys.readouterr().err
    assert main(["runs", "config.yaml", "--bids", "."]) == 1
    assert "give either" in capsys.readouterr().err
    assert main(["runs", "config.yaml", "--lag", "2", "--drop-start", "1"]) == 1
    assert "--drop-start, --lag: only with --bids FOLDER" in capsys.readouterr().err
