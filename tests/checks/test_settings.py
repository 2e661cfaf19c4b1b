"""What stages would refuse later is found before any work, in the model and in each variant."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml

from mindvideo.checks.settings import check_settings
from mindvideo.cli import main
from mindvideo.config import check_config
from mindvideo.errors import InputError
from tests.checks.few import check, values


def test_nothing_is_wrong_with_a_sound_configuration(here):
    assert check() == {}


# --- selection ------------------------------------------------------------------------------------


def test_a_t_test_over_four_films_is_said_to_find_little_and_how_many_it_needs(here):
    said = check(selection={"criterion": "significance", "n_voxels": None})
    assert set(said) == {"selection (a)", "selection (b)"}
    for part in (
        "warning: few voxels will be found significant",
        "4 training segments (3 degrees of freedom) at P < 0.01 (bonferroni",
        "r of about 1.00 in every segment",
        "For r = 0.3 it needs about 12 segments",
        "selection.criterion: threshold or best",
    ):
        assert part in said["selection (a)"]


def test_signed_ranks_over_four_films_are_an_error(here):
    said = check(selection={"criterion": "significance", "n_voxels": None, "statistic": "wilcoxon"})
    assert "error: Wilcoxon's signed ranks" in said["selection (a)"]
    assert "no p below 0.0625" in said["selection (a)"]


def test_more_best_voxels_than_there_are_and_a_fraction_of_them_below_a_patch(here):
    assert (
        "error: selection.n_voxels is 90000"
        in check(selection={"n_voxels": 90000})["selection (b)"]
    )
    said = check(selection={"n_voxels": 3, "areas": ["V1"]}, encoder={"patch_size": 400})
    assert "fewer than a patch of 400" in said["selection (a)"]


def test_one_training_segment_of_a_subject_is_too_few(here):
    runs = [f"a {segment}_{repetition}" for segment in ("s2", "s3", "s4") for repetition in (1, 2)]
    said = check(dataset={"exclude": runs})
    assert said["selection (a)"].startswith(
        "error: The test over training segments needs at least 2 of them, found 1: add more, or "
        "set selection.by: areas"
    )
    assert check(dataset={"exclude": runs}, selection={"by": "areas", **ALL}) == {}


ALL = {"criterion": "significance", "n_voxels": None}
ONCE = {"repetitions": {"train": 1, "test": 2}}


def test_films_shown_once_need_another_way_to_select(here):
    said = check(dataset=ONCE)
    assert set(said) == {"selection (a)", "selection (b)"}
    assert "s1, s2, s3 and 1 more: only one repetition" in said["selection (a)"]
    for by in ("areas", "subjects", "encoding"):
        assert by in said["selection (a)"]
        others = ALL if by == "areas" else {}
        assert check(dataset=ONCE, selection={"by": by, **others}) == {}
    (place,) = check(dataset=ONCE | {"exclude": ["b s1_1"]}, selection={"by": "subjects"})
    assert place == "selection (a)"


def test_one_segment_that_one_subject_saw_once(here):
    said = check(dataset={"exclude": ["b s2_2"]})
    assert said == {"selection (b)": said["selection (b)"]}
    assert said["selection (b)"].startswith("error: s2: only one repetition")


def test_the_only_subject_has_nobody_to_be_compared_with(here):
    said = check(dataset={"subjects": {"a": "a"}}, selection={"by": "subjects"})
    assert "dataset.subjects names one subject" in said["selection (a)"]


def test_two_segments_are_too_few_to_test_predictions(here):
    two, test = {"train": ["s1", "s2"]}, {"criterion": "significance", "n_voxels": None}
    said = check(dataset=two, selection={"by": "encoding", **test})
    assert "needs at least 3 training segments, found 2" in said["selection (a)"]
    assert check(dataset=two, selection={"by": "encoding"}) == {}


def test_a_segment_that_nobody_else_saw_is_named(here):
    runs = [f"b s3_{repetition}" for repetition in (1, 2)]
    said = check(dataset={"exclude": runs}, selection={"by": "subjects"})
    assert set(said) == {"selection (a)"}
    assert "no other subject saw s3" in said["selection (a)"]


def test_networks_and_masks_are_checked(here):
    said = check(selection={"networks": ["viscent", "VisPeri"], "mask": "{subject}_visual.nii.gz"})
    assert "Did you mean VisCent?" in said["selection.networks"]
    assert said["selection.mask (a)"] == "error: no such file: a_visual.nii.gz"
    image = nib.load(here / "a_s1_1.nii.gz")
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), image.affine), "a_visual.nii.gz")
    ones = np.ones(image.shape[:3], np.uint8)
    nib.save(nib.Nifti1Image(ones, image.affine), "b_visual.nii.gz")
    said = check(selection={"mask": "{subject}_visual.nii.gz"})
    assert set(said) == {"selection.mask (a)"}
    assert "this mask has 3×3×3 voxels" in said["selection.mask (a)"]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({"by": "areas"}, "by: areas selects all voxels, without a criterion"),
        ({"mask": "{name}.nii"}, r"mask: '\{name\}.nii' has \{name\}; \{subject\} can be filled"),
        ({"delays": []}, "at least 1 item"),
        ({"by": "repetitions"}, "repeats"),
        ({"by": "encoding", "statistic": "wilcoxon"}, "by: encoding needs statistic: t"),
    ],
)
def test_settings_that_do_not_fit_are_refused(selection, said):
    with pytest.raises(InputError, match=said):
        check_config(values(selection=selection), "test")


def test_one_training_segment_is_enough_for_areas(here):
    one = {"train": ["s1"]}
    with pytest.raises(InputError, match=r"1 training segments; .* selection.by: repeats"):
        check_config(values(dataset=one), "test")
    areas = {"by": "areas", **ALL}
    with pytest.raises(InputError, match=r"at least 2 are needed for variants.x: cotraining.enc"):
        check_config(
            values(
                dataset=one, selection=areas, variants={"x": {"cotraining": {"encoder": "ridge"}}}
            ),
            "test",
        )
    assert check(dataset=one, selection=areas) == {}


def test_areas_that_the_atlas_lacks_are_named_with_the_near_one_and_the_variant(here):
    said = check(
        samples={"areas": ["V1", "V9"]}, variants={"small": {"selection": {"areas": ["mt"]}}}
    )
    assert set(said) == {"samples.areas", "variants.small: selection.areas"}
    assert (
        "'mt' is not an area of the Glasser parcellation. Did you mean MT?"
        in said["variants.small: selection.areas"]
    )


def test_areas_need_an_atlas(here):
    said = check(
        dataset={"mask": "{subject}.nii.gz"},
        regions={"atlas": False},
        selection={"areas": ["V1"]},
    )
    assert "no voxel has an area" in said["selection.areas"]


# --- runs -----------------------------------------------------------------------------------------


def test_a_table_without_a_column_is_named(here):
    (here / "a_s2_1.tsv").write_text((here / "a_s2_1.tsv").read_text().replace("rot_z", "rotz"))
    said = check(clean={"confounds": ["motion6"]})
    assert set(said) == {"a_s2_1.tsv"}
    assert "error: no column rot_z for clean.confounds: motion6" in said["a_s2_1.tsv"]
    (variant,) = check(variants={"strict": {"clean": {"confounds": ["motion6"]}}})
    assert variant == "variants.strict: a_s2_1.tsv"


def test_confounds_that_leave_nothing_or_little_of_a_run_are_counted(here):
    columns = [f"c{i}" for i in range(40)]
    assert check(clean={"confounds": columns, "detrend_order": 4}) == {}
    said = check(clean={"confounds": columns, "detrend_order": 5})
    assert len(said) == 20
    assert "warning: drift and confounds use 46 of 61 degrees" in said["a_s1_1.tsv"]
    said = check(clean={"confounds": columns, "detrend_order": 20})
    assert "error: 61 volumes are too few to regress out 61" in said["a_s1_1.tsv"]


def test_a_table_of_confounds_shorter_than_its_run_is_named(here):
    lines = (here / "a_s2_1.tsv").read_text().splitlines()
    (here / "a_s2_1.tsv").write_text("\n".join(lines[:61]) + "\n")
    said = check(clean={"confounds": ["motion6"]})
    assert set(said) == {"a_s2_1.tsv"}
    assert said["a_s2_1.tsv"].startswith("error: 60 rows, but 64 volumes of the run are read")


def test_censoring_is_checked_beforehand(here):
    """Displacement in a run's first volumes; the column is missing in all the others."""
    said = check(clean={"censor": {"fd": 0.5}})
    assert len(said) == 20
    assert "error: no column framewise_displacement, which clean.censor" in said["a_s1_1.tsv"]
    for number, path in enumerate(sorted(here.glob("*.tsv"))):
        if path.name.endswith("shots.tsv"):
            continue
        table = pd.read_csv(path, sep="\t")
        n_moved = {0: 56, 1: 46}.get(number, 3)  # the first three are not read
        table["framewise_displacement"] = np.where(np.arange(len(table)) < n_moved, 1.0, 0.1)
        table.to_csv(path, sep="\t", index=False)
    said = check(clean={"censor": {"fd": 0.5}})
    assert set(said) == {"a_s1_1.tsv", "a_s1_2.tsv"}
    assert said["a_s1_1.tsv"].startswith(
        "error: 53 of 61 volumes are censored (clean.censor). 8 volumes are too few to regress out "
    )
    assert "and 43 censored volumes use 48 of 61 degrees of freedom" in said["a_s1_2.tsv"]


