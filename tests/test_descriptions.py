"""Descriptions as they are read: YAML on YAML, lists of subjects, what lies on the disk."""

from pathlib import Path

import pytest
import yaml

from mindvideo.config import check_config
from mindvideo.dataset import Dataset
from mindvideo.descriptions import (
    pretraining_runs,
    pretraining_subjects,
    read_dataset,
    read_description,
    read_pretraining,
)
from mindvideo.errors import InputError, RenamedSetting
from mindvideo.pretraining_data import Pretraining

DATASETS = sorted(Path("config/datasets").glob("*.yaml"))


@pytest.mark.parametrize("path", [p for p in DATASETS if p.stem != "hcp1200"], ids=str)
def test_every_shipped_description_is_valid(path):
    assert Dataset.model_validate(read_dataset(str(path), "test")).rows


def test_the_purdue_data_set_is_described_with_its_exceptions():
    dataset = Dataset.model_validate(read_dataset("config/datasets/wen2018.yaml", "test"))
    assert len(dataset.run_paths("sub1", "seg10")) == 2
    assert dataset.run_paths("sub1", "test1")[8].endswith("mni/test1_9.mni.nii.gz")
    assert len(dataset.run_paths("sub3", "test2")) == 9
    assert not any("test2_9" in path for path in dataset.run_paths("sub3", "test2"))
    starts = {run.segment: run.drop_start for run in dataset.rows}
    assert {starts[segment] for segment in ("seg1", "test1")} == {1}
    assert starts["test5"] == 2
    assert dataset.fps_of("test3") == 30


def test_its_cifti_runs_are_like_its_volumes():
    volumes = Dataset.model_validate(read_dataset("config/datasets/wen2018.yaml", "test"))
    cifti = Dataset.model_validate(read_dataset("config/datasets/wen2018-cifti.yaml", "test"))
    assert cifti.space == "cifti"
    assert cifti.run_paths("sub1", "test1")[8].endswith("cifti/test1_9_Atlas.dtseries.nii")
    other = {"path", "confounds"}
    assert [r.model_dump(exclude=other) for r in cifti.rows] == [
        r.model_dump(exclude=other) for r in volumes.rows
    ]


def test_what_is_said_goes_before_what_it_is_like(tmp_path):
    (tmp_path / "a.yaml").write_text("tr: 1\nname: a\nlag: 2\n")
    (tmp_path / "b.yaml").write_text(f"like: {tmp_path}/a.yaml\nname: b\n")
    values = {"like": f"{tmp_path}/b.yaml", "lag": 0}
    assert read_description(values, "test") == {"tr": 1, "name": "b", "lag": 0}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("like: {0}/a.yaml", "a.yaml is like .*a.yaml: remove one `like`"),
        ("like: [b.yaml]", r"dataset.like: expected the path of a description.*found \['b.yaml"),
        ("like: nowhere.yaml", r"dataset.like: no such file: nowhere.yaml \(relative to"),
        ("tr: [1", "a.yaml cannot be read: line 1: not valid YAML: while parsing a flow"),
        ("just words", "a.yaml should contain `key: value` pairs; found 'just words'"),
    ],
)
def test_a_description_that_cannot_be_read(tmp_path, text, match):
    path = tmp_path / "a.yaml"
    path.write_text(text.format(tmp_path))
    with pytest.raises(InputError, match=match):
        read_dataset(str(path), "config.yaml: dataset")


NAMED = """
name: named
tr: 2
lag: 0
clips_per_segment: { default: 10, nature: 8 }
subjects: { sub1: one }
train: [action, nature, city]
test: [talk]
repetitions: { train: 2, test: 2 }
film: "{segment}.mp4"
film_fps: { nature: 24 }
run: "{subject}_{segment}_{repetition}.nii"
timing:
  default: { drop_start: 0, drop_end: 0 }
  nature: { drop_start: 2, drop_end: 0 }
"""


