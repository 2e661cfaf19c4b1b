"""Which configuration is meant, and whose results a folder holds."""

import json
from pathlib import Path

import pytest
import yaml

from mindvideo.cli import main
from mindvideo.errors import InputError
from mindvideo.results_folder import (
    DEMO,
    STAMP,
    VARIABLE,
    check_results,
    default_configuration,
    stamp_results,
)


def test_the_variable_names_the_configuration(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert default_configuration() == DEMO
    monkeypatch.setenv(VARIABLE, "")
    assert default_configuration() == DEMO
    configuration = tmp_path / "mine.yaml"
    configuration.touch()
    monkeypatch.setenv(VARIABLE, str(configuration))
    assert default_configuration() == configuration
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "~/mine.yaml")
    assert default_configuration() == configuration


def test_a_variable_that_names_no_file(monkeypatch):
    monkeypatch.setenv(VARIABLE, "config/mien.yaml")
    with pytest.raises(InputError, match=r"MINDVIDEO_CONFIG=config/mien.yaml: no such"):
        default_configuration()


def test_a_variable_that_names_another_one_that_is_not_set(monkeypatch):
    monkeypatch.setenv(VARIABLE, "$NOWHERE_AT_ALL/mine.yaml")
    with pytest.raises(InputError, match="MINDVIDEO_CONFIG: the environment variable NOWHERE_AT"):
        default_configuration()


def test_commands_take_the_configuration_from_the_variable(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "config/wen2018.yaml")
    monkeypatch.setattr("sys.argv", ["mindvideo", "runs"])
    assert main() == 0
    assert "video_fmri_dataset/subject1" in capsys.readouterr().out


def test_a_folder_is_its_data_sets(tmp_path):
    results = str(tmp_path / "deep/results")
    check_results(results, "demo", "config/config.yaml")  # there is none yet
    stamp_results(results, "demo", "config/config.yaml")
    check_results(results, "demo", "elsewhere/config.yaml")
    before = (tmp_path / "deep/results" / STAMP).read_bytes()
    stamp_results(results, "demo", "elsewhere/config.yaml")
    assert (tmp_path / "deep/results" / STAMP).read_bytes() == before


def test_results_of_another_data_set_are_refused_with_both_names(tmp_path):
    stamp_results(str(tmp_path), "wen2018", "config/wen2018.yaml")
    with pytest.raises(InputError) as error:
        check_results(str(tmp_path), "demo", "config/config.yaml")
    for part in (
        *("'wen2018' (configuration config/wen2018.yaml", "config/config.yaml describes 'demo'"),
        "export MINDVIDEO_CONFIG=config/wen2018.yaml",
    ):
        assert part in str(error.value)


def test_check_dataset_says_whose_results_the_folder_holds(monkeypatch, tmp_path, capsys):
    config = yaml.safe_load(DEMO.read_text()) | {"results": str(tmp_path / "results")}
    config["dataset"] = str(Path(config["dataset"]).resolve())
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(config))
    stamp_results(config["results"], "wen2018", "config/wen2018.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["mindvideo", "check-dataset", "mine.yaml", "--only", "dataset"]
    )
    assert main() == 1
    assert "contains results of the data set 'wen2018'" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"name": "demo"})])
def test_a_damaged_stamp_is_no_permission(tmp_path, text):
    (tmp_path / STAMP).write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json cannot be read"):
        check_results(str(tmp_path), "demo", "config/config.yaml")


def test_scores_of_two_splits_are_not_mixed_in_one_folder(tmp_path):
    tested, validated = str(tmp_path / "results"), str(tmp_path / "results-validation")
    stamp_results(tested, "demo", "config/config.yaml")
    with pytest.raises(InputError, match=r"results on test segments .* evaluate: validation"):
        check_results(tested, "demo", "mine.yaml", "validation")
    stamp_results(validated, "demo", "mine.yaml", "validation")
    check_results(validated, "demo", "mine.yaml", "validation")
    with pytest.raises(InputError, match=r"on validation segments .*mine.yaml.* evaluate: test"):
        check_results(validated, "demo", "config/config.yaml")
