"""Artefacts given by path: what is accepted, where they are read, and what they replace."""

from pathlib import Path

import pytest
import yaml

from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import table_rows
from mindvideo.given import computed, lacking
from mindvideo.plan import Plan

MOVING = {"moving_noise": True, "shared_noise": 1}
ARRAYS = {
    "windows": {"test": "arrays/{subject}.npy"},
    "clips": {"test": "arrays/{segment}.npy"},
    "captions": {"test": "arrays/captions.npy"},
}
NOTHING_TRAINED = {
    "given": ARRAYS | {"cotraining": "models/{subject}"},
    "windows": {"null_window": "test-mean"},
    "scenes": {"cuts": ["captions"]},
    "reconstruction": {"moving_noise": False},
    "variants": {},
    "tables": {},
}


@pytest.fixture
def values():
    return yaml.safe_load(Path("config/config.yaml").read_text())


@pytest.fixture
def released(values):
    """The demo's configuration as one of a data set without runs, films and training segments."""
    dataset = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    dataset |= {"train": [], "run": None, "film": None, "expect": None}
    return values | NOTHING_TRAINED | {"dataset": dataset}


def plan(values):
    return Plan(check_config(values, "test"))


def refused(values, match):
    with pytest.raises(InputError, match=match):
        check_config(values, "test")


# --- the configuration ----------------------------------------------------------------------------


def test_nothing_has_to_be_given(values):
    assert check_config(values, "test").given == {}


def test_a_data_set_may_have_only_test_arrays(released):
    config = check_config(released, "test")
    assert config.segments == config.dataset.test
    assert all(run.path == "" for run in config.dataset.rows)


def test_what_is_not_given_must_be_there(released):
    dataset, given = released["dataset"], released["given"]

    def without(artefact):
        return {name: where for name, where in given.items() if name != artefact}

    refused(released | {"given": without("windows")}, "set `run`.*or give the windows")
    refused(released | {"given": without("clips")}, "set `film`.*for test1.*or give the clips")
    refused(released | {"given": without("cotraining")}, r"0 training segments.*given\.cotraining")
    one = released | {"dataset": dataset | {"train": ["seg1"]}, "given": without("cotraining")}
    refused(one, "1 training segments; at least 2")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"window": "a"}, r"given\.window: no stage makes this; did you mean 'windows'"),
        ({"latents": {"test": "a.npy"}}, "expected the path of a folder; only .*windows"),
        ({"windows": {"test": "{run}.npy"}}, r"has {run}; {name}, {segment}, {subject} can be"),
        ({"cotraining": "models/{segment}"}, r"has {segment}; {name}, {subject} can be filled in"),
        ({"latents": "{subject}/latents"}, "has {subject}; nothing can be filled in"),
        ({"cotraining": "models"}, "models is the same for 3 subjects: write {subject} or {name}"),
        ({"windows": {"train": "{subject}.npy"}}, "nothing for test, but dataset.test names"),
        (
            {"clips": {"train": "b.npy", "test": "a.npy"}},
            r"clips are given as an array: set\s+scenes: { cuts",
        ),
        ({"windows": {"tests": "{subject}.npy"}}, "tests"),
    ],
)
def test_what_cannot_be_given_is_refused(values, given, message):
    refused(values | {"given": given}, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"windows": {}}, r"windows\.null_window: train-mean needs training.*null_window: test-m"),
        ({"reconstruction": MOVING}, r"reconstruction\.moving_noise needs train"),
        ({"reconstruction": {"negative": "mean-tokens"}}, "mean-tokens needs training segments"),
        ({"reconstruction": {"negative": "empty-caption"}}, "empty-caption needs training"),
        ({"reconstruction": {"method": "nearest"}}, "nearest needs training segments"),
        ({"variants": {"x": {"windows": {"null_window": "train-mean"}}}}, r"variants\.x: windows"),
    ],
)
def test_what_needs_training_segments_is_refused_without(released, changes, message):
    refused(released | changes, message)


# --- the plan -------------------------------------------------------------------------------------


def test_a_given_folder_is_read_where_it_is(values, tmp_path):
    model = tmp_path / "subject1"
    p = plan(values | {"given": {"cotraining": str(tmp_path / "{subject}")}})
    assert p.file("cotraining", "sub1", "model") == str(model)  # the network itself
    (model / "model").mkdir(parents=True)
    assert p.file("cotraining", "sub1", "model") == str(model / "model")
    assert p.file("cotraining", "sub1/variants/linear", "history.tsv") == f"{model}/history.tsv"
    assert p.file("windows", "sub1", "test.npy") == "results/sub1/windows/test.npy"


def test_what_depends_only_on_given_artefacts_shares_them(values):
    variants = {"long": {"contrastive": {"lr": 1e-5}}, "few": {"reconstruction": {"steps": 3}}}
    changed = values | {"variants": variants, "tables": {}}
    p = plan(changed | {"given": {"contrastive": "models/{subject}"}})
    assert p.reads("contrastive") == frozenset()
    assert "contrastive" not in p.reads("cotraining")
    assert p.home("cotraining", "sub1/variants/long") == "sub1"
    assert p.home("reconstruction", "sub1/variants/few") == "sub1/variants/few"


