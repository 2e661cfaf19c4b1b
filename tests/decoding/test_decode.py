"""`mindvideo decode` of results: the bytes of the workflow; windows of a run; wrong inputs."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from mindvideo.cli import main
from mindvideo.decoding.folder import open_model
from mindvideo.decoding.model import load_windows
from mindvideo.decoding.run import windows_of_run
from mindvideo.errors import InputError
from mindvideo.io.films import read_pictures
from mindvideo.io.runs import write_run
from mindvideo.io.spaces import Grid

SEGMENTS = [("test1", 0), ("test2", 9)]
DROP = {"drop_start": 1, "drop_end": 2}


def decode(*words):
    assert main(["decode", *map(str, words)]) == 0


def refuse(capfd, *words):
    """What the command says when it refuses; it writes nothing."""
    assert main(["decode", *map(str, words)]) == 1
    return capfd.readouterr().err


def workflow(results, segment):
    return (results / f"reconstruction/{segment}.npy").read_bytes()


@pytest.mark.parametrize(("segment", "first"), SEGMENTS)
def test_windows_of_a_segment_give_the_bytes_of_the_workflow(results, tmp_path, segment, first):
    windows = results / f"windows/test/{segment}.npy"
    decode(results, windows, "--first", first, "--to", tmp_path / "clips")
    assert (tmp_path / "clips/clips.npy").read_bytes() == workflow(results, segment)


def test_the_number_of_a_clip_selects_its_noise(results, tmp_path):
    decode(results, results / "windows/test/test2.npy", "--to", tmp_path / "clips")
    assert (tmp_path / "clips/clips.npy").read_bytes() != workflow(results, "test2")


def test_one_window_is_enough(results, tmp_path):
    np.save(tmp_path / "one.npy", np.load(results / "windows/test/test1.npy")[3])
    decode(results, tmp_path / "one.npy", "--first", 3, "--to", tmp_path / "clips")
    (clip,) = np.load(tmp_path / "clips/clips.npy").astype(int)
    expected = np.load(results / "reconstruction/test1.npy")[3]
    assert np.abs(clip - expected).max() <= 1  # another batch may round otherwise


def test_each_clip_has_its_video_and_there_is_a_record(results, tmp_path):
    windows = results / "windows/test/test2.npy"
    decode(results, windows, "--fps", 4, "--seed", 3, "--to", tmp_path / "clips")
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    videos = [f"{number:04d}.mp4" for number in range(5)]
    assert names == [*videos, "clips.npy", "record.json"]
    assert read_pictures(tmp_path / "clips/0004.mp4").shape == (3, 128, 128, 3)
    record = json.loads((tmp_path / "clips/record.json").read_text())
    assert record["settings"]["seed"] == 3
    assert list(record["inputs"]) == [str(windows)]


@pytest.mark.parametrize(("option", "value"), [("--seed", 1), ("--guidance", 1), ("--steps", 3)])
def test_settings_can_be_changed(results, tmp_path, option, value):
    windows = results / "windows/test/test1.npy"
    decode(results, windows, option, value, "--to", tmp_path / "clips")
    assert (tmp_path / "clips/clips.npy").read_bytes() != workflow(results, "test1")


def test_the_workflow_may_have_run_in_another_folder_or_the_same(results, place, monkeypatch):
    """Paths in sidecars are relative to where Snakemake ran."""
    monkeypatch.chdir(place)
    there = open_model(results.relative_to(place))
    assert there.networks.samefile(results / "cotraining/model")
    monkeypatch.chdir("/")
    assert open_model(results).networks.samefile(results / "cotraining/model")


# --- runs -----------------------------------------------------------------------------------------


def test_a_run_has_the_windows_that_the_workflow_cuts(results, place):
    windows = windows_of_run(open_model(results), place / "runs/test1_1.nii.gz")
    np.testing.assert_array_equal(windows, np.load(results / "windows/test/test1.npy"))


def test_a_training_run_is_cleaned_as_in_the_workflow(results, place):
    windows = windows_of_run(open_model(results), place / "runs/seg2_2.nii.gz")
    columns = pd.read_csv(results / "selection/voxels.tsv", sep="\t")["column"]
    cleaned = np.load(results / "clean/seg2.npy")[1][:, columns]
    # Cleaned runs begin after the lag; the last window has a volume recorded after the film.
    assert len(cleaned) == len(windows) + 1
    np.testing.assert_array_equal(windows[:, 0, :30], cleaned[:-1])
    np.testing.assert_array_equal(windows[:, 1, :30], cleaned[1:])
    assert not windows[:, :, 30:].any()


def test_a_run_becomes_clips_and_a_film(results, place, tmp_path):
    decode(results, "--run", place / "runs/test1_1.nii.gz", "--to", tmp_path / "clips")
    assert (tmp_path / "clips/clips.npy").read_bytes() == workflow(results, "test1")
    assert len(read_pictures(tmp_path / "clips/film.mp4")) == 9 * 3


def test_the_volumes_that_are_kept_can_be_given(results, place):
    run = place / "runs/test1_1.nii.gz"
    assert len(windows_of_run(open_model(results), run, drop_start=3)) == 7
    with pytest.raises(InputError, match=r"12 volumes, of which 10 are before the film and 2"):
        windows_of_run(open_model(results), run, drop_start=10)
    with pytest.raises(InputError, match="neither can be negative"):
        windows_of_run(open_model(results), run, drop_end=-1)


def test_a_run_on_another_grid_is_refused(results, tmp_path):

    grid = Grid(np.diag([2.0, 2, 2, 1]), (5, 5, 5))
    write_run(
        tmp_path / "run.nii.gz", np.random.default_rng(0).random((*grid.shape, 12)), grid, 2.0, 0.1
    )
    with pytest.raises(InputError, match=r"run\.nii\.gz is on another grid than the regions"):
        windows_of_run(open_model(results), tmp_path / "run.nii.gz")


def copy_of(place, tmp_path):
    """Results that a test may change."""
    shutil.copytree(place, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy/results/sub1"


def edit(sidecar, **settings):
    content = json.loads(sidecar.read_text())
    content["settings"] |= settings
    sidecar.write_text(json.dumps(content))


def test_segments_that_were_trimmed_differently_need_options(place, tmp_path):
    results = copy_of(place, tmp_path)
    edit(results / "clean/test2.npy.json", timing=[{"drop_start": 2, "drop_end": 2}])
    model, run = open_model(results), place / "runs/test1_1.nii.gz"
    with pytest.raises(InputError, match=r"give the volumes .* --drop-start and --drop-end"):
        windows_of_run(model, run)
    windows = windows_of_run(model, run, **DROP)
    np.testing.assert_array_equal(windows, np.load(results / "windows/test/test1.npy"))


def test_confounds_are_needed_if_the_settings_name_them_and_refused_if_not(place, tmp_path):
    results, run = copy_of(place, tmp_path), place / "runs/test1_1.nii.gz"
    table = tmp_path / "confounds.tsv"
    noise = np.random.default_rng(0).normal(size=12)
    pd.DataFrame({"trans_x": noise}).to_csv(table, sep="\t", index=False)
    with pytest.raises(InputError, match="no confounds were regressed out"):
        windows_of_run(open_model(results), run, confounds=table)
    before = windows_of_run(open_model(results), run)
    for segment in ("test1", "test2"):
        edit(results / f"clean/{segment}.npy.json", confounds=["trans_x"])
    with pytest.raises(InputError, match="runs cleaned by trans_x: give the run's table"):
        windows_of_run(open_model(results), run)
    assert (windows_of_run(open_model(results), run, confounds=table) != before).any()


def test_without_regions_only_windows_are_decoded(place, tmp_path):
    results = copy_of(place, tmp_path)
    (results / "regions/regions.nii.gz").unlink()
    with pytest.raises(InputError, match="no settings of cleaning, regions and selected voxels"):
        windows_of_run(open_model(results), place / "runs/test1_1.nii.gz")
    decode(results, results / "windows/test/test2.npy", "--to", tmp_path / "clips")


# --- wrong inputs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 24), np.float32), "2 volumes × 24 voxels, but .* 2 volumes × 32 voxels"),
        (np.zeros((2, 1, 32), np.float32), "1 volumes × 32 voxels, but .* 2 volumes × 32 voxels"),
        (np.full((2, 32), np.nan, np.float32), "1 of 1 windows have values that are not finite"),
        (np.zeros((1, 1, 2, 32), np.float32), r"shape \(1, 1, 2, 32\); expected windows"),
        (np.zeros((0, 2, 32), np.float32), r"shape \(0, 2, 32\); expected windows"),
        (np.zeros((2, 32), np.int64), "int64; expected floating-point numbers"),
    ],
)
def test_wrong_windows_are_refused_before_networks_are_loaded(
    results, tmp_path, capfd, monkeypatch, array, message
):
    monkeypatch.setattr("mindvideo.decoding.model.load_generator", None)
    np.save(tmp_path / "windows.npy", array)
    said = refuse(capfd, results, tmp_path / "windows.npy", "--to", tmp_path / "clips")
    assert re.search(message, said)
    assert not (tmp_path / "clips").exists()


def test_a_file_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "windows.npy").write_text("no array")
    with pytest.raises(InputError, match=r"windows\.npy: not an array of numpy"):
        load_windows(tmp_path / "windows.npy")
    with pytest.raises(InputError, match=r"none\.npy: no such file"):
        load_windows(tmp_path / "none.npy")


def test_windows_of_other_voxels_are_refused(place, tmp_path, capfd):
    results = copy_of(place, tmp_path)
    windows = results / "windows/test/test1.npy"
    content = json.loads(windows.with_name("test1.npy.json").read_text())
    tables = [name for name in content["inputs"] if name.endswith(".tsv")]
    content["inputs"][tables[0]] = "0" * 64
    shutil.copy(windows, tmp_path / "windows.npy")
    (tmp_path / "windows.npy.json").write_text(json.dumps(content))
    said = refuse(capfd, results, tmp_path / "windows.npy", "--to", tmp_path / "clips")
    assert "cut from another selection of voxels" in said


def test_an_existing_folder_is_not_replaced(results, tmp_path, capfd):
    (tmp_path / "clips").mkdir()
    windows = results / "windows/test/test1.npy"
    said = refuse(capfd, results, windows, "--to", tmp_path / "clips")
    assert "already exists: delete it, or choose another folder with --to" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either WINDOWS or --run RUN; found neither"),
        (["w.npy", "--run", "run.nii.gz"], "give either WINDOWS or --run RUN; found both"),
        (["w.npy"], "WINDOWS w.npy: no such file"),
        (["--run", "run.nii.gz"], "--run run.nii.gz: no such file"),
        (["w.npy", "--drop-start", "1"], "--drop-start: only for a run"),
        (["w.npy", "--first", "-1"], "clips are counted from 0"),
        (["w.npy", "--fps", "0"], "a rate above 0 is needed"),
    ],
)
def test_arguments_that_contradict_each_other(results, tmp_path, capfd, words, message):
    assert message in refuse(capfd, results, *words, "--to", tmp_path / "clips")


def test_settings_that_are_not_valid_are_named(results, tmp_path, capfd):
    windows = results / "windows/test/test1.npy"
    said = refuse(capfd, results, windows, "--steps", 0, "--to", tmp_path / "clips")
    assert "steps" in said
    assert "greater than 0" in said


# --- results that are not complete ----------------------------------------------------------------


def test_a_folder_that_is_no_model_is_refused(results, tmp_path):
    for folder in (results.parent, results / "cotraining/model", results / "windows"):
        with pytest.raises(InputError, match="neither results with a reconstruction, nor a model"):
            open_model(folder)
    with pytest.raises(InputError, match="no such folder: name a folder of results"):
        open_model(tmp_path / "none")
    (tmp_path / "reconstruction").mkdir()
    with pytest.raises(InputError, match="no reconstruction here, from whose record"):
        open_model(tmp_path)


def test_copied_clips_have_no_model(place, tmp_path):
    results = copy_of(place, tmp_path)
    for path in (results / "reconstruction").glob("*.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"stage": "nearest"}))
    with pytest.raises(InputError, match="clips are copies of training clips"):
        open_model(results)


def test_a_file_that_changed_since_the_reconstruction_is_refused(place, tmp_path):
    results = copy_of(place, tmp_path)
    np.save(results / "windows/null.npy", np.zeros((2, 32), np.float32))
    with pytest.raises(InputError, match=r"null\.npy has changed since .* reconstruct again"):
        open_model(results)


def test_segments_of_different_models_are_refused(place, tmp_path):
    results = copy_of(place, tmp_path)
    edit(results / "reconstruction/test2.npy.json", guidance=9.0)
    with pytest.raises(InputError, match="by different models or with different settings"):
        open_model(results)


def test_a_part_of_the_results_alone_is_refused(results, tmp_path):
    shutil.copytree(results, tmp_path / "moved")
    with pytest.raises(InputError, match="restore the structure of folders"):
        open_model(tmp_path / "moved")


def test_a_table_of_other_voxels_is_refused(place, tmp_path):
    results = copy_of(place, tmp_path)
    config = results / "cotraining/model/fmri_encoder/config.json"
    model = open_model(results)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"voxels": "0" * 64}))
    with pytest.raises(InputError, match="another selection of voxels"):
        windows_of_run(model, place / "runs/test1_1.nii.gz")
