"""Where artefacts live, and what is tracked of them."""

import json
from pathlib import Path

import pytest
import yaml

from mindvideo.artefacts import artefacts
from mindvideo.config import check_config
from mindvideo.plan import Plan, reads, weights_digest
from mindvideo.registry import read_stage, stage_names

IN_THE_WORKFLOW = [name for name in stage_names() if name != "train_zoo"]


@pytest.fixture
def values():
    return yaml.safe_load(Path("config/config.yaml").read_text())


def plan(values, **changes):
    return Plan(check_config(values | changes, "test"))


def deciding(plan, stage, segment="", owner="sub1"):
    return plan.settings(stage, owner, segment).deciding_json()


def execution(plan, stage, owner="sub1"):
    return json.loads(plan.settings(stage, owner).execution_json())


def test_the_graph_of_artefacts_names_only_artefacts_and_sections(values):
    sections = set(type(plan(values).config.stages()).model_fields)
    for name, artefact in artefacts().items():
        assert artefact.parents <= set(artefacts())
        assert reads(name) <= sections


def test_a_variant_owns_what_it_changes_and_all_downstream_of_it(values):
    p = plan(values, variants={"win3": {"windows": {"size": 3}}})
    of_variant = {a for a in artefacts() if "variants" in p.home(a, "sub1/variants/win3")}
    assert of_variant == {a for a in artefacts() if "windows" in reads(a)}
    assert p.home("selection", "sub1/variants/win3") == "sub1"
    assert p.home("latents", "sub1/variants/win3") == "shared"
    assert p.home("cotraining", "sub1/variants/win3") == "sub1/variants/win3"


def test_a_variant_of_a_shared_stage_is_shared_too(values):
    p = plan(values, variants={"slow": {"video_tuning": {"lr": 1e-6}}})
    assert p.home("video_tuning", "sub1/variants/slow") == "shared/variants/slow"
    assert p.home("latents", "sub1/variants/slow") == "shared"


def test_a_variant_that_changes_nothing_shares_everything(values):
    p = plan(values, variants={"same": {"windows": {"size": 2}}})
    assert {p.home(a, "sub1/variants/same") for a in artefacts()} == {"sub1", "shared"}


@pytest.mark.parametrize("stage", IN_THE_WORKFLOW)
def test_settings_are_json_in_a_fixed_order(stage, values):
    section = read_stage(stage).makes[0].section if read_stage(stage).makes else ""
    first = plan(values).settings(stage, "sub1", "seg1", section).deciding_json()
    assert isinstance(json.loads(first), dict)
    assert first == plan(values).settings(stage, "sub1", "seg1", section).deciding_json()


def test_sections_that_a_stage_reads_follow_from_its_settings():
    assert reads("samples") == {"samples", "encoder"}
    assert reads("pretraining") == {"samples", "encoder", "pretraining"}
    assert reads("windows") == {"regions", "clean", "selection", "windows", "encoder"}
    assert reads("scenes") == {"clips", "captions", "scenes"}


def test_a_setting_touches_only_the_rules_that_read_it(values):
    before, after = plan(values), plan(values, reconstruction={"steps": 7})
    changed = {
        stage
        for stage in IN_THE_WORKFLOW
        if before.settings(stage, "sub1", "seg1") != after.settings(stage, "sub1", "seg1")
    }
    assert changed == {"reconstruct", "films", "methods"}


def test_rules_get_what_the_data_set_says(values):
    def settings(stage, segment="", **changes):
        return json.loads(deciding(plan(values, **changes), stage, segment))

    assert settings("regions")["space"] == "volume"
    assert not settings("clean", "seg1")["average"]
    assert settings("clean", "test1")["average"]
    assert not settings("clean", "test1", clean={"keep_test_repetitions": True})["average"]
    assert settings("windows")["lag"] == 0
    assert settings("windows", windows={"lag": 3})["lag"] == 3


