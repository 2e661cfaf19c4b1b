"""What check-dataset says of given arrays and checkpoints."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from mindvideo.checks.given import given_artefacts
from mindvideo.checks.settings import check_settings
from mindvideo.config import check_config
from mindvideo.run import NAMES
from tests.released import untrained_video_unet, write_checkpoint, write_preprocessed

N = 10


@pytest.fixture
def released(layout, tmp_path):
    """A folder with the released files of two subjects, and its configuration."""
    voxels = {"subject1": 40, "subject2": 43}
    write_preprocessed(tmp_path / "arrays", n_segments=2, n_clips=N, n_voxels=voxels, size=16)
    for name in voxels:
        write_checkpoint(tmp_path / name, layout, untrained_video_unet(layout.OUT))
    values = yaml.safe_load(Path("config/released.yaml").read_text())
    values["dataset"] = {
        "like": "config/datasets/released.yaml",
        "subjects": {"sub1": "subject1", "sub2": "subject2"},
        "test": ["test1", "test2"],
        "clips_per_segment": {"default": N},
        "timing": {"default": {"drop_start": 1, "drop_end": 4}},
    }
    values["encoder"] = {"patch_size": 8, "embed_dim": 16}
    values["clips"] = {"size": 16}
    values["pretrained"] = {
        "clip": "zoo:clip",
        "image_classifier": "zoo:image-classifier",
        "video_classifier": "zoo:video-classifier",
    }
    values["given"] = {
        "cotraining": str(tmp_path / "{subject}"),
        "windows": {"test": str(tmp_path / "arrays/fmri_test_{subject}.npy")},
        "clips": {"test": str(tmp_path / "arrays/video_test_16_3hz.npy")},
        "captions": {"test": str(tmp_path / "arrays/text_test_16_3hz.npy")},
    }
    return tmp_path, values


def findings(values, **options):
    config = check_config(values, "test")
    return [f"{f.place}: {f.message}" for f in given_artefacts(config, **options)]


def test_nothing_is_wrong_with_the_released_files(released):
    _, values = released
    assert findings(values, deep=True) == []


def test_only_models_that_are_loaded_are_looked_for(released):
    _, values = released
    assert check_settings(check_config(values, "test")) == []
    del values["pretrained"]["clip"]
    (problem,) = check_settings(check_config(values, "test"))
    assert problem.place == "pretrained.clip"


def test_the_windows_of_another_subject(released):
    folder, values = released
    path = folder / "arrays/fmri_test_subject2.npy"
    np.save(path, np.zeros((2, N, 50)))
    (problem,) = findings(values)
    assert "given.windows (sub2)" in problem
    assert "has 50 voxels, 56 after padding (wrap), but the encoder in" in problem
    assert "reads 48: are these files of the same subject?" in problem


def test_the_training_array_in_place_of_the_test_array(released):
    folder, values = released
    np.save(folder / "arrays/fmri_test_subject1.npy", np.zeros((18, N, 40)))
    problem = findings(values)[0]
    assert problem.startswith("given.windows.test: ")
    assert "(18, 10, 40): does not fit the 2 segments" in problem


def test_values_that_are_not_finite(released):
    folder, values = released
    path = folder / "arrays/fmri_test_subject1.npy"
    array = np.load(path)
    array[1, 2, 3] = np.inf
    np.save(path, array)
    assert findings(values) == []
    assert findings(values, deep=True) == [f"{path} (test2): values that are not finite: 1"]


@pytest.mark.parametrize("part", ["scheduler", "vae", "unet", "fmri_encoder"])
def test_an_incomplete_checkpoint(released, part):
    folder, values = released
    shutil.rmtree(folder / "subject2" / part)
    (problem,) = findings(values)
    assert problem.startswith("given.cotraining: ")
    assert f"subject2 lacks {part}/ (found: " in problem


def test_weights_that_cannot_be_read(released):
    folder, values = released
    (folder / "subject1/fmri_encoder/model.pth").write_bytes(b"PK")
    (problem,) = findings(values)
    assert problem.startswith("given.cotraining (sub1): ")


def test_every_split_is_checked(released):
    _, values = released
    assert set(NAMES) == {"train", "validation", "test"}
    values["given"]["windows"]["train"] = "nowhere_{subject}.npy"
    assert findings(values) == []  # the data set has no training segments
