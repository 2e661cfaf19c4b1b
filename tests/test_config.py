"""The configuration: typed, complete in its errors."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mindvideo.config import Config, check_config, load_config
from mindvideo.errors import InputError, RenamedSetting
from mindvideo.plan import Plan
from mindvideo.run_table import write_runs


@pytest.fixture
def values():
    """The demo's configuration, whose variants may be replaced: no table names them."""
    return yaml.safe_load(Path("config/config.yaml").read_text()) | {"tables": {}}


@pytest.mark.parametrize("path", ["config/config.yaml", "config/wen2018.yaml"])
def test_the_shipped_configurations_are_valid(path):
    check_config(yaml.safe_load(Path(path).read_text()), path)


def test_the_schema_file_is_that_of_the_settings():
    with open("workflow/schemas/config.schema.json") as stream:
        assert json.load(stream) == Config.model_json_schema()


def test_a_typo_is_named_with_the_likely_word(values):
    values["contrastive"]["bacth_size"] = 3
    with pytest.raises(InputError, match=r"contrastive.bacth_size: no such.*'batch_size'"):
        check_config(values, "config.yaml")


def test_all_errors_are_reported_at_once(values):
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


@pytest.mark.parametrize(
    ("section", "changes", "said"),
    [
        (None, {"tr": 2}, "  tr: no such setting; is it dataset.tr or pretraining_data.tr?"),
        ("windows", {"smooth": 4}, "  windows.smooth: no such setting; is it clean.smooth?"),
        ("clean", {"low_pass": 0.1}, "  clean.low_pass: no such setting"),
        (
            "pretraining",
            {"mask_ratio": 75},
            "expected a fraction from 0 to 1: did you mean 0.75?",
        ),
        ("clips", {"fps": 3.2}, "\n  clips.fps: a clip of 2 s at 3.2 frames per second"),
    ],
)
def test_what_is_wrong_is_said_where_it_belongs(values, section, changes, said):
    if section:
        values.setdefault(section, {}).update(changes)
    else:
        values |= changes
    with pytest.raises(InputError) as error:
        check_config(values, "config.yaml")
    assert said in str(error.value)
    assert "(whole)" not in str(error.value)


def test_what_is_missing_is_said_with_what_it_is(values):
    del values["dataset"]
    with pytest.raises(InputError, match=r"dataset: is missing; needed: .*config/datasets/"):
        check_config(values, "config.yaml")


def test_a_variant_is_checked_like_the_whole(values):
    values["variants"]["wide"] = {"windows": {"sise": 3}}
    with pytest.raises(InputError, match=r"windows\.sise"):
        check_config(values, "config.yaml")


@pytest.mark.parametrize(
    ("full", "changes"),
    [
        ({}, {"share": 0.3}),
        ({"fraction": 0.4}, {"share": 0.3}),
        ({"share": 0.4}, {"fraction": 0.3}),
        ({"share": 0.4}, {"share": 0.3}),
    ],
)
def test_a_variant_changes_a_setting_by_its_old_or_its_current_name(values, full, changes):
    values["selection"] = full
    values["variants"] = {"fewer": {"selection": changes}}
    with pytest.warns(RenamedSetting, match="the setting share is now called fraction"):
        fewer = check_config(values, "config.yaml").stages("fewer")
    assert fewer.selection.fraction == 0.3