def test_patterns_of_a_strategy_of_the_users_that_match_nothing_are_warned_of(here):
    strategy = {"name": "mine.yaml", "columns": ["c1", "c3?", "motion_outlyer*"]}
    said = check(clean={"confounds": [strategy]})
    assert set(said) == {f"{subject} clean.confounds: mine.yaml" for subject in "ab"}
    assert "10 tables is named motion_outlyer*" in said["a clean.confounds: mine.yaml"]


def test_drift_is_compared_with_the_length_of_a_segment(here):
    assert "error: 61 volumes are too few" in check(clean={"detrend_order": 61})["clean (s1)"]
    said = check(clean={"high_pass": 500})
    assert said["clean.high_pass"].startswith("warning: a period of 500 s is longer than twice")
    assert check(clean={"high_pass": 128}) == {}
    assert "error: 61 volumes are too few" in check(clean={"high_pass": 3})["clean (s1)"]


@pytest.mark.parametrize(
    ("fwhm", "said"),
    [(0.006, "has almost no effect: voxels measure 8 mm"), (60, "is it in mm?")],
)
def test_smoothing_is_compared_with_the_voxels(here, fwhm, said):
    assert said in check(clean={"smooth": fwhm})["clean.smooth"]


def test_a_lag_beyond_a_segment_is_refused_when_the_configuration_is_read(here):
    none_after = {"default": {"drop_start": 0, "drop_end": 0}}
    with pytest.raises(InputError, match=r"s2: windows of 2 volumes, 3 .* in the 3 volumes that"):
        check(dataset={"timing": none_after, "clips_per_segment": {"default": 60, "s2": 3}})
    with pytest.raises(InputError, match=r"variants\.late: s1: windows of 2 volumes, 64 volumes"):
        check(variants={"late": {"windows": {"lag": 64}}})


