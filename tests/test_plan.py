"""Where artefacts live, and what is tracked of them."""

import json
from pathlib import Path

import pytest
import yaml

from mindvideo.artefacts import artefacts
from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import FACTS, sections_read, table_rows
from mindvideo.plan import Plan, weights_digest
from mindvideo.registry import read_stage, stage_names
from mindvideo.settings.training import MbmSettings

IN_THE_WORKFLOW = [name for name in stage_names() if name != "train_zoo"]


@pytest.fixture
def values():
    """The demo's configuration, whose variants may be replaced: no table names them."""
    return yaml.safe_load(Path("config/config.yaml").read_text()) | {"tables": {}}


def plan(values, **changes):
    return Plan(check_config(values | changes, "test"))


def deciding(plan, stage, segment="", owner="sub1"):
    return plan.settings(stage, owner, segment).deciding_json()


def execution(plan, stage, owner="sub1"):
    return json.loads(plan.settings(stage, owner).execution_json())


def test_the_graph_of_artefacts_names_only_artefacts_and_sections(values):
    p = plan(values)
    sections = set(type(p.config.stages()).model_fields)
    for name, artefact in artefacts().items():
        assert artefact.parents <= set(artefacts())
        assert p.reads(name) <= sections | set(FACTS)


def test_a_variant_owns_what_it_changes_and_all_downstream_of_it(values):
    p = plan(values, variants={"win3": {"windows": {"size": 3}}})
    of_variant = {a for a in artefacts() if "variants" in p.home(a, "sub1/variants/win3")}
    assert of_variant == {a for a in artefacts() if "windows" in p.reads(a)}
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


RESEEDED = ("mbm_tuning", "contrastive", "video_tuning", "cotraining", "reconstruction")


def homes(plan, variant):
    return {a: plan.home(a, f"sub1/variants/{variant}") for a in artefacts()}


def test_replicates_differ_in_the_seeds_of_the_subjects_trainings(values):
    p = plan(values, replicates=3, variants={"win1": {"contrastive": {"seed": 7}}})
    names = ["replicate-2", "replicate-3", "win1.replicate-2", "win1.replicate-3"]
    assert p.config.models == ["win1", *names]
    assert p.config.replicates_of("win1") == names[2:]
    for n, name in zip((1, 2, 1, 2), names):
        repeated = p.stages["win1" if name.startswith("win1") else None].model_dump()
        for section in RESEEDED:
            repeated[section]["seed"] += n
        assert p.stages[name].model_dump() == repeated
    assert p.stages["win1.replicate-3"].contrastive.seed == 9


def test_replicates_share_what_does_not_depend_on_seeds(values):
    p = plan(values, replicates=2, variants={"win1": {"windows": {"size": 1}}})
    full = homes(p, "replicate-2")
    of_replicate = {a for a, home in full.items() if "variants" in home}
    assert of_replicate == {a for a in artefacts() if p.reads(a) & set(RESEEDED)}
    assert {"pretraining", "latents", "captions", "windows", "motion"}.isdisjoint(of_replicate)
    assert full["video_tuning"] == "shared/variants/replicate-2"
    assert full["mbm_tuning"] == "sub1/variants/replicate-2"
    ablated = homes(p, "win1.replicate-2")
    assert ablated["video_tuning"] == "shared/variants/replicate-2"  # of the full model
    assert ablated["windows"] == "sub1/variants/win1"  # of the variant
    assert ablated["mbm_tuning"] == "sub1/variants/win1.replicate-2"
    assert ablated["selection"] == "sub1"


def test_a_variant_without_contrastive_learning_is_trained_again_downstream(values):
    changes = {"contrastive": {"modalities": []}}
    p = plan(values, replicates=2, variants={"without": changes})
    home = homes(p, "without.replicate-2")
    assert home["cotraining"] == home["scoring"] == "sub1/variants/without.replicate-2"
    assert home["mbm_tuning"] == "sub1/variants/replicate-2"


def test_one_training_is_the_default_and_adds_no_model(values):
    p = plan(values)
    assert p.config.replicates == 1
    assert p.config.models == [*values["variants"]]
    assert all(not row.replicates for row in table_rows(p.config))