def test_segments_that_only_the_base_has_are_left_out_of_its_tables(tmp_path):
    (tmp_path / "base.yaml").write_text(NAMED)
    (tmp_path / "less.yaml").write_text(f"like: {tmp_path}/base.yaml\ntrain: [action, city]\n")
    for like in ("base", "less"):
        values = {"like": f"{tmp_path}/{like}.yaml", "train": ["action", "city"]}
        dataset = Dataset.model_validate(read_dataset(values, "test"))
        assert set(dataset.timing) == {"default"}
        assert (dataset.clips_per_segment, dataset.film_fps) == ({"default": 10}, {})
        longer = values | {"clips_per_segment": {"default": 10, "nature": 8, "talk": 5}}
        assert Dataset.model_validate(read_dataset(longer, "test")).n_clips("talk") == 5
    values["clips_per_segment"] = {"default": 10, "natur": 8}
    with pytest.raises(ValueError, match="there is no segment 'natur'"):
        Dataset.model_validate(read_dataset(values, "test"))


def test_segments_that_only_the_table_of_the_base_has_are_left_out_of_its_tables(tmp_path):
    header = "subject\tsegment\tsplit\trepetition\tpath\n"
    rows = [f"a\t{s}\t{split}\t1\t{s}.nii\n" for s, split in (("x", "train"), ("y", "test"))]
    (tmp_path / "all.tsv").write_text(header + "".join(rows) + "a\ttalk\ttrain\t1\ttalk.nii\n")
    (tmp_path / "few.tsv").write_text(header + "".join(rows))
    lines = (line for line in NAMED.splitlines() if not line.startswith(("train", "test")))
    named = "\n".join(lines).replace("nature", "talk")
    (tmp_path / "base.yaml").write_text(f"{named}\nruns: {tmp_path}/all.tsv\n")
    values = {"like": f"{tmp_path}/base.yaml", "runs": f"{tmp_path}/few.tsv"}
    dataset = Dataset.model_validate(read_dataset(values, "test"))
    assert set(dataset.timing) == {"default"}
    assert dataset.segments == ["x", "y"]


def test_an_old_name_gives_way_to_the_current_one_of_a_description_like_it(tmp_path):
    old = NAMED.replace("repetition", "repeat")
    (tmp_path / "old.yaml").write_text(old)
    (tmp_path / "new.yaml").write_text(NAMED)
    with pytest.warns(RenamedSetting, match="setting repeats is now called repetitions"):
        values = read_dataset({"like": f"{tmp_path}/old.yaml", "repetitions": {"train": 3}}, "d")
    assert (values["repetitions"], "repeats" in values) == ({"train": 3}, False)
    with pytest.warns(RenamedSetting, match="placeholder {repeat} is now called {repetition}"):
        described = Dataset.model_validate(values | {"repetitions": {"train": 3, "test": 1}})
    assert described.run_paths("sub1", "city") == [f"one_city_{n}.nii" for n in (1, 2, 3)]
    with pytest.warns(RenamedSetting):
        values = read_dataset({"like": f"{tmp_path}/new.yaml", "repeats": {"train": 4}}, "d")
    assert values["repetitions"] == {"train": 4}
    both = {"like": f"{tmp_path}/new.yaml", "repeats": {}, "repetitions": {}}
    with pytest.raises(InputError, match="d: repeats is now called repetitions, and both"):
        read_dataset(both, "d")


