"""The methods paragraph follows from the settings."""

from pathlib import Path

import pytest

from mindvideo.config import load_config
from mindvideo.figures.methods import methods_text
from mindvideo.plan import Plan
from mindvideo.settings.methods import MethodsSettings

CONFIG = Path(__file__).parents[2] / "config"


def text(name, owner="sub1", **changes):
    plan = Plan(load_config(CONFIG / name))
    settings = MethodsSettings.model_validate_json(plan.settings("methods", owner))
    changed = {
        section: getattr(settings, section).model_copy(update=values)
        for section, values in changes.items()
    }
    paragraphs = methods_text(settings.model_copy(update=changed), 6016, {"torch": "2.14.1"})
    return "\n".join(paragraphs)


def test_the_papers_numbers_are_told():
    told = text("wen2018.yaml")
    for number in (
        "18 training segments, each shown twice, and 5 test segments, each shown 10 times; TR 2 s",
        "polynomial of order 4",
        "t-test over segments (one-sided, p < 0.01, Bonferroni-corrected), and the 50% of",
        "6016 voxels",
        "Windows of 2 volumes, from the clip's own on,",
        "patches of 16 voxels, width 1024, depth 24, 16 heads",
        "other people's V1, V2, V3, V4 (75% of patches masked; 500 epochs, batch 500",
        "embeddings towards those of captions and frames (hf-hub:",
        "1,200 steps, batch 20, AdamW, learning rate 2e-05",
        "dropout 0.6, 20% of voxels set to zero",
        "clips of 6 frames of 256 × 256 px (3 frames/s)",
        "200 steps of DDIM, guided away from the null window (scale 12.5).",
        "torch 2.14.1",
    ):
        assert number in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"clean": {"high_pass": 128.0}}, "by cosines of periods down to 128 s"),
        ({"clean": {"confounds": ["motion6"]}}, "with the confounds motion6"),
        ({"clean": {"smooth": 4.0}}, "smoothed (FWHM 4 mm)"),
        ({"selection": {"areas": ["V1"]}}, "Voxels of V1 were tested"),
        ({"selection": {"correction": "fdr_bh"}}, "Benjamini–Hochberg-corrected"),
        (
            {"selection": {"criterion": "threshold", "min_r": 0.2, "areas": ["V1", "MT"]}},
            "Voxels of V1, MT whose mean correlation over segments was at least 0.2 were kept: "
            "6016 voxels.",
        ),
        (
            {"selection": {"criterion": "best", "n_voxels": 6016}},
            "The 6016 voxels with the largest mean correlation over segments were kept.",
        ),
        ({"windows": {"lag": 3, "size": 1}}, "Windows of 1 volumes, from 3 volumes after"),
        ({"windows": {"shuffle": True}}, "shuffled against the clips (a control)"),
        ({"contrastive": {"modalities": []}}, "There was no contrastive learning."),
        ({"contrastive": {"modalities": ["text"]}}, "towards those of captions ("),
        ({"cotraining": {"min_snr": 5.0}}, "weighed by min-SNR (5)"),
        ({"reconstruction": {"negative": "none"}}, "200 steps of DDIM, without guidance"),
        ({"reconstruction": {"shared_noise": 0.9}}, "shared 90% of the starting noise's variance"),
        (
            {"reconstruction": {"shared_noise": 1, "moving_noise": True}},
            "variance, which moved from frame to frame by the clip's mean optical flow",
        ),
        ({"scoring": {"n_way": [5]}}, "Scores: 5-way accuracy"),
    ],
)
def test_what_is_changed_is_told(changes, told):
    assert told in text("wen2018.yaml", **changes)
    assert told not in text("wen2018.yaml")


def test_a_variant_tells_its_own():
    assert "towards those of frames (" in text("config.yaml", "sub1/variants/image-fmri")
