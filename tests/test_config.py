"""The configuration: typed, complete in its errors."""

import json
import re
from pathlib import Path

import pytest
import yaml

from mindvideo.config import Config, check_config
from mindvideo.errors import InputError
from mindvideo.plan import Plan


@pytest.fixture
def values():
    return yaml.safe_load(Path("config/config.yaml").read_text())


@pytest.mark.parametrize("path", ["config/config.yaml", "config/wen2018.yaml"])
def test_the_shipped_configurations_are_valid(path):
    check_config(yaml.safe_load(Path(path).read_text()), path)


def test_the_schema_file_is_the_settings_own():
    with open("workflow/schemas/config.schema.json") as stream:
        assert json.load(stream) == Config.model_json_schema()


def test_a_typo_is_named_with_the_likely_word(values):
    values["contrastive"]["bacth_size"] = 3
    with pytest.raises(InputError, match=r"contrastive.bacth_size: no such.*'batch_size'"):
        check_config(values, "config.yaml")


def test_all_errors_are_told_at_once(values):
    values["clips"]["fps"] = -1
    values["windoes"] = {}
    del values["pretraining_data"]["tr"]
    with pytest.raises(InputError) as error:
        check_config(values, "config.yaml")
    message = str(error.value)
    assert "clips.fps" in message
    assert "found -1" in message
    assert "windoes: no such setting; did you mean 'windows'?" in message
    assert "pretraining_data.tr: is missing" in message


def test_a_variant_is_checked_like_the_whole(values):
    values["variants"]["wide"] = {"windows": {"sise": 3}}
    with pytest.raises(InputError, match=r"windows\.sise"):
        check_config(values, "config.yaml")


def test_a_missing_data_set_file_is_named(values):
    with pytest.raises(InputError, match=r"no file nowhere\.yaml"):
        check_config(values | {"dataset": "nowhere.yaml"}, "config.yaml")


def described(values, **changes):
    """Values of a configuration whose data set has other facts."""
    return values | {"dataset": {"like": values["dataset"], **changes}}


def test_clips_of_no_whole_number_of_frames_are_refused_with_rates_that_are_taken(values):
    values = described(values, tr=1.4)
    with pytest.raises(InputError, match=r"clips\.fps: a clip of 1\.4 s at 3 .* has 4\.2") as error:
        check_config(values, "config.yaml")
    advised = [
        float(rate) for rate in re.findall(r"([\d.]+) \(\d frames a clip\)", str(error.value))
    ]
    assert advised == [2.85714, 3.57143]
    for rate, frames in zip(advised, (4, 5)):
        config = check_config(values | {"clips": {"fps": rate}, "variants": {}}, "config.yaml")
        assert config.stages().clips.fps == frames / 1.4  # so nothing drifts, and films have it too
        made = json.loads(Plan(config).settings("reconstruct", "sub1"))
        assert made["num_frames"] == frames


def test_a_variants_clips_must_hold_whole_frames_too(values):
    values["variants"]["quick"] = {"clips": {"fps": 2.2}}
    with pytest.raises(InputError, match=r"variants\.quick\.clips\.fps: .* set clips.fps to 2 \(4"):
        check_config(values, "config.yaml")


def test_exact_rates_stay_as_they_are_written(values):
    values["variants"]["quick"] = {"clips": {"fps": 12.5}}
    config = check_config(values, "config.yaml")
    assert (config.stages().clips.fps, config.stages("quick").clips.fps) == (3, 12.5)


def dataset(values):
    return check_config(values, "config.yaml").dataset


def test_excluded_runs_are_left_out_and_exceptions_found(values):
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["exclude"] = ["subject1 seg3_2"]
    base["exceptions"] = {"subject1 seg3_1": "elsewhere/{segment}.nii.gz"}
    paths = dataset(values | {"dataset": base}).run_paths("sub1", "seg3")
    assert paths == ["elsewhere/seg3.nii.gz"]


def test_no_segment_is_both_trained_and_tested_on(values):
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["test"] = ["seg1"]
    with pytest.raises(InputError, match="both training and test segments: seg1"):
        dataset(values | {"dataset": base})


def test_scores_that_need_tables_of_shots_ask_for_them(values):
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    assert dataset(values).shots_paths(["test1"]) == [base["shots"].format(segment="test1")]
    del base["shots"]
    values |= {"dataset": base, "scoring": {"attributes": {"kind": "image"}}}
    with pytest.raises(InputError, match=r"scoring: attributes .* \(kind\), but dataset\.shots"):
        check_config(values, "config.yaml")
    values |= {"scoring": {}, "variants": {"rare": {"scoring": {"subset": "unseen"}}}}
    with pytest.raises(InputError, match=r"variants\.rare\.scoring: .* \(unseen\)"):
        check_config(values, "config.yaml")
    assert dataset(values | {"variants": {}}).shots_paths(["test1"]) == []


def test_confounds_need_their_tables(values):
    values |= {"clean": {"confounds": ["motion6"]}}
    with pytest.raises(InputError, match=r"clean.confounds asks for motion6, and \d+ runs have no"):
        check_config(values, "config.yaml")
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["confounds"] = "{subject}_{segment}_{repeat}.tsv"
    check_config(values | {"dataset": base}, "config.yaml")
    values |= {"clean": {}, "variants": {"less": {"clean": {"confounds": ["csf"]}}}}
    with pytest.raises(InputError, match=r"variants.less.clean.confounds asks for csf"):
        check_config(values, "config.yaml")


def test_native_space_needs_a_mask(values):
    values |= {"regions": {"atlas": False}}
    with pytest.raises(InputError, match=r"regions.atlas is false.*dataset.mask None"):
        check_config(values, "config.yaml")
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["mask"] = "{subject}_mask.nii.gz"
    check_config(values | {"dataset": base}, "config.yaml")
