"""The methods section follows from the settings, and from what was computed."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mindvideo.config import check_config, load_config
from mindvideo.figures.methods import Known, methods_page, methods_text
from mindvideo.figures.training_table import training_table
from mindvideo.io.sidecars import sidecar_path
from mindvideo.nuisance import Censor
from mindvideo.plan import Plan
from mindvideo.settings.stimuli import MotionPhrases
from mindvideo.sidecars import precisions
from mindvideo.stages.methods import as_computed, main

CONFIG = Path(__file__).parents[2] / "config"
MODELS = dict.fromkeys(
    ("stable_diffusion", "clip", "captioner", "image_classifier", "video_classifier"), "org/a"
)
KNOWN = Known(
    n_voxels=6016,
    models=MODELS,
    metrics=["video_2_way", "frame_2_way", "frame_50_way", "ssim", "retrieval_top_1"],
    versions={"mindvideo": "1.2", "torch": "2.14.1"},
)


def settings_of(config="wen2018.yaml", owner="sub1", **changes):
    settings = Plan(config if not isinstance(config, str) else load_config(CONFIG / config))
    settings = settings.settings("methods", owner)
    changed = {
        section: getattr(settings, section).model_copy(update=values)
        for section, values in changes.items()
    }
    return settings.model_copy(update=changed)


def text(*of, **changes):
    return "\n".join(methods_text(settings_of(*of, **changes), KNOWN).values())


def dataset(name, **changes):
    """The configuration of the Purdue data, with another data set."""
    values = yaml.safe_load((CONFIG / "wen2018.yaml").read_text()) | {"variants": {}, "tables": {}}
    described = yaml.safe_load((CONFIG / f"datasets/{name}.yaml").read_text()) | changes
    return check_config(values | {"dataset": described}, "test")


def test_the_papers_numbers_are_reported():
    reported = text()
    for fact in (
        "mindvideo 1.2",
        "subject sub1 of the data set wen2018 (Wen et al. 2018)",
        "18 training segments with two runs each and five test segments with 10 runs each;",
        "repetition time (TR) was 2 s",
        "test2, test3, test4 and test5, the first two and the last four volumes were discarded",
        "all other segments, the first volume and the last four were discarded",
        "The remaining 240 volumes",
        "began 4 s (two volumes) after the onset of the film",
        "no further lag",
        "runs of each segment were then averaged, in the training set as in the test set",
        "polynomial of order 4",
        "(one-sample t-test, one-sided, p < 0.01, Bonferroni-corrected). Of the significant "
        "voxels, the 50%",
        "6,016 voxels",
        "the responses in its two runs were correlated",
        "two consecutive volumes, the first of which is that of the clip",
        "patches of 16 voxels, width 1,024, 24 blocks, 16 attention heads",
        "75% of the patches masked",
        "V1, V2, V3 and V4, averaged over 7.2 s (10 volumes)",
        "(Radford et al. 2021; org/a) of captions and frames",
        "eight paraphrases",
        "dropout of the projection head was 0.6",
        "20% of the voxels of each window were set to zero",
        "six frames (3 frames/s)",
        "256 × 256 px",
        "200 steps of DDIM",
        "away from the null window, the mean of all training windows (scale 12.5)",
        "2-way and 50-way for frames",
        "2-way for clips",
        "torch 2.14.1",
    ):
        assert fact in reported
    assert "excluded" not in reported


def test_the_trainings_are_a_table():
    rows = {name: rest for name, *rest in training_table(settings_of())}
    assert rows["contrastive learning"][:5] == ["1,200 steps", "20", "2e-05", "none", "constant"]
    mbm = rows["masked brain modelling, other subjects"]
    assert mbm == [
        "500 epochs",
        "500",
        "0.00025",
        "40 epochs",
        "cosine",
        "0.9, 0.95",
        "0.05",
        "0.8",
    ]
    without = training_table(settings_of(contrastive={"modalities": []}))
    assert len(without) == len(rows) - 1
    none = {name: {"duration": 0} for name in ("pretraining", "mbm_tuning", "video_tuning")}
    assert [row[0] for row in training_table(settings_of(**none))] == [
        "contrastive learning",
        "co-training",
    ]


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"clean": {"high_pass": 128.0}}, "drift (discrete cosines with periods down to 128 s)"),
        ({"clean": {"confounds": ["motion6"]}}, "the six parameters of rigid motion"),
        (
            {"clean": {"confounds": ["motion24", "csf", "cosine*"]}},
            "(Friston et al. 1996); fMRIPrep's columns csf and cosine*",
        ),
        ({"clean": {"smooth": 4.0}}, "smoothed in the volume (Gaussian, FWHM 4 mm)"),
        ({"selection": {"areas": ["V1"]}}, "In each voxel of V1, these values were tested"),
        ({"selection": {"correction": "fdr_bh"}}, "Benjamini & Hochberg 1995"),
        ({"selection": {"statistic": "wilcoxon"}}, "(Wilcoxon signed-rank test, one-sided"),
        ({"selection": {"fraction": 1.0}}, "all significant voxels were selected"),
        (
            {"selection": {"criterion": "threshold", "min_r": 0.2, "areas": ["V1", "MT"]}},
            "voxels of V1 and MT with a mean correlation of at least 0.2 across training segments "
            "were selected (6,016 voxels)",
        ),
        (
            {"selection": {"criterion": "best", "n_voxels": 6016}},
            "The 6,016 voxels with the highest mean correlation",
        ),
        (
            {"selection": {"by": "areas", "areas": ["V1"], "min_tsnr": 20.0}},
            "All voxels of V1 with a temporal SNR of at least 20 in the raw training runs were "
            "selected (6,016 voxels), without a test",
        ),
        (
            {"selection": {"by": "subjects", "networks": ["VisCent", "VisPeri"]}},
            "Nastase et al. 2019). For each training segment and voxel, the response, averaged "
            "over runs, was correlated with the mean",
        ),
        (
            {"selection": {"by": "subjects", "networks": ["VisCent", "VisPeri"]}},
            "In each voxel in the networks VisCent and VisPeri (Yeo et al. 2011), these values",
        ),
        (
            {"selection": {"by": "encoding"}},
            "each reduced to at most 100 principal components, of the clip to which the response "
            "belongs and earlier ones (delays of 0, 1 and 2 clips)",
        ),
        ({"windows": {"size": 1}}, "one volume, that of the clip."),
        ({"windows": {"shuffle": True}}, "As a control, the windows of the training set"),
        ({"windows": {"null_window": "test-mean"}}, "the mean of all test windows"),
        ({"contrastive": {"modalities": []}}, "Contrastive learning was omitted."),
        ({"contrastive": {"modalities": ["text"]}}, "org/a) of captions."),
        ({"contrastive": {"duration": 0}}, "Contrastive learning was omitted."),
        (
            {"pretraining": {"duration": 0}},
            "(75% of the patches masked): on the volumes of the training windows of the subject, "
            "from random weights.",
        ),
        (
            {"mbm_tuning": {"duration": 0}},
            "averaged over 7.2 s (10 volumes), after the mean over the run had been subtracted, at "
            "most 600,000 samples, drawn at random in proportion from all subjects. By contrastive "
            "learning",
        ),
        (
            {"pretraining": {"duration": 0}, "mbm_tuning": {"duration": 0}},
            "Masked brain modelling was omitted",
        ),
        ({"video_tuning": {"duration": 0}}, "Video tuning on captions was omitted."),
        (
            {"video_model": {"kind": "motion-adapter"}},
            "was extended to clips of six frames by motion modules, transformers between frames "
            "(Guo et al. 2024; not trained before). Of its UNet, the attention layers and the "
            "motion modules were first tuned",
        ),
        (
            {
                "video_model": {"kind": "motion-adapter"},
                "video_tuning": {"unet_parts": ["temporal"]},
            },
            "Of its UNet, the motion modules were first tuned",
        ),
        (
            {"video_tuning": {"unet_parts": ["temporal"], "lora_rank": 16}},
            "Of its UNet, the temporal attention layers (updates of rank 16; Hu et al. 2022) were "
            "first tuned",
        ),
        (
            {"cotraining": {"unet_parts": ["spatial"]}},
            "with the fMRI tokens as the condition. Of the UNet, the spatial attention layers were "
            "trained.",
        ),
        (
            {"scenes": {"motion": MotionPhrases()}},
            "A phrase that tells the motion in the clip",
        ),
        ({"video_model": {"still": True}}, "trained on the middle frame of each clip"),
        ({"cotraining": {"duration": 0}}, "Co-training of UNet and encoder was omitted."),
        (
            {"cotraining": {"encoder": "ridge"}},
            "As a baseline, windows were encoded by a linear map in place of MinD-Video's",
        ),
        (
            {"cotraining": {"train": ["unet"]}},
            "The UNet was then trained on pairs of windows and clips of the training set, with the "
            "fMRI tokens as the condition; the encoder was frozen.",
        ),
        ({"cotraining": {"train": ["encoder"]}}, "the UNet was frozen."),
        ({"reconstruction": {"method": "nearest"}}, "by a copy of the training clip whose"),
        ({"mbm_tuning": {"mask_ratio": 0.5}}, "windows of the subject (50% masked)"),
        ({"reconstruction": {"negative": "none"}}, "DDIM (Song et al. 2021), without guidance."),
        ({"reconstruction": {"guidance": 1.0}}, "DDIM (Song et al. 2021), without guidance."),
        ({"reconstruction": {"negative": "zero"}}, "away from a window of zeros"),
        (
            {"reconstruction": {"negative": "mean-tokens"}},
            "away from the mean of the tokens of all training windows (scale 12.5)",
        ),
        ({"reconstruction": {"negative": "empty-caption"}}, "away from the text tokens of the"),
        (
            {"reconstruction": {"condition": "mean-tokens"}},
            "every clip had the same condition, the mean of the tokens of all training windows",
        ),
        ({"reconstruction": {"scheduler": "unipc"}}, "UniPC (Zhao et al. 2023)"),
        ({"reconstruction": {"shared_noise": 0.9}}, "shared 90% of the variance of the initial"),
        (
            {"reconstruction": {"shared_noise": 1.0, "moving_noise": True}},
            "from the same initial noise. The shared noise moved from frame to frame",
        ),
        (
            {"cotraining": {"shared_noise": 1.0, "moving_noise": True}},
            "In co-training, the frames of a clip shared 100% of the variance of the noise, and it "
            "moved from frame to frame with the motion of the clip (Burgert et al. 2025).",
        ),
        ({"reconstruction": {"precision": "fp16"}}, "computed in fp16"),
        ({"scoring": {"gt_classes": 1}}, "The most probable class of the stimulus counted"),
        ({"scoring": {"attributes": {"kind": "image", "scene": "image"}}}, "the kind and scene of"),
        ({"scoring": {"leave_out_cuts": True}}, "Clips in which the film is cut were left out"),
        ({"clips": {"fit": "pad"}}, "padded with black to a square"),
        ({"embeddings": {"synonyms": 0.0}}, "in which two words were swapped"),
    ],
)
def test_what_is_changed_is_reported(changes, fact):
    assert fact in text(**changes)
    assert fact not in text()


def test_what_became_of_pretraining_runs_is_reported():
    reported = text()
    assert (
        "over 7.2 s (10 volumes), after the mean over the run had been subtracted, at most 600,000 "
        "samples, drawn at random in proportion from all subjects" in reported
    )
    changes = {"detrend_order": 2, "standardize": "voxel", "most": None}
    assert (
        "after the mean over the run and a polynomial drift of order 2 had been subtracted, each "
        "grayordinate z-scored over the samples of its run; then" in text(samples=changes)
    )


def test_where_masked_brain_modelling_starts_is_reported():
    values = yaml.safe_load((CONFIG / "wen2018.yaml").read_text())
    del values["pretraining_data"]
    alone = check_config(values | {"replicates": 2}, "test")
    reported = text(alone)
    assert "on the volumes of the training windows of the subject, from random weights." in reported
    assert "times under different seeds. We report" in reported
    assert "Van Essen" not in methods_page(settings_of(alone), KNOWN)
    names = [row[0] for row in training_table(settings_of(alone))]
    assert names[0] == "masked brain modelling, this subject"
    given = {"given": {"pretraining": "models/mae"}}
    reported = text(check_config(values | given, "test"))
    assert "of the subject, from the weights of a model that others had trained" in reported
    reported = text(check_config(values | given | {"mbm_tuning": {"duration": 0}}, "test"))
    assert "Its weights were first those of an encoder that others had trained" in reported
    values |= {"mbm_tuning": {"duration": 0}}
    assert "omitted: the weights were random" in text(check_config(values, "test"))


def test_replicates_are_reported():
    values = yaml.safe_load((CONFIG / "wen2018.yaml").read_text())
    reported = text(check_config(values | {"replicates": 3}, "test"))
    assert "each model was trained three times under different seeds" in reported
    assert "different seeds" not in text()


def test_what_is_left_out_is_not_mentioned():
    assert "paraphrases" not in text(contrastive={"modalities": ["image"]})
    assert "cropped" not in text(contrastive={"modalities": ["text"]})
    assert "CLIP embeddings (" not in text(contrastive={"modalities": []})
    assert "null window" not in text(reconstruction={"negative": "zero"})
    assert "the last volume is repeated" not in text(windows={"size": 1})


def test_a_linear_baseline_mentions_no_training_of_the_transformer():
    linear = settings_of(cotraining={"encoder": "ridge", "duration": 0})
    reported = "\n".join(methods_text(linear, KNOWN).values())
    assert "(99.9% of their variance)" in reported
    assert "were scaled to the variance" in reported
    for absent in (
        "masked brain modelling",
        "contrastive learning",
        "transformer (",
        "attention head",
    ):
        assert absent not in reported
    assert [name for name, *_ in training_table(linear)] == ["video tuning"]
    plain = text(cotraining={"encoder": "ridge"}, ridge={"stretch": False})
    assert "were scaled to the variance" not in plain


def test_copies_of_training_clips_have_no_video_model():
    copies = settings_of(reconstruction={"method": "nearest"})
    reported = "\n".join(methods_text(copies, KNOWN).values())
    assert "was predicted from its window by ridge regression" in reported
    for absent in ("Stable Diffusion", "UNet", "guidance", "transformer", "Table 1"):
        assert absent not in reported
    page = methods_page(copies, KNOWN)
    assert "<table" not in page
    assert "AdamW" not in page


def test_a_page_is_one_subjects_or_one_variants():
    assert "full model for subject sub2" in text("wen2018.yaml", "sub2")
    variant = text("config.yaml", "sub1/variants/image-fmri")
    assert "the model variant “image-fmri” for subject sub1" in variant
    assert ") of frames." in variant
    page = methods_page(settings_of("config.yaml", "sub1/variants/image-fmri"), KNOWN)
    assert "<title>Methods: demo, sub1, variant image-fmri</title>" in page


def test_excluded_runs_are_those_of_the_subject():
    reported = text("wen2018.yaml", "sub3")
    assert "five test segments with 10 runs each (test2: nine)" in reported
    assert "One further run was excluded from all analyses (test2_9)." in reported


def test_one_segment_and_one_run_are_singular():
    few = dataset("bids", test=["test1"], repetitions={"train": 3, "test": 1})
    reported = text(few, "sub01")
    assert "and one test segment with one run;" in reported
    assert "Each test segment has a single run." in reported
    assert "each pair of its runs" in reported
    assert not re.search(r"\b(1|one) \w+s\b", reported.replace("one class", ""))


def test_films_that_were_shown_once():
    once = dataset("bids", repetitions={"train": 1, "test": 1})
    reported = text(once, "sub01", selection={"by": "subjects"})
    assert (
        "z-scored within the run. Each training segment has a single run. So has each" in reported
    )
    assert "the response was correlated with the mean" in reported
    assert "reproducibility" not in reported
    tested = dataset("bids", repetitions={"train": 1, "test": 4})
    reported = text(tested, "sub01", selection={"by": "encoding"})
    assert "Each training segment has a single run. The z-scored runs of each test" in reported
    several = text(selection={"by": "encoding"})
    assert "used only to select voxels" not in several
    page = methods_page(settings_of(selection={"by": "encoding"}), KNOWN)
    for reference in ("Naselaris et al. 2011: Enc", "Nishimoto et al. 2011: Rec"):
        assert reference in page


def test_the_space_is_that_of_the_runs():
    assert "volumes in MNI space" in text()
    cifti = text(dataset("bids"), "sub01", clean={"smooth": 4.0})
    assert "on the cortical grayordinates" in cifti
    assert "smoothed along the cortical surface" in cifti
    assert "all 91k grayordinates" in text(
        dataset("bids"), "sub01", regions={"grayordinates": "all"}
    )
    volumes = dataset(
        "bids",
        space="volume",
        mask="mask_{subject}.nii",
        run="{subject}_{segment}_{repetition}.nii",
    )
    assert "within the brain masks of all training runs" in text(volumes, "sub01")
    native = text(volumes, "sub01", regions={"atlas": False})
    assert "native space" in native
    assert "Glasser" not in native


def test_the_stage_takes_commits_from_the_records_of_the_scores(tmp_path, monkeypatch):
    settings = settings_of()
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"column": [1, 2, 3]}).to_csv("voxels.tsv", sep="\t", index=False)
    pd.DataFrame({"metric": ["video_2_way"]}).to_csv("metrics.tsv", sep="\t", index=False)
    runs = pd.DataFrame({"volumes": [60, 60], "censored": [1, 2]})
    runs.to_csv("runs.tsv", sep="\t", index=False)
    name = settings.pretrained.stable_diffusion
    for path, inputs, loaded in (
        ("metrics.tsv", {"unet": ""}, {}),
        ("unet", {}, {name: "0123456789abcdef" * 2}),
    ):
        record = {"stage": "score", "inputs": inputs, "pretrained": loaded}
        sidecar_path(Path(path)).write_text(json.dumps(record))
    main(
        voxels=Path("voxels.tsv"),
        metrics=Path("metrics.tsv"),
        runs=[Path("runs.tsv")],
        methods=Path("methods.html"),
        settings=settings.model_copy(
            update={"clean": settings.clean.model_copy(update={"censor": Censor(outliers=True)})}
        ),
    )
    page = Path("methods.html").read_text(encoding="utf-8")
    assert "Of the 120 volumes of two runs, three (2.5%) were censored." in page
    assert "commit 0123456789ab)" in page
    assert "(3 voxels)" in page
    assert "2-way for clips" in page
    assert "for frames" not in page


def test_the_number_format_of_auto_is_the_one_on_record(tmp_path, monkeypatch):
    auto = {name: {"precision": "auto"} for name in ("reconstruction", "cotraining", "contrastive")}
    given = settings_of(**auto)
    monkeypatch.chdir(tmp_path)
    Path("metrics.tsv").touch()
    made_from = {
        "metrics.tsv": ["reconstruction/seg1.npy", "reconstruction/seg2.npy"],
        "reconstruction/seg1.npy": ["cotraining/model"],
        "reconstruction/seg2.npy": ["cotraining/model"],
        "cotraining/model": ["windows/train.npy"],
        "windows/train.npy": [],
    }
    formats = {"reconstruction/seg1.npy": "bf16", "cotraining/model": "fp32"}
    formats |= {"reconstruction/seg2.npy": "fp32", "metrics.tsv": "fp32"}
    for name, inputs in made_from.items():
        computed = {"precision": formats[name]} if name in formats else {}
        record = {"stage": "any", "inputs": dict.fromkeys(inputs, ""), "computed": computed}
        Path(name).parent.mkdir(exist_ok=True)
        sidecar_path(Path(name)).write_text(json.dumps(record))
    found = precisions(Path("metrics.tsv"))
    assert found == {"reconstruction": ["bf16", "fp32"], "cotraining": ["fp32"]}
    settings = as_computed(given, found)
    assert settings.reconstruction.precision == "bf16 and fp32"
    assert settings.cotraining.precision == "fp32"
    assert settings.contrastive.precision == "bf16 or fp32"
    assert settings.video_tuning.precision == "bf16"
    reported = "\n".join(methods_text(settings, KNOWN).values())
    assert "The networks computed in bf16 and fp32." in reported


def test_validation_segments_and_their_scores_are_named():
    held_out = dataset("wen2018", validation=["seg17", "seg18"], expect=None)
    reported = text(held_out)
    for fact in (
        "16 training segments with two runs each, two validation segments with two runs each and "
        "five test segments with 10 runs each;",
        "All reconstructions and scores are of the test segments.",
        "Validation and test segments were not used, except that voxels without a signal",
        "Test clips were reconstructed",
    ):
        assert fact in reported
    reported = text(held_out.model_copy(update={"evaluate": "validation"}))
    for fact in (
        "16 training segments with two runs each and two validation segments with two runs each;",
        "All reconstructions and scores are of the validation segments",
        "the test segments were not read",
        "in the training set as in the validation set",
        "Validation clips were reconstructed",
    ):
        assert fact in reported
    assert "validation" not in text("wen2018.yaml").lower()