def test_a_key_that_stands_twice_in_a_description(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text(NAMED + "tr: 1.5\n")
    match = r"dataset.like: .*twice.yaml cannot be read: line 16: the key 'tr' is already in line 3"
    with pytest.raises(InputError, match=match):
        read_dataset({"like": str(path)}, "dataset")


@pytest.mark.parametrize(
    ("read", "given", "match"),
    [
        (
            read_dataset,
            "config/datasets/hcp1200.yaml",
            "describes pre-training data, with reference, tr, su",
        ),
        (
            read_pretraining,
            "config/datasets/bids.yaml",
            "describes a data set, with name, tr",
        ),
        (read_dataset, "config/wen2018.yaml", "this is a configuration, with results, dataset, "),
        (read_dataset, "mine/runs.tsv", "runs.tsv is a table; .*: `runs: mine/runs.tsv`"),
    ],
)
def test_what_stands_in_the_wrong_place_is_recognised(read, given, match):
    with pytest.raises(InputError, match=f"config.yaml: here: .*{match}"):
        read(given, "config.yaml: here")


@pytest.mark.parametrize("given", [3, ["a"], None])
def test_no_description(given):
    with pytest.raises(InputError, match="dataset: expected the path of a description"):
        read_dataset(given, "dataset")


def test_runs_are_no_list_in_yaml():
    with pytest.raises(InputError, match=r"dataset\.runs: expected the path of a table"):
        read_dataset({"runs": [{"subject": "a"}]}, "dataset")


def test_pre_training_runs_are_recognised_by_their_list():
    said = {"tr": 0.72, "subjects": ["a"], "runs": ["REST1"], "run": "{subject}/{run}.nii"}
    with pytest.raises(InputError, match=r"describes pre-training data, .* swapped"):
        read_dataset(said, "dataset")
    assert read_pretraining(said, "pretraining_data") == said


def test_numbers_of_subjects_may_go_without_quotes():
    values = {"like": "config/datasets/hcp1200.yaml", "subjects": [100307]}
    assert read_pretraining(values, "test")["subjects"] == ["100307"]


def test_a_number_where_names_have_values():
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    values["dataset"] = {"like": "config/datasets/wen2018.yaml", "film_fps": 30}
    match = r"dataset.film_fps: expected values by segment, such as { default: 30 }; found 30"
    with pytest.raises(InputError, match=match):
        check_config(values, "config.yaml")


# --- pre-training runs ----------------------------------------------------------------------------


@pytest.fixture
def hcp(tmp_path):
    """Three subjects: one with a rest and a task run, one with rest, one with nothing."""
    values = yaml.safe_load(Path("config/datasets/hcp1200.yaml").read_text())
    values["run"] = f"{tmp_path}/{values['run']}"
    values["exceptions"] = {"tfMRI_*": f"{tmp_path}/{values['exceptions']['tfMRI_*']}"}
    data = Pretraining.model_validate(values)
    for subject, run in (("2", "rfMRI_REST1_LR"), ("10", "rfMRI_REST2_RL"), ("10", "tfMRI_WM_LR")):
        path = Path(data.run_path(subject, run))
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "HCP_1200/11").mkdir()
    return data


def test_all_runs_that_are_there_of_all_that_have_one(hcp):
    assert pretraining_subjects(hcp) == ["2", "10"]
    names = [Path(path).name for path in pretraining_runs(hcp, "10")]
    assert names == [
        "rfMRI_REST2_RL_Atlas_MSMAll_hp2000_clean.dtseries.nii",
        "tfMRI_WM_LR_Atlas_MSMAll.dtseries.nii",
    ]


def test_runs_that_must_be_there_are_all_named(hcp):
    data = hcp.model_copy(update={"absent": "error", "subjects": ["10"]})
    assert len(pretraining_runs(data, "10")) == 18
    assert pretraining_subjects(data) == ["10"]


def test_no_run_at_all(hcp):
    data = hcp.model_copy(update={"subjects": ["11", "12"]})
    with pytest.raises(InputError, match=r"no subject has any of the 18 .*looked for .*/11/MNI"):
        pretraining_subjects(data)


@pytest.mark.parametrize(
    "text",
    [
        "100307\n100408\n",
        "participant_id\tage\n100307\t3\n100408\t4\n",
        "Subject,\n100307,\n100408,",
    ],
)
def test_subjects_from_a_list_or_table(tmp_path, text):
    (tmp_path / "list").write_text(text)
    values = yaml.safe_load(Path("config/datasets/hcp1200.yaml").read_text())
    read = read_pretraining(values | {"subjects": str(tmp_path / "list")}, "test")
    assert Pretraining.model_validate(read).subjects == ["100307", "100408"]


def test_a_template_without_a_subject(hcp):
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    values["pretraining_data"]["run"] = "rest/{run}.dtseries.nii"
    with pytest.raises(InputError, match=r"'rest/{run}.dtseries.nii' has no {subject}"):
        check_config(values, "config.yaml")
