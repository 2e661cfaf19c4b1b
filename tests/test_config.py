"""The configuration: typed, complete in its errors."""

import json
from pathlib import Path

import pytest
import yaml

from mindvideo.config import Config, check_config
from mindvideo.errors import InputError
from mindvideo.run_table import write_runs


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
    for template in ("{subject}_mask.nii.gz", "{subject}_{segment}_{repeat}_mask.nii.gz"):
        base["mask"] = template
        check_config(values | {"dataset": base}, "config.yaml")


def test_native_space_with_masks_in_the_table_of_runs(values, tmp_path):
    dataset = check_config(values, "config.yaml").dataset
    masked = [run.model_copy(update={"mask": f"{run.path}_mask"}) for run in dataset.rows]
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["runs"] = str(tmp_path / "runs.tsv")
    Path(base["runs"]).write_text(write_runs(masked))
    values |= {"regions": {"atlas": False}, "dataset": base}
    assert len(check_config(values, "config.yaml").dataset.mask_paths("sub1")) > 2
    Path(base["runs"]).write_text(
        write_runs(
            [r for r in masked if r.subject == "sub1"]
            + [r for r in dataset.rows if r.subject == "sub2"]
        )
    )
    with pytest.raises(InputError, match=r"regions.atlas is false.*dataset.mask None"):
        check_config(values, "config.yaml")