def test_an_old_name_is_reported_once_in_a_line():
    code = (
        "from mindvideo.cli import main; main(['--version'])\n"
        "from mindvideo.settings.fmri import Selection\n"
        "Selection(share=0.3); Selection(share=0.2)\n"
        "import warnings; warnings.warn('another')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, *others = done.stderr.splitlines()
    assert first == "the setting share is now called fraction"
    assert others == ["<string>:4: UserWarning: another"]


@pytest.mark.filterwarnings("ignore::mindvideo.errors.RenamedSetting")
def test_a_setting_by_both_its_names(values):
    values["variants"] = {"fewer": {"selection": {"share": 0.3, "fraction": 0.4}}}
    match = r"share is now called fraction, and both are given: leave share out"
    with pytest.raises(InputError, match=r"variants.fewer.selection: " + match):
        check_config(values, "config.yaml")
    values |= {"selection": {"share": 0.3, "fraction": 0.4}, "variants": {}}
    with pytest.raises(InputError, match=r"  selection: " + match):
        check_config(values, "config.yaml")


def test_all_that_is_wrong_with_all_variants_is_said_with_their_names(values):
    values["clips"]["fps"] = "three"
    values["variants"] |= {
        "wide": {"windows": {"sise": 3}, "contrastive": {"lr": "fast"}},
        "wider": {"windws": {"size": 3}},
        "still": {"reconstruction": {"moving_noise": True, "shared_noise": 0}},
        "fewer": {"clips": {"size": 12}},
    }
    with pytest.raises(InputError) as error:
        check_config(values, "config.yaml")
    lines = str(error.value).splitlines()
    starts = [
        "config.yaml:",
        "  clips.fps: ",
        "  variants.wide.windows.sise: no such setting; did you mean 'size'?",
        "  variants.wide.contrastive.lr: ",
        "  variants.wider.windws: no such setting; did you mean 'windows'?",
        "  variants.still.reconstruction: moving_noise: true, but shared_noise is 0",
        "  variants.fewer.clips.size: ",
    ]
    assert [line.startswith(start) for line, start in zip(lines, starts)] == [True] * len(starts)
    assert len(lines) == len(starts)


def test_what_is_no_setting_of_a_variant_is_said_once(values):
    values["variants"]["other"] = {"results": "elsewhere", "dataset": "other.yaml"}
    with pytest.raises(InputError) as error:
        check_config(values, "config.yaml")
    assert sorted(str(error.value).splitlines()[1:]) == [
        f"  variants.other.{name}: no such setting of a variant: it is the same for all variants"
        for name in ("dataset", "results")
    ]


def test_the_noise_of_one_image_does_not_move(values):
    moving, still = {"moving_noise": True, "shared_noise": 1}, {"moving_noise": False}
    sections = ("video_tuning", "cotraining", "reconstruction")
    image = values["variants"]["image"] = {"video_model": {"still": True}}
    for section in sections:
        values[section] = moving
        image |= dict.fromkeys(sections, still) | {section: moving}
        said = rf"variants\.image: video_model\.still: true, but {section}\.moving_noise: true"
        with pytest.raises(InputError, match=said):
            check_config(values, "config.yaml")
    image |= dict.fromkeys(sections, moving)
    with pytest.raises(InputError, match=r"but video_tuning\..*, cotraining\..*, reconstruction\."):
        check_config(values, "config.yaml")
    image |= dict.fromkeys(sections, still)
    assert check_config(values, "config.yaml").stages("image").video_model.still


def test_one_image_has_no_temporal_part_to_train(values):
    still, temporal = {"video_model": {"still": True}}, {"unet_parts": ["temporal"]}
    values["variants"] = {"image": {**still, "cotraining": temporal}}
    said = r"variants\.image: video_model\.still: true, but cotraining\.unet_parts: \[temporal\]"
    with pytest.raises(InputError, match=said):
        check_config(values, "config.yaml")
    values["variants"] = {"image": {**still, "cotraining": {"moving_noise": False}}}
    with pytest.raises(InputError, match="moving_noise"):  # of the other sections, but no parts
        check_config(values, "config.yaml")


def test_new_motion_modules_are_not_trained_in_low_rank(values):
    values["video_model"] = {"kind": "motion-adapter"}
    values["video_tuning"] = {"lora_rank": 4}
    with pytest.raises(InputError, match=r"lora_rank: 4, but the motion modules are new, and low"):
        check_config(values, "config.yaml")
    values["video_tuning"] |= {"unet_parts": ["spatial"]}
    assert check_config(values, "config.yaml")
    values["video_tuning"] = {"lora_rank": 4}
    values["pretrained"] = {**values.get("pretrained", {}), "motion_adapter": "org/adapter"}
    assert check_config(values, "config.yaml")


@pytest.mark.parametrize(("fraction", "meant"), [(50, 0.5), ("2", 0.02), ("5e0", 0.05)])
def test_a_fraction_in_percent_is_answered_whether_number_or_text(values, fraction, meant):
    values["selection"] = {"fraction": fraction}
    with pytest.raises(InputError, match=rf"selection\.fraction: .* did you mean {meant}\?"):
        check_config(values, "config.yaml")


@pytest.mark.parametrize("old", ["no", False])
def test_single_precision_was_called_no(values, old):
    values["cotraining"] = {"precision": old}
    with pytest.warns(RenamedSetting, match="precision: no is now called fp32"):
        assert check_config(values, "config.yaml").cotraining.precision == "fp32"


@pytest.mark.parametrize("path", ["wen2018", "bids", "hcp1200", "wen2018-cifti"])
def test_a_description_given_as_configuration_is_recognised(path):
    path = Path(f"config/datasets/{path}.yaml")
    key = "pretraining_data" if path.stem == "hcp1200" else "dataset"
    with pytest.raises(InputError, match=f"names it: `{key}: {path}`") as error:
        load_config(path)
    assert "no such setting" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{sub01: 01}", r'line 2: YAML reads 01 as the number 1, .*: write "01" in quotes'),
        (
            "{sub01: 1_000}",
            "sub01: expected text, but YAML reads this as a number: put the text in",
        ),
        ("{sub01: yes}", "sub01: expected text, but YAML reads yes, no, .* quotes.*; found True"),
        ("{sub01: ~}", "sub01: expected text, but YAML reads ~, null and .* as nothing: put"),
        ("{sub01: 2020-01-01}", "sub01: expected text, but YAML reads this as a date: put"),
        ("{1: a}", r"subjects\.1: expected text, but YAML reads this as a number"),
        ("{sub/1: a}", r"expected a name \(letters, digits and . _ -\) that starts with a letter"),
        ("[sub1]", r"expected pairs of a name and a value, such as { name: value }; found \['sub1"),
    ],
)
def test_names_that_yaml_takes_for_something_else(tmp_path, text, match):
    path = tmp_path / "c.yaml"
    path.write_text(
        f"dataset:\n  subjects: {text}\n  like: config/datasets/demo.yaml\n"
        "pretraining_data: config/datasets/hcp1200.yaml\n"
    )
    with pytest.raises(InputError, match=match):
        load_config(path)


