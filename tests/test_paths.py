"""Home folders and environment variables in paths: filled in everywhere, and nowhere in silence."""

import argparse
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from mindvideo.cli import main
from mindvideo.config import Config, check_config
from mindvideo.errors import InputError
from mindvideo.models.folders import pretrained_folder
from mindvideo.models.pretrained import resolve
from mindvideo.paths import expand, path_argument
from mindvideo.run_table import read_runs
from mindvideo.settings.base import Pretrained
from mindvideo.settings.evaluation import Tables
from mindvideo.settings.interpretation import Interpretation
from mindvideo.settings.stimuli import Scenes


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", "/data/mine")
    monkeypatch.delenv("NOWHERE", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~/a", "{home}/a"),
        ("~", "{home}"),
        ("$HOME/a", "{home}/a"),
        ("${DATA}/{subject}/{repetition:02d}", "/data/mine/{{subject}}/{{repetition:02d}}"),
        ("$DATA/$DATA", "/data/mine//data/mine"),
        ("a/~/b~", "a/~/b~"),
        ("cost$(5)$", "cost$(5)$"),
        ("org/model", "org/model"),
    ],
)
def test_a_path_is_what_a_shell_would_make_of_it(home, text, meant):
    assert expand(text) == meant.format(home=home)
    assert expand(expand(text)) == expand(text)


def test_what_is_not_set_is_named(home):
    with pytest.raises(ValueError, match=r"variable NOWHERE in '\$\{NOWHERE\}/x' is not set: expo"):
        expand("${NOWHERE}/x")
    with pytest.raises(ValueError, match="no user nobody-at-all has a home folder"):
        expand("~nobody-at-all/x")
    with pytest.raises(argparse.ArgumentTypeError, match="variable NOWHERE"):
        path_argument("$NOWHERE")


DATASET = {
    "name": "mine",
    "tr": 2,
    "lag": 0,
    "clips_per_segment": {"default": 2},
    "subjects": {"sub1": "one"},
    "train": ["seg1", "seg2"],
    "test": ["test1"],
    "repetitions": {"train": 2, "test": 1},
    "timing": {"default": {"drop_start": 0, "drop_end": 0}},
    "film": "~/{segment}.mp4",
    "films": {"seg2": "$DATA/b.mp4"},
    "shots": "~/{segment}.tsv",
    "run": "$DATA/{subject}/{segment}_{repetition}.nii",
    "mask": "~/{subject}.nii",
    "confounds": "${DATA}/{subject}/{segment}_{repetition}.tsv",
    "exceptions": {"one seg1_1": "~/odd.nii"},
}
REST = {
    "tr": 1,
    "subjects": ["a"],
    "runs": ["r"],
    "run": "~/{subject}.nii",
    "exceptions": {"t*": "$DATA/{subject}.nii"},
}