def test_rows_of_the_tables(values):
    tables = {"baselines": ["shuffled", "window-1"], "variants": ["other", "shuffled"]}
    variants = values["variants"] | {"other": {"windows": {"size": 4}}}
    p = plan(values, replicates=2, tables=tables, variants=variants)
    rows = {row.label: row for row in table_rows(p.config) if row.owner}
    assert [*rows][-2:] == ["shuffled", "other"]
    assert [label for label, row in rows.items() if row.baseline] == ["Window size 1", "shuffled"]
    assert rows["Full model"].replicates == ["sub1/variants/replicate-2"]
    assert rows["Subject 2"].replicates == ["sub2/variants/replicate-2"]
    assert rows["shuffled"].replicates == ["sub1/variants/shuffled.replicate-2"]


@pytest.mark.parametrize("name", ["replicate-3", "win1.replicate-2"])
def test_a_variant_with_the_name_of_a_replicate_is_refused(values, name):
    variants = {"win1": {"windows": {"size": 1}}, name: {}}
    with pytest.raises(InputError, match=f"replicates: 3 names a replicate {name}, .*rename"):
        plan(values, replicates=3, variants=variants)
    assert name in plan(values, variants=variants).config.models


def test_baselines_are_variants(values):
    with pytest.raises(InputError, match=r"tables.baselines names linaer, but variants has window"):
        plan(values, tables={"baselines": ["linaer"]})


@pytest.mark.parametrize("stage", IN_THE_WORKFLOW)
def test_settings_are_json_in_a_fixed_order(stage, values):
    section = read_stage(stage).makes[0].section if read_stage(stage).makes else ""
    first = plan(values).settings(stage, "sub1", "seg1", section).deciding_json()
    assert isinstance(json.loads(first), dict)
    assert first == plan(values).settings(stage, "sub1", "seg1", section).deciding_json()


def test_a_variant_has_its_own_cleaned_runs_only_if_it_keeps_other_volumes(values):
    variants = {
        "late": {"windows": {"lag": 1}},
        "wide": {"windows": {"size": 3}},
        "same": {"windows": {"lag": 0}},
        "fast": {"clips": {"fps": 6}},
        "long": {"clips": {"seconds": 3.0}},
    }
    p = plan(values, variants=variants)  # with `end: repeat`, as the demo has

    def own(plan, artefact):
        return {v for v in variants if "variants" in plan.home(artefact, f"sub1/variants/{v}")}

    assert own(p, "clean") == {"late", "long"}
    assert own(p, "selection") == {"late", "long"}
    assert own(p, "windows") == {"late", "wide", "same", "long"}
    assert own(p, "clips") == {"fast", "long"}
    recorded = plan(values, variants=variants, windows={"end": "recorded"})
    assert own(recorded, "clean") == {"late", "wide", "long"}


def test_sections_that_a_stage_reads_follow_from_its_settings(values):
    reads = plan(values).reads
    assert reads("samples") == {"samples", "encoder"}
    assert reads("pretraining") == {"samples", "encoder", "pretraining"}
    times = {"lag", "clip_seconds", "n_volumes", "n_volumes_of_film", "n_clips_of_segments"}
    times |= {"encoding_times", "encoding_fps"}
    sections = {"regions", "clean", "selection", "windows", "encoder"}
    assert reads("windows") == sections | times
    assert reads("clean") == {"regions", "clean", "lag", "n_volumes", "n_volumes_of_film"}
    assert reads("scenes") == {"clips", "clip_seconds", "captions", "scenes"}


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
    assert settings("clean", "seg1")["lag"] == 0
    assert settings("clean", "seg1", windows={"lag": 3})["lag"] == 3


def test_settings_of_execution_are_given_but_not_compared(values):
    before, after = plan(values), plan(values, reconstruction={"batch_size": 7, "seed": 3})
    given = {"batch_size": 7, "compile": False, "tf32": True}
    assert execution(after, "reconstruct") == given
    assert not given.keys() & json.loads(deciding(after, "reconstruct")).keys()
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


def test_the_most_samples_are_those_of_the_pretraining_only(values):
    plan = Plan(check_config(values, "test"))
    assert plan.settings("mbm", "shared", section="pretraining").most == 600_000
    assert plan.settings("mbm", "sub1", section="mbm_tuning").most is None
    assert "most" not in plan.settings("samples", "shared").model_dump()
    assert "samples" in sections_read(MbmSettings, "pretraining")
    assert "samples" not in sections_read(MbmSettings, "mbm_tuning")