def test_windows_longer_than_a_segment_are_refused(here):
    with pytest.raises(InputError, match=r"s1: windows of 62 volumes, 3 .* in the 64 volumes that"):
        check(windows={"size": 62})
    trained = ("contrastive", "cotraining", "mbm_tuning", "video_tuning")
    one = {section: {"batch_size": 1} for section in trained}
    assert check(windows={"size": 60}, **one) == {}


# --- trainings ------------------------------------------------------------------------------------


def test_batches_larger_than_the_examples_are_named(here):
    said = check(
        contrastive={"batch_size": 241},
        cotraining={"batch_size": 240},
        mbm_tuning={"batch_size": 242},
        video_tuning={"batch_size": 300},
        pretraining={"batch_size": 26},
    )
    assert said["contrastive (a)"].startswith("error: batch_size: 241, but there are only 240")
    assert said["mbm_tuning (b)"].startswith("error: batch_size: 242, but there are only 240")
    assert said["video_tuning"].startswith("error: batch_size: 300, but there are only 240")
    assert said["pretraining"].startswith("error: batch_size: 26, but there are only 25")
    assert len(said) == 6


def test_fewer_samples_than_a_batch_are_named(here):
    said = check(samples={"most": 10})
    assert said["samples.most"] == "error: 10 samples, fewer than pretraining.batch_size: 20"