def test_imported_windows_depend_on_how_they_are_cut_and_padded(values):
    p = plan(values | {"given": {"windows": {"train": "a_{name}.npy", "test": "{subject}.npy"}}})
    assert p.arrays("windows", "sub2", "train") == ["a_sub2.npy"]
    assert p.arrays("windows", "sub2/variants/linear", "test") == ["subject2.npy"]
    assert p.arrays("windows", "sub2", "validation") == []
    assert p.reads("windows") == {"given_windows", "windows", "encoder", "lag"}
    assert p.imports("windows")
    assert not p.imports("clips")


def test_a_variant_that_changes_nothing_that_is_computed_is_an_empty_row(released):
    variants = {
        "without-contrastive": {"contrastive": {"modalities": []}},
        "few": {"reconstruction": {"steps": 3}},
    }
    tables = {"variants": ["few"]}
    rows = table_rows(check_config(released | {"variants": variants, "tables": tables}, "test"))
    of_label = {row.label: row for row in rows}
    empty = next(row for row in rows if "contrastive" in row.why)
    assert empty.owner is None
    assert empty.why.startswith("changes only contrastive; given: ")
    assert of_label["few"].owner == "sub1/variants/few"


def test_all_files_that_are_not_there_are_listed(released):
    with pytest.raises(InputError) as error:
        plan(released).check_given()
    for line in (
        "given.cotraining: no such folder: models/subject2",
        "given.windows.test: no such file: arrays/subject3.npy",
        "given.clips.test: no such file: arrays/test5.npy",
        "given.captions.test: no such file: arrays/captions.npy",
        "(relative to ",
    ):
        assert line in str(error.value)


def test_what_the_data_set_lacks_is_known(released, values):
    p = plan(released)
    assert lacking(p.config, "selection") == "training segments"
    assert lacking(p.config, "regions") == "runs"
    assert lacking(p.config, "contrastive") == "training segments"
    assert lacking(p.config, "windows", "clips", "cotraining") == ""
    assert not p.computes("cotraining")
    imported = {"windows", "clips", "captions"}
    assert computed(p.config) == imported | {"scenes", "reconstruction", "scoring"}
    assert {"pretraining", "clean", "contrastive", "latents"} <= computed(plan(values).config)
    assert plan(values).computes("cotraining", "selection")


# --- without other people's runs ------------------------------------------------------------------


@pytest.fixture
def alone(values):
    """The demo's configuration without data to pre-train on."""
    changed = values | {
        "variants": {
            "only-on-the-subject": {"pretraining": {"duration": 0}},
            "not-at-all": {"pretraining": {"duration": 0}, "mbm_tuning": {"duration": 0}},
        },
        "tables": {"variants": ["only-on-the-subject", "not-at-all"]},
    }
    del changed["pretraining_data"]
    return changed


def test_without_other_people_tuning_needs_the_subject_only(alone):
    p = plan(alone)
    made = computed(p.config)
    assert "mbm_tuning" in made
    assert not {"samples", "pretraining"} & made
    assert lacking(p.config, "cotraining", "mbm_tuning") == ""
    assert lacking(p.config, "pretraining") == lacking(p.config, "samples") == "pre-training runs"
    assert not {"samples", "pretraining"} & p.reads("cotraining")
    assert not p.computes("pretraining")
    assert computed(plan(alone | {"pretraining_data": None}).config) == made


def test_without_other_people_a_variant_without_pretraining_is_the_full_model(alone):
    p = plan(alone)
    assert p.home("mbm_tuning", "sub1/variants/only-on-the-subject") == "sub1"
    assert p.home("mbm_tuning", "sub1/variants/not-at-all") == "sub1/variants/not-at-all"
    rows = {row.label: row for row in table_rows(p.config)}
    assert rows["only-on-the-subject"].owner is None
    why = "changes only pretraining; there is no pretraining_data"
    assert rows["only-on-the-subject"].why == why
    assert rows["not-at-all"].owner == "sub1/variants/not-at-all"


def test_a_given_pretraining_needs_no_other_people(alone):
    p = plan(alone | {"given": {"pretraining": "models/mae"}})
    made = computed(p.config)
    assert "mbm_tuning" in made
    assert not {"samples", "pretraining"} & made
    assert p.file("pretraining", "shared", "model") == "models/mae"
    assert "pretraining" not in p.reads("mbm_tuning")
    rows = {row.label: row for row in table_rows(p.config)}
    assert rows["only-on-the-subject"].why == "changes only pretraining; given: pretraining"


def test_what_contradicts_a_pretraining_that_is_not_there_is_refused(alone):
    refused(alone | {"given": {"samples": "s"}}, "given.samples: .*subjects of pretraining_data")
    off = {"pretraining": {"duration": 0}, "given": {"pretraining": "models/mae"}}
    refused(alone | off, "given.pretraining names .*duration: 0 says that .*: remove one")