@pytest.mark.parametrize(
    ("section", "said", "match"),
    [
        ("clean", {"high_pass": 0.008}, "clean.high_pass: .*Hz.* Did you mean a period of 125 s?"),
        ("clean", {"high_pass": 0.01}, "Did you mean a period of 100 s?"),
        (
            "selection",
            {"fraction": 50},
            "selection.fraction: expected a fraction .*: did you mean 0.5?",
        ),
        ("pretraining_data", {"tr": 720}, "pretraining_data.tr: .* did you mean 0.72 s?"),
        ("scenes", {"corrections": "{segment}_{subject}"}, "corrections: .* has {subject}; {segme"),
        ("clean", None, "clean: expected settings with their values, such as { name: value }"),
    ],
)
def test_values_in_another_unit_or_form_are_answered_with_the_right_one(
    values, section, said, match
):
    full = values.get(section) or {}
    with pytest.raises(InputError, match=match):
        check_config(values | {section: full | said if said else None}, "config.yaml")


@pytest.mark.parametrize("results", ["out/", "./out", "a/../out"])
def test_the_folder_of_results_is_written_in_one_way(values, results):
    assert check_config(values | {"results": results}, "").results == "out"


def test_the_folder_of_results_is_no_template(values):
    with pytest.raises(InputError, match=r"results: results: '{subject}/x' has {subject}; nothing"):
        check_config(values | {"results": "{subject}/x"}, "")


def test_what_a_variant_cannot_change(values):
    values["variants"] = {"other": {"dataset": {"lag": 2}}}
    with pytest.raises(
        InputError, match=r"other\.dataset: no such setting of a variant: it is the same"
    ):
        check_config(values, "")


def test_a_period_of_seconds_is_one(values):
    assert check_config(values | {"clean": {"high_pass": 128}}, "").clean.high_pass == 128


def test_a_missing_data_set_file_is_named(values):
    with pytest.raises(InputError, match=r"no such file: nowhere\.yaml"):
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
        settings = json.loads(Plan(config).settings("reconstruct", "sub1").deciding_json())
        assert settings["num_frames"] == frames


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
    base |= {"exclude": ["subject1 seg3_2"], "expect": {"runs": {"sub1": 85}}}
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
    with pytest.raises(InputError, match=r"clean.confounds names motion6, but \d+ runs have"):
        check_config(values, "config.yaml")
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base["confounds"] = "{subject}_{segment}_{repetition}.tsv"
    check_config(values | {"dataset": base}, "config.yaml")
    values |= {"clean": {}, "variants": {"less": {"clean": {"confounds": ["csf"]}}}}
    with pytest.raises(InputError, match=r"variants.less.clean.confounds names csf"):
        check_config(values, "config.yaml")


