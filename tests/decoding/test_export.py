"""`mindvideo export`: a folder that decodes to the same bytes, and that diffusers loads."""

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from mindvideo.cli import main
from mindvideo.decoding.folder import open_model
from mindvideo.decoding.run import windows_of_run
from mindvideo.errors import InputError
from mindvideo.models.pipeline import MindVideoPipeline
from tests.decoding.tiny import DROP, reconstruct


def export(model, to):
    assert main(["export", str(model), "--to", str(to)]) == 0
    return to


def decode(model, windows, to, *options):
    assert main(["decode", str(model), str(windows), *options, "--to", str(to)]) == 0
    return (to / "clips.npy").read_bytes()


@pytest.fixture(scope="module")
def exported(results, tmp_path_factory):
    return export(results, tmp_path_factory.mktemp("exported") / "model")


def test_an_exported_model_gives_the_bytes_of_the_workflow_without_the_results(
    results, exported, tmp_path
):
    alone = shutil.copytree(exported, tmp_path / "elsewhere")
    for segment, first in (("test1", "0"), ("test2", "9")):
        windows = shutil.copy(results / f"windows/test/{segment}.npy", tmp_path)
        clips = decode(alone, windows, tmp_path / segment, "--first", first)
        assert clips == (results / f"reconstruction/{segment}.npy").read_bytes()


def test_it_cleans_a_run_as_the_results_do(results, place, exported):
    windows = windows_of_run(open_model(exported), place / "runs/test1_1.nii.gz")
    np.testing.assert_array_equal(windows, np.load(results / "windows/test/test1.npy"))


def test_diffusers_loads_it_as_a_pipeline(exported):
    pipeline = MindVideoPipeline.from_pretrained(exported)
    assert pipeline.fmri_encoder.config["num_voxels"] == 32
    assert type(pipeline.scheduler).__name__ == "DDIMScheduler"


def test_it_has_no_path_of_the_computer_and_no_recording(exported, place):
    names = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    own = {"decoding.json", "null_window.npy", "motion.npy", "voxels.tsv", "regions.nii.gz"}
    assert own < names
    assert not {"mean_tokens.npy", "empty_text.npy"} & names
    for path in (*exported.rglob("*.json"), exported / "README.md"):
        text = path.read_text()
        assert str(place) not in text
        assert "_name_or_path" not in text
        assert "untrained/sd" not in text
    settings = json.loads((exported / "decoding.json").read_text())
    assert settings["recording"]["timing"] == DROP | {"onset": None}
    assert settings["recording"]["lag"] == 1


def test_its_card_has_data_settings_and_terms(exported):
    _, header, text = (exported / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "other"
    for words in (
        "| data set | tiny films |",
        "| training segments | 2, 1 min of film |",
        "| selected voxels | 30 |",
        "| reconstruction: steps | 2 |",
        "These reconstructions have not been scored",
        "derived from recordings of one person",
        "ethics.md",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("no-brain", {"condition": "mean-tokens"}),
        ("mean", {"negative": "mean-tokens", "moving_noise": False}),
        ("empty", {"negative": "empty-caption"}),
        ("zero", {"negative": "zero", "scheduler": "dpm-solver++"}),
        ("image", {"negative": "none", "still": True, "moving_noise": False}),
    ],
)
def test_variants_with_other_conditions(results, place, tmp_path, variant, changes):
    folder = results / "variants" / variant
    with contextlib.chdir(place):
        reconstruct(
            Path("results/sub1/variants") / variant, "test2", 9, sd="untrained/sd", **changes
        )
    windows = results / "windows/test/test2.npy"
    model = export(folder, tmp_path / "model")
    expected = (folder / "reconstruction/test2.npy").read_bytes()
    assert decode(folder, windows, tmp_path / "of_results", "--first", "9") == expected
    assert decode(model, windows, tmp_path / "of_model", "--first", "9") == expected


def test_what_is_exported_already_or_there_already_is_refused(exported, results, tmp_path, capfd):
    assert main(["export", str(exported), "--to", str(tmp_path / "again")]) == 1
    assert "is an exported model already" in capfd.readouterr().err
    assert main(["export", str(results), "--to", str(exported)]) == 1
    assert "already exists" in capfd.readouterr().err


def test_settings_of_another_version_are_refused(exported, tmp_path):
    copy = shutil.copytree(exported, tmp_path / "copy")
    settings = json.loads((copy / "decoding.json").read_text())
    (copy / "decoding.json").write_text(json.dumps(settings | {"format": 3}))
    with pytest.raises(InputError, match="as new as the one that wrote it"):
        open_model(copy)


def test_a_pipeline_without_settings_needs_a_null_window(exported, results, tmp_path, capfd):
    """As a released checkpoint: the paper's settings, unless others are given."""
    copy = shutil.copytree(exported, tmp_path / "copy")
    (copy / "decoding.json").unlink()
    windows, size = results / "windows/test/test2.npy", ("--size", "16", "--frames", "3")
    few = (*size, "--steps", "2", "--batch-size", "4")
    words = ["decode", str(copy), str(windows), *few, "--to", str(tmp_path / "none")]
    assert main(words) == 1
    assert "give one with --null-window" in capfd.readouterr().err
    unguided = decode(copy, windows, tmp_path / "unguided", *few, "--guidance", "1")
    null = ("--null-window", str(results / "windows/null.npy"))
    assert decode(copy, windows, tmp_path / "guided", *few, *null) != unguided
