"""What a description promises: of its own lists, and of the headers of the runs."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from mindvideo.checks import expected
from mindvideo.config import check_config
from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_dataset
from mindvideo.errors import InputError
from mindvideo.expectations import Expect, ExpectedGrid, inherited
from mindvideo.io.headers import read_header

SHIPPED = ("demo", "demo-validation", "wen2018", "wen2018-cifti", "released")


def described(**changes):
    """The shipped description of the Purdue data set, edited: nothing is built on it."""
    values = yaml.safe_load(Path("config/datasets/wen2018.yaml").read_text())
    return values | changes


def problems(**changes):
    """What the check of a configuration says."""
    with pytest.raises(InputError) as error:
        check_config({"dataset": described(**changes)}, "test")
    first, *others = str(error.value).splitlines()
    assert first == "test:"
    return [line.strip() for line in others]


def segments(*names):
    train = described()["train"]
    return [name for name in train if name not in names]


# --- the lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_descriptions_keep_what_they_promise(name):
    configuration = Path("config/released.yaml" if name == "released" else "config/wen2018.yaml")
    values = yaml.safe_load(configuration.read_text())
    config = check_config(values | {"dataset": f"config/datasets/{name}.yaml"}, "test")
    assert config.dataset.expect is not None
    assert config.dataset.expect.clips


def test_a_segment_that_is_lost_from_a_list_is_found():
    of_runs, of_clips = problems(train=segments("seg17"))
    assert of_runs == (
        "dataset.expect.runs: sub1 86, sub2 86, sub3 85 promised, but the description has sub1 84, "
        "sub2 84, sub3 83: correct the lists of segments, repetitions, exclude or the promise"
    )
    assert of_clips == (
        "dataset.expect.clips.train: 4320 promised, but the 17 training segments have 4080 (seg17 "
        "is not in dataset.train): correct dataset.train, clips_per_segment or the promise"
    )
    assert "(seg3, seg5 are not in dataset.train)" in problems(train=segments("seg3", "seg5"))[1]
    assert "17 training segments have 4080: correct" in problems(train=segments("seg18"))[1]


def test_subjects_and_exclusions_that_are_lost_are_found():
    said = problems(subjects={"sub1": "subject1", "sub3": "subject3"}, exclude=[])
    assert said == [
        "dataset.expect.subjects: 3 promised, but dataset.subjects names 2 (sub1, sub3): correct "
        "the list or the promise",
        "dataset.expect.runs: there is no subject sub2 (the subjects are sub1, sub3)",
        "dataset.expect.runs: sub3 85 promised, but the description has sub3 86: correct the lists "
        "of segments, repetitions, exclude or the promise",
    ]
    (total,) = problems(expect={"runs": 258})
    assert total.startswith(
        "dataset.expect.runs: 258 promised, but the description has 257 (sub1 86, sub2 86, sub3 85)"
    )
    (name,) = problems(expect={"volumes": {"sge1": 245}})
    assert name == "dataset.expect.volumes: there is no segment 'sge1'; did you mean 'seg1'?"


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"volume": {"default": 245}}, r"expect\.volume: no such setting; did you mean 'volumes'"),
        ({"volumes": 245}, r"volumes: expected numbers by segment, such as { default: 245 }"),
        ({"volumes": {"default": {"least": 9, "most": 8}}}, "9 is larger than most: 8: swap them"),
        ({"volumes": {"least": 240, "most": 250}}, r"such as { default: {least: 240, most: 250} }"),
        ({"volumes": {"seg1": "many"}}, r"volumes.seg1: expected a number, a list .*found 'many'"),
        ({"volumes": {"seg1": {"least": 9}}}, r"volumes.seg1: expected .* or { least: 240"),
        ({"runs": -1}, r"runs: expected a number, or numbers by subject, .*; found -1"),
        ({"grid": "91282 grayordinates"}, r"grid: expected { voxels: 91282 } or"),
        ({"clips": {"training": 4320}}, "'train', 'validation' or 'test'"),
    ],
)
def test_promises_that_cannot_be_meant_are_refused(expect, said):
    with pytest.raises(InputError, match=said):
        check_config({"dataset": described(expect=expect)}, "test")


# --- descriptions on descriptions -----------------------------------------------------------------


def built(**changes):
    values = {"like": "config/datasets/wen2018.yaml", **changes}
    return Dataset.model_validate(read_dataset(values, "test")).expect


def test_a_description_that_builds_on_another_keeps_what_it_does_not_change():
    whole = built()
    assert built(name="mine", lag=2) == whole
    assert built(train=described()["train"]) == whole  # said again, not changed
    one = built(subjects={"sub1": "subject1"})
    assert (one.subjects, one.runs, one.clips) == (None, None, whole.clips)
    few = built(train=["seg1", "seg2"])
    assert (few.subjects, few.runs, few.clips, few.volumes) == (3, None, {}, whole.volumes)
    assert built(expect={"subjects": 2}).subjects == 2
    assert built(expect={"subjects": 2}).clips == whole.clips
    assert built(expect=None) is None


def test_promises_are_inherited_through_all_descriptions():
    base = {"train": ["a"], "run": "x", "expect": {"clips": {"train": 1}, "grid": {"voxels": 4}}}
    assert inherited([{"run": "y", "expect": {"volumes": {}}}, {"train": ["b"]}, base]) == {
        "volumes": {}
    }
    assert inherited([{"name": "m"}, {"run": "y"}, base]) == {"clips": {"train": 1}}


# --- the headers ----------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """A run of 50 volumes of 3 × 4 × 3 voxels of 2 × 2 × 3 mm, and its data set."""
    path = tmp_path / "run.nii.gz"
    image = nib.Nifti1Image(np.ones((3, 4, 3, 50), np.int16), np.diag([2.0, 2, 3, 1]))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


def findings(path, **expect):
    values = described(subjects={"a": "a"}, train=["s1"], test=["t1"], exclude=[], exceptions={})
    values |= {
        "repetitions": {"train": 1, "test": 1},
        "timing": {"default": values["timing"]["default"]},
    }
    values |= {"film_onset": {}, "run": str(path) + "{segment}{repetition}", "expect": expect}
    dataset = Dataset.model_validate(values | {"exceptions": {"a s1_1": str(path)}})
    header = read_header(path)
    return [f.message for f in expected.recordings(dataset, {str(path): header})]


@pytest.mark.parametrize(
    "expect",
    [
        {},
        {"volumes": {"t1": 3}},
        {"volumes": {"default": 3, "s1": 50}},
        {"volumes": {"default": [49, 50]}},
        {"volumes": {"default": {"least": 45, "most": 50}}},
        {"grid": {"voxels": 36}},
        {"grid": {"shape": [3, 4, 3], "voxel_size": [2, 2, 3]}},
    ],
)
def test_runs_that_are_as_promised(run, expect):
    assert findings(run, **expect) == []


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"volumes": {"default": 53}}, "50 volumes, but dataset.expect promises 53 for s1: is"),
        ({"volumes": {"s1": [52, 53]}}, "promises 52 or 53 for s1: is this the right file, and"),
        ({"volumes": {"s1": {"least": 51, "most": 60}}}, "promises 51 to 60 for s1"),
        ({"grid": {"voxels": 91282}}, "is on another grid (3×4×3 voxels of 2×2×3 mm, origin (0"),
        ({"grid": {"shape": [3, 4, 4]}}, "than dataset.expect promises (3×4×4 voxels): is this"),
        ({"grid": {"voxel_size": 2}}, "promises (2×2×2 mm)"),
    ],
)
def test_runs_that_are_not_as_promised(run, expect, said):
    (message,) = findings(run, **expect)
    assert said in message


def test_nothing_more_is_said_of_a_run_with_an_error(run):
    dataset = Dataset.model_validate(
        described(exceptions={"sub1 seg1_1": str(run)}, expect={"volumes": {"default": 3}})
    )
    header = {str(run): read_header(run)}
    assert len(list(expected.recordings(dataset, header))) == 1
    assert not list(expected.recordings(dataset, header, {str(run)}))


def test_promises_in_words():
    expect = Expect(
        subjects=3,
        runs={"a": 2, "b": 3},
        clips={"train": 10, "test": 4},
        volumes={"default": 245, "test1": [246, 247]},
        grid=ExpectedGrid(shape=(91, 109, 91), voxel_size=2),
    )
    assert str(expect) == (
        "subjects: 3; runs: 5; clips: train 10, test 4; volumes: 245 or 246 or 247; grid: "
        "91×109×91 voxels, 2×2×2 mm"
    )
    with pytest.raises(ValidationError):
        Expect(subjects=0)