def test_native_space_needs_a_mask(values):
    values |= {"regions": {"atlas": False}}
    with pytest.raises(InputError, match=r"regions.atlas is false.*dataset.mask is None"):
        check_config(values, "config.yaml")
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    for template in ("{subject}_mask.nii.gz", "{subject}_{segment}_{repetition}_mask.nii.gz"):
        base["mask"] = template
        check_config(values | {"dataset": base}, "config.yaml")


def test_native_space_with_masks_in_the_table_of_runs(values, tmp_path):
    dataset = check_config(values, "config.yaml").dataset
    masked = [run.model_copy(update={"mask": f"{run.path}_mask"}) for run in dataset.rows]
    base = yaml.safe_load(Path("config/datasets/demo.yaml").read_text())
    base |= {"runs": str(tmp_path / "runs.tsv"), "expect": None}
    Path(base["runs"]).write_text(write_runs(masked))
    values |= {"regions": {"atlas": False}, "dataset": base}
    assert len(check_config(values, "config.yaml").dataset.mask_paths("sub1")) > 2
    Path(base["runs"]).write_text(
        write_runs(
            [r for r in masked if r.subject == "sub1"]
            + [r for r in dataset.rows if r.subject == "sub2"]
        )
    )
    with pytest.raises(InputError, match=r"regions.atlas is false.*dataset.mask is None"):
        check_config(values, "config.yaml")


def test_the_test_segments_are_not_read_where_validation_segments_are_evaluated(values):
    with pytest.raises(InputError, match="evaluate: validation, but the data set demo has no"):
        check_config(values | {"evaluate": "validation"}, "test")
    held_out = values | {"dataset": "config/datasets/demo-validation.yaml"}
    config = check_config(held_out, "test")
    assert config.evaluated == config.dataset.test
    assert config.segments == config.dataset.segments
    config = check_config(held_out | {"evaluate": "validation"}, "test")
    assert config.evaluated == ["seg17", "seg18"]
    assert config.segments == [*config.dataset.train, "seg17", "seg18"]


def test_a_preset_is_the_settings_that_it_names(values):
    values["reconstruction"] = {"preset": "fast", "steps": 20, "guidance": 4}
    fast = check_config(values, "config.yaml").reconstruction
    assert (fast.scheduler, fast.steps, fast.precision) == ("dpm-solver++", 20, "auto")
    values["reconstruction"] = {
        "scheduler": "dpm-solver++",
        "steps": 20,
        "precision": "auto",
        "guidance": 4,
    }
    same = check_config(values, "config.yaml").reconstruction
    assert same == fast
    assert same.deciding_json() == fast.deciding_json()


def test_presets_have_the_values_that_their_description_gives():
    from mindvideo.settings.evaluation import PRESETS, Reconstruction

    text = Reconstruction.model_fields["preset"].description
    for name, settings in PRESETS.items():
        written = ", ".join(f"{key}: {value}" for key, value in settings.items())
        assert f"`{name}` (`{written}`)" in text
    paper = Reconstruction(**PRESETS["paper"])
    assert paper == Reconstruction()


def test_a_variants_preset_overrides_the_full_models_settings(values):
    values["reconstruction"] = {"scheduler": "ddim", "steps": 50, "guidance": 4}
    values["variants"] = {
        "fast": {"reconstruction": {"preset": "fast"}},
        "faster": {"reconstruction": {"preset": "fast", "steps": 5}},
    }
    config = check_config(values, "config.yaml")
    for name, steps in (("fast", 10), ("faster", 5)):
        section = config.stages(name).reconstruction
        assert (section.scheduler, section.steps, section.guidance) == ("dpm-solver++", steps, 4)
    values["reconstruction"] = {"preset": "fast"}
    values["variants"] = {"slow": {"reconstruction": {"steps": 50}}}
    section = check_config(values, "config.yaml").stages("slow").reconstruction
    assert (section.scheduler, section.steps) == ("dpm-solver++", 50)


def test_a_preset_that_does_not_exist_is_refused(values):
    values["reconstruction"] = {"preset": "quick"}
    with pytest.raises(InputError, match=r"reconstruction\.preset"):
        check_config(values, "config.yaml")
