"""Descriptions of data sets: what they answer, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from mindvideo.config import check_config
from mindvideo.dataset import Dataset
from mindvideo.decoding.recordings import trim_of
from mindvideo.facts import settings_of
from mindvideo.fmri.windows import cut
from mindvideo.settings.fmri import CleanSettings, WindowSettings
from mindvideo.templates import natural
from tests.checks import few

TIMING = {"drop_start": 3, "drop_end": 4}


@pytest.fixture
def values():
    return yaml.safe_load(Path("config/datasets/demo.yaml").read_text())


def refused(values, match):
    with pytest.raises(ValidationError, match=match):
        Dataset.model_validate(values)


def test_numbers_in_names_count_as_numbers():
    names = ["seg10", "seg9", "seg1", "run-2b", "run-2", "run-10a"]
    assert sorted(names, key=natural) == ["run-2", "run-2b", "run-10a", "seg1", "seg9", "seg10"]


def test_segments_are_in_numeric_order_however_they_are_given(values):
    dataset = Dataset.model_validate(values | {"train": ["seg10", "seg9", "seg1"]})
    assert dataset.train == ["seg1", "seg9", "seg10"]
    assert [r.segment for r in dataset.rows if r.subject == "sub1"][:6] == [
        *("seg1", "seg1", "seg9", "seg9", "seg10", "seg10")
    ]


def test_confounds_go_with_the_runs(values):
    values |= {
        "run": "sub-{subject}_task-{segment}_run-{repetition:02d}_bold.nii.gz",
        "confounds": "sub-{subject}_task-{segment}_run-{repetition:02d}_timeseries.tsv",
        "mask": "sub-{subject}_mask.nii.gz",
        "subjects": {"sub1": "01"},
        "exclude": ["01 test2_3", "sub1 test2_5"],
    }
    dataset = Dataset.model_validate(values)
    runs, tables = dataset.run_paths("sub1", "test2"), dataset.confound_paths("sub1", "test2")
    assert [path[-14:-12] for path in runs] == ["01", "02", "04", "06", "07", "08", "09", "10"]
    assert [p.replace("timeseries.tsv", "bold.nii.gz") for p in tables] == runs
    assert dataset.mask_paths("sub1") == ["sub-01_mask.nii.gz"]


def test_without_confounds_and_mask(values):
    dataset = Dataset.model_validate(values)
    assert dataset.confound_paths("sub1", "seg1") == []
    assert dataset.mask_paths("sub1") == []
    assert dataset.space == "volume"


@pytest.mark.parametrize("name", ["demo", "wen2018", "wen2018-cifti", "bids"])
def test_every_clip_of_the_shipped_descriptions_has_a_volume_of_its_own(name):
    config = few.values(dataset={}, clips={"fps": 3}, windows={"size": 1})
    config = check_config(config | {"dataset": f"config/datasets/{name}.yaml"}, "test")
    dataset, stages = config.dataset, config.stages()
    for run in dataset.rows:
        n = dataset.n_clips(run.segment)
        assert n == dataset.n_shown(run.segment)
        of = {"segment": run.segment, "owner": run.subject}
        kept = trim_of(run.timing, settings_of(CleanSettings, config, stages, **of))
        recorded = np.arange(run.drop_start + n + run.drop_end)
        volumes = recorded[kept.start : kept.start + kept.n_read, None]
        windows = cut(volumes, settings_of(WindowSettings, config, stages, **of).times, n)
        np.testing.assert_array_equal(windows.ravel(), run.drop_start + dataset.lag + np.arange(n))


def test_masks_are_those_of_the_training_runs_each_once(values):
    values |= {"mask": "{subject}_{segment}_{repetition}_mask.nii.gz", "exclude": ["sub1 seg2_1"]}
    dataset = Dataset.model_validate(values | {"train": ["seg1", "seg2"], "test": ["test1"]})
    assert [path[9:14] for path in dataset.mask_paths("sub1")] == ["seg1_", "seg1_", "seg2_"]
    assert dataset.mask_paths("sub2")[2] == "subject2_seg2_1_mask.nii.gz"
    assert len(dataset.mask_paths("sub1", "test")) == values["repetitions"]["test"]


def test_a_segment_without_runs_is_not_the_subjects(values):
    values["exclude"] = ["subject1 seg3_1", "subject1 seg3_2"]
    dataset = Dataset.model_validate(values)
    assert "seg3" not in dataset.segments_of("sub1", "train")
    assert dataset.segments_of("sub2", "train") == dataset.train


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"train": ["seg1", "seg2", "seg1"]}, "named more than once: seg1"),
        ({"test": ["seg1"]}, "both training and test segments: seg1"),
        ({"train": ["seg_1", "seg2"]}, "train.0"),
        ({"subjects": {"shared": "01"}}, "subjects: shared is reserved for a folder of results"),
        ({"subjects": {"tables": "01"}}, "subjects: tables is reserved for a folder of results"),
        ({"train": ["seg1", "default"]}, "`default` applies to all segments that are not named"),
        ({"tr": 2000}, "in seconds was needed: did you mean 2 s"),
        ({"timing": {"drop_start": 1, "drop_end": 4}}, "default: {drop_start: 1, drop_end: 4} }"),
        ({"film_fps": 25}, "expected values by segment, such as { default: 25 }"),
        ({"repetitions": {"train": 2}}, "repetitions: nothing for test"),
        ({"run": "{subject}/{segment}.nii.gz"}, r"one file for 2 runs \(sub1 seg1_1, sub1 seg1_2"),
        (
            {"confounds": "{subject}_{segment}.tsv"},
            "one table of confounds for 2 runs .sub1 seg1_1",
        ),
        (
            {"film": "film.mp4"},
            r"one film for \d+ segments \(seg1, seg2, seg3, …\): film.mp4: each",
        ),
        (
            {"films": {"seg2": "stimuli/a.mp4", "seg3": "stimuli/a.mp4"}},
            r"2 segments \(seg2, seg3\)",
        ),
        (
            {"run": "{sub}/{segment}_{repetition}.nii"},
            r"run: .* has {sub}; {hemi}, {repetition}, {segment}, {subj",
        ),
        ({"film": "{segment.mp4"}, "film: '{segment.mp4': "),
        ({"mask": "{run}_mask.nii"}, "mask: .* has {run}; {repetition}, {segment}, {subject} can"),
        (
            {"run": "sub-{subject}/ses-{session}/{segment}_{repetition}.nii"},
            r"run: .* has {session}; {hemi}, {repetition}, {segment}, {subject} can be filled in; "
            r"repetitions are numbered over sessions and runs, and `mindvideo runs --bids FOLDER` "
            r"writes the table",
        ),
        ({"confounds": "ses-{ses}/task-{task}.tsv"}, "has {ses}, {task}; .*runs --bids FOLDER`"),
        ({"exceptions": {"subject1 seg1_1": "{session}.nii"}}, "exceptions: .*runs --bids FOLDER`"),
        ({"exclude": ["subject3/test2_9"]}, "expected 'SUBJECT SEGMENT_REPETITION'"),
        ({"exceptions": {"subject1 seg1": "a.nii"}}, "expected 'SUBJECT SEGMENT_REPETITION'"),
        ({"timing": {"seg1": TIMING}, "film_onset": {}}, "timing: no `default`, and nothing for s"),
        ({"timing": {}}, r"film_onset: the film of sub1 seg1_1 starts 2 s before the run: its fir"),
    ],
)
def test_what_cannot_be_is_refused(values, changes, match):
    refused(values | changes, match)


@pytest.mark.parametrize(
    ("field", "said", "match"),
    [
        ("timing", {"sge2": TIMING}, "timing: there is no segment 'sge2'; did you mean 'seg2'"),
        ("timing", {"Test1": TIMING}, "there is no segment 'Test1'; did you mean 'test1'"),
        ("clips_per_segment", {"seg-2": 9}, "no segment 'seg-2'; did you mean 'seg2'"),
        ("clips_per_segment", {"seg02": 9}, "no segment 'seg02'; did you mean 'seg2'"),
        ("films", {"tset1": "a.mp4"}, "films: there is no segment 'tset1'; did you mean 'test1'"),
        ("film_fps", {"movie": 25}, "no segment 'movie' .the segments are seg1, .*seg12, …"),
        (
            "films",
            {"default": "a.mp4"},
            "films: `default` is not a segment; `film` ",
        ),
    ],
)
def test_a_segment_that_does_not_exist_is_refused(values, field, said, match):
    refused(values | {field: values.get(field, {}) | said}, match)


def test_segments_that_a_configuration_goes_without_may_have_values(values):
    few = {"train": ["seg1", "seg2"], "test": ["test1"], "film_fps": {"seg18": 25, "default": 30}}
    dataset = Dataset.model_validate(values | few)
    assert "test5" in dataset.timing
    assert (dataset.fps_of("seg1"), dataset.n_clips("test1")) == (30, 24)


# --- validation segments --------------------------------------------------------------------------


def test_validation_segments_are_held_out_of_those_of_the_training(values):
    values |= {"validation": ["seg18", "seg3"], "mask": "{subject}_{segment}_mask.nii.gz"}
    dataset = Dataset.model_validate(values)
    assert dataset.validation == ["seg3", "seg18"]
    assert not set(dataset.train) & {"seg3", "seg18"}
    assert len(dataset.train) == 16
    assert dataset.segments[15:18] == ["seg17", "seg3", "seg18"]
    assert [dataset.split_of(s) for s in ("seg1", "seg3", "test1")] == [
        "train",
        "validation",
        "test",
    ]
    assert dataset.segments_of("sub1", "validation") == ["seg3", "seg18"]
    assert {run.split for run in dataset.runs_of("sub2", "seg3")} == {"validation"}
    assert not [mask for mask in dataset.mask_paths("sub1") if "seg3_" in mask]


def test_validation_segments_of_their_own_have_their_own_number_of_repetitions(values):
    values |= {"validation": ["val1"]}
    assert len(Dataset.model_validate(values).runs_of("sub1", "val1")) == 2  # as in training
    values["repetitions"] = values["repetitions"] | {"validation": 4}
    dataset = Dataset.model_validate(values)
    assert len(dataset.runs_of("sub1", "val1")) == 4
    assert len(dataset.runs_of("sub1", "seg1")) == 2


def test_validation_segments_are_not_test_segments(values):
    refused(values | {"validation": ["test1"]}, "both validation and test segments: test1")
    refused(values | {"validation": ["default"]}, "rename this segment")