def test_training_that_is_left_out_needs_no_examples(here):
    none = {"duration": 0, "batch_size": 10_000}
    left_out = ("contrastive", "cotraining", "mbm_tuning", "video_tuning", "pretraining")
    assert check(**dict.fromkeys(left_out, none)) == {}


def test_a_mask_that_hides_every_patch_is_refused(here):
    said = check(encoder={"patch_size": 4096}, pretraining={"mask_ratio": 0.75})
    assert "mask_ratio: 0.75 of 2 patches" in said["pretraining"]
    assert "mask_ratio: 0.75 of 1 patches" in said["mbm_tuning (a)"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"encoder": {"embed_dim": 100}}, "embed_dim 100 is not divisible by num_heads 16"),
        ({"encoder": {"decoder_num_heads": 7}}, "decoder_embed_dim 512 is not divisible by"),
        (
            {"encoder": {"embed_dim": 15, "num_heads": 5}},
            "embed_dim 15: sine-cosine positions need an even width",
        ),
        ({"cotraining": {"warmup": 1500}}, "warmup: 1500 of 1500 steps"),
        (
            {"video_tuning": {"accumulate": 15}},
            "batch_size: 14, but accumulate: 15 needs an example",
        ),
        ({"contrastive": {"accumulate": 2}}, "accumulate: 2, but this loss compares"),
        ({"pretraining": {"mask_ratio": 1}}, r"pretraining\.mask_ratio: Input should be less than"),
    ],
)
def test_numbers_that_do_not_fit_are_refused_when_the_configuration_is_read(section, said):
    with pytest.raises(InputError, match=said):
        check_config(values(**section), "test")


# --- scores ---------------------------------------------------------------------------------------


def test_tables_of_shots_are_read_as_the_score_reads_them(here):
    scoring = {"attributes": {"kind": "image"}, "subset": "rare"}
    assert check(scoring=scoring) == {}
    assert "no column colour" in check(scoring={"attributes": {"colour": "image"}})["t1_shots.tsv"]
    shots = pd.DataFrame(
        {"start": [0, 30], "end": [30, 100], "kind": ["dog", "zzyx"], "rare": [0, 2]}
    )
    shots.to_csv("t1_shots.tsv", sep="\t", index=False)
    said = check(scoring=scoring)
    assert "'zzyx': not a word in any of the" in said["scoring.attributes"]
    assert "expected 0 or 1" in said["scoring.subset"]
    shots.assign(end=[30, 50]).to_csv("t1_shots.tsv", sep="\t", index=False)
    assert "no shot during clip 34" in check(scoring=scoring)["t1_shots.tsv"]


def test_classes_layers_and_areas_that_are_not_there_are_named(here):
    pd.DataFrame({"area": ["V1", "v2"], "form": [1, 2]}).to_csv("truth.tsv", sep="\t", index=False)
    config = check_config(
        values(
            scoring={"n_way": [2, 500]},
            interpretation={"layers": ["last"], "truth": "truth.tsv"},
            tables={"methods": {"other": "nowhere/metrics.tsv"}},
        ),
        "test",
    )
    said = {f"{f.place}: {f.message}" for f in check_settings(config)}
    assert any("no 500-way accuracy by the video classifier: it has 192" in one for one in said)
    assert any("interpretation.layers: last: the figure" in one for one in said)
    assert any("such as v2" in one for one in said)
    assert any("should contain metrics.tsv" in one for one in said)


# --- the command ----------------------------------------------------------------------------------


def test_the_command_names_the_variant_and_fails(here, capsys):
    config = values(variants={"late": {"clean": {"detrend_order": 61}}})
    (here / "config.yaml").write_text(yaml.safe_dump(config))
    assert main(["check-dataset", "config.yaml"]) == 1
    said = capsys.readouterr().out
    assert "variants.late: clean (s1)" in said
    main(["check-dataset", "config.yaml", "--only", "dataset"])
    assert "variants.late" not in capsys.readouterr().out