def test_all_paths_of_a_configuration_are_filled_in(home):
    config = check_config(
        {
            "results": "~/out",
            "dataset": DATASET,
            "pretraining_data": REST,
            "pretrained": {"clip": "~/clip", "captioner": "org/model"},
            "scenes": {"corrections": "~/{segment}.tsv"},
            "interpretation": {"truth": "$DATA/t.tsv"},
            "tables": {"methods": {"theirs": "~/m.tsv"}},
            "variants": {"v": {"scenes": {"corrections": "$DATA/{segment}.tsv"}}},
        },
        "test",
    )
    data, rest = config.dataset, config.pretraining_data
    runs = data.run_paths("sub1", "seg1")
    assert runs == [f"{home}/odd.nii", "/data/mine/one/seg1_2.nii"]
    assert data.confound_paths("sub1", "test1") == ["/data/mine/one/test1_1.tsv"]
    assert data.mask_paths("sub1") == [f"{home}/one.nii"]
    assert [data.film_path(s) for s in ("seg1", "seg2")] == [f"{home}/seg1.mp4", "/data/mine/b.mp4"]
    assert data.shots_paths(["seg1"]) == [f"{home}/seg1.tsv"]
    paths = (rest.run_path("a", "r"), rest.run_path("a", "t1"))
    assert paths == (f"{home}/a.nii", "/data/mine/a.nii")
    assert config.results == f"{home}/out"
    assert (config.pretrained.clip, config.pretrained.captioner) == (f"{home}/clip", "org/model")
    assert config.scenes.corrections == f"{home}/{{segment}}.tsv"
    assert config.stages("v").scenes.corrections == "/data/mine/{segment}.tsv"
    assert config.interpretation.truth == "/data/mine/t.tsv"
    assert config.tables.methods == {"theirs": f"{home}/m.tsv"}


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Scenes, {"corrections": "$NOWHERE/{segment}"}),
        (Interpretation, {"truth": "$NOWHERE"}),
        (Tables, {"methods": {"a": "$NOWHERE"}}),
        (Pretrained, {"clip": "$NOWHERE/x"}),
        (Config, {"results": "$NOWHERE", "dataset": DATASET, "pretraining_data": REST}),
        (Config, {"dataset": DATASET | {"mask": "$NOWHERE"}, "pretraining_data": REST}),
    ],
)
def test_a_setting_with_an_unknown_variable_is_refused(model, values):
    with pytest.raises(ValidationError, match="environment variable NOWHERE in"):
        model.model_validate(values)


def test_paths_of_descriptions_and_their_tables_are_filled_in(home):
    columns = ["subject", "segment", "split", "repetition", "path", "film"]
    rows = [
        ["s", f"seg{n}", "train", str(r), f"~/{n}_{r}.nii", f"$DATA/{n}.mp4"]
        for n in (1, 2)
        for r in (1, 2)
    ]
    rows.append(["s", "test1", "test", "1", "${DATA}/t.nii", "~/t.mp4"])
    (home / "runs.tsv").write_text("\n".join("\t".join(row) for row in [columns, *rows]))
    (home / "base.yaml").write_text(yaml.safe_dump(DATASET))
    (home / "list").write_text("a\nb\n")
    (home / "rest.yaml").write_text(yaml.safe_dump(REST))
    config = check_config(
        {
            "dataset": {"like": "~/base.yaml", "runs": "~/runs.tsv", "exceptions": {}},
            "pretraining_data": {"like": "${HOME}/rest.yaml", "subjects": "~/list"},
        },
        "test",
    )
    assert config.dataset.run_paths("s", "seg2") == [f"{home}/2_1.nii", f"{home}/2_2.nii"]
    assert config.dataset.film_path("test1") == f"{home}/t.mp4"
    assert config.dataset.film_path("seg1") == "/data/mine/1.mp4"
    assert config.pretraining_data.subjects == ["a", "b"]
    with pytest.raises(InputError, match=r"test: dataset\.runs: the environment variable NOWHERE"):
        check_config({"dataset": DATASET | {"runs": "$NOWHERE/r.tsv"}}, "test")
    (home / "runs.tsv").write_text(
        "\n".join("\t".join(r) for r in [columns, rows[0]]).replace("~", "$NOWHERE")
    )
    with pytest.raises(InputError, match="line 2: path: the environment variable NOWHERE"):
        read_runs(home / "runs.tsv")


def test_models_of_others_are_found_by_the_same_rule(home, monkeypatch):
    monkeypatch.chdir("/")
    (home / "clip").mkdir()
    assert resolve("~/clip") == resolve("$HOME/clip") == home / "clip"
    assert pretrained_folder("org/model") == Path("org/model")
    with pytest.raises(InputError, match="environment variable NOWHERE"):
        resolve("$NOWHERE/clip")


def test_arguments_that_a_shell_did_not_fill_in(home, capsys):
    (home / "c.yaml").write_text("results: x\n")
    assert main(["runs", "~/c.yaml"]) == 1
    assert f"{home}/c.yaml" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["unpack", "a.zip", "--to=$NOWHERE/x"])
    assert "the environment variable NOWHERE" in capsys.readouterr().err