def test_settings_of_execution_are_given_but_not_compared(values):
    before, after = plan(values), plan(values, reconstruction={"batch_size": 7, "seed": 3})
    assert execution(after, "reconstruct") == {"batch_size": 7}
    assert "batch_size" not in json.loads(deciding(after, "reconstruct"))
    faster = plan(values, reconstruction=values["reconstruction"] | {"batch_size": 7})
    assert deciding(faster, "reconstruct") == deciding(before, "reconstruct")


def test_a_section_of_execution_within_settings_is_left_out_whole(values):
    p = plan(values)
    assert "drawings" not in json.loads(deciding(p, "video_tuning", owner="shared"))
    assert execution(p, "video_tuning", "shared")["drawings"]["captions"] == 3
    assert "drawings" not in json.loads(deciding(p, "methods"))["video_tuning"]


def test_a_variant_that_only_computes_otherwise_shares_everything(values):
    p = plan(values, variants={"frugal": {"contrastive": {"gradient_checkpointing": True}}})
    assert {p.home(a, "sub1/variants/frugal") for a in artefacts()} == {"sub1", "shared"}


def test_swapped_values_are_noticed(values):
    a = plan(values, cotraining={"duration": 9, "batch_size": 4})
    b = plan(values, cotraining={"duration": 4, "batch_size": 9})
    assert a.settings("cotraining", "sub1") != b.settings("cotraining", "sub1")


def test_libraries_of_the_lock_are_part_of_the_code(values):
    config = check_config(values, "test")
    assert Plan(config, "scipy==1").code("clean") != Plan(config, "scipy==2").code("clean")
    assert Plan(config, "torch==1").code("clean") == Plan(config, "torch==2").code("clean")


def test_what_was_adopted_stands_for_the_code(values, tmp_path):
    before = plan(values, results=str(tmp_path))
    code, weights = before.code("clean"), before.code("clean").split("-")[2]
    before.adopted.add("clean", code.removesuffix(f"-{weights}"), {"as": "old-lock"})
    before.adopted.write()
    after = plan(values, results=str(tmp_path))
    assert after.code("clean") == f"old-lock-{weights}"
    assert after.code("select") == before.code("select")


def test_weights_are_part_of_the_code_of_those_that_load_them(tmp_path, values):
    (tmp_path / "weights").write_bytes(b"1")
    pretrained = values["pretrained"] | {"captioner": str(tmp_path)}
    before = plan(values, pretrained=pretrained)
    codes = {stage: before.code(stage) for stage in ("captions", "latents", "clean")}
    (tmp_path / "weights").write_bytes(b"2")
    after = plan(values, pretrained=pretrained)
    assert {stage for stage in codes if after.code(stage) != codes[stage]} == {"captions"}


def test_large_weights_are_known_by_names_and_sizes(tmp_path):
    (tmp_path / "weights").write_bytes(b"12")
    before = weights_digest(str(tmp_path), largest=1)
    (tmp_path / "weights").write_bytes(b"34")
    assert weights_digest(str(tmp_path), largest=1) == before
    (tmp_path / "weights").write_bytes(b"345")
    assert weights_digest(str(tmp_path), largest=1) != before


def test_a_folder_in_the_home_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"1")
    assert weights_digest("~/model") == weights_digest(str(tmp_path / "model"))


def test_a_hub_name_stands_for_itself():
    assert weights_digest("someone/some-model") == "someone/some-model"


def test_a_validation_segment_is_evaluated_with_the_films_and_runs_that_it_had(values):
    full = plan(values)
    held_out = {"dataset": "config/datasets/demo-validation.yaml", "evaluate": "validation"}
    validated = plan(values, **held_out)
    for stage in ("demo_film", "demo_runs", "clips", "captions", "scenes"):
        for segment in ("seg1", "seg18"):
            assert deciding(validated, stage, segment) == deciding(full, stage, segment)
    assert full.settings("reconstruct", "sub1", "seg18").first == 0
    assert validated.settings("reconstruct", "sub1", "seg18").first == 48
    assert full.settings("clean", "sub1", "seg18").average is False
    assert validated.settings("clean", "sub1", "seg18").average is True
    assert validated.settings("tables", "").dataset == "demo (validation segments)"
    assert "validation" in validated.settings("videos", "sub1").title
