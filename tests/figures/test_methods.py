"""The methods paragraph follows from the settings."""

from pathlib import Path

import pytest

from mindvideo.config import load_config
from mindvideo.figures.methods import methods_text
from mindvideo.plan import Plan

CONFIG = Path(__file__).parents[2] / "config"


def text(name, owner="sub1", **changes):
    plan = Plan(load_config(CONFIG / name))
    settings = plan.settings("methods", owner)
    changed = {
        section: getattr(settings, section).model_copy(update=values)
        for section, values in changes.items()
    }
    paragraphs = methods_text(settings.model_copy(update=changed), 6016, {"torch": "2.14.1"})
    return "\n".join(paragraphs)


def test_the_papers_numbers_are_reported():
    reported = text("wen2018.yaml")
    for number in (
        "18 training segments, each presented twice, and 5 test segments, each presented 10 times.",
        "The repetition time was 2 s.",
        "polynomial of order 4",
        "across segments (t-test, one-sided, p < 0.01, Bonferroni-corrected), and the 50% of",
        "6016 voxels",
        "a window of fMRI that started at the onset of the clip. Windows of 2 volumes were encoded",
        "patches of 16 voxels, width 1024, depth 24, 16 heads",
        "V1, V2, V3 and V4 of other participants (75% of the patches masked; 500 epochs, batch 500",
        "with the CLIP embeddings of captions and frames (hf-hub:",
        "1,200 steps, batch 20, AdamW, learning rate 2e-05",
        "dropout 0.6; 20% of the voxels set to zero",
        "clips of 6 frames of 256 × 256 px (3 frames/s)",
        "200 steps of DDIM, with guidance away from the null window (scale 12.5).",
        "torch 2.14.1",
    ):
        assert number in reported


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clean": {"high_pass": 128.0}}, "Drift (cosines of periods down to 128 s)"),
        (
            {"clean": {"confounds": ["motion6"]}},
            "and the confounds motion6 were regressed",
        ),
        ({"clean": {"smooth": 4.0}}, "smoothed (FWHM 4 mm)"),
        ({"selection": {"areas": ["V1"]}}, "each voxel of V1 were tested"),
        ({"selection": {"correction": "fdr_bh"}}, "Benjamini–Hochberg-corrected"),
        (
            {"selection": {"criterion": "threshold", "min_r": 0.2, "areas": ["V1", "MT"]}},
            "Voxels of V1 and MT with a mean correlation across segments of at least 0.2 were "
            "selected (6016 voxels).",
        ),
        (
            {"selection": {"criterion": "best", "n_voxels": 6016}},
            "The 6016 voxels with the largest mean correlation across segments were selected.",
        ),
        (
            {"windows": {"lag": 3, "size": 1}},
            "3 volumes after the onset of the clip. Windows of 1 volume",
        ),
        (
            {"windows": {"shuffle": True}},
            "As a control, windows were shuffled",
        ),
        ({"contrastive": {"modalities": []}}, "Contrastive learning was omitted."),
        ({"contrastive": {"modalities": ["text"]}}, "CLIP embeddings of captions ("),
        ({"cotraining": {"min_snr": 5.0}}, "weighted by min-SNR (5)"),
        ({"reconstruction": {"negative": "none"}}, "200 steps of DDIM, without guidance"),
        (
            {"reconstruction": {"shared_noise": 0.9}},
            "shared 90% of the variance of the initial",
        ),
        (
            {"reconstruction": {"shared_noise": 1, "moving_noise": True}},
            "The noise moved from frame to frame with the mean optical flow of the clip",
        ),
        ({"scoring": {"n_way": [5]}}, "evaluated by 5-way top-1 accuracy"),
    ],
)
def test_what_is_changed_is_reported(changes, sentence):
    assert sentence in text("wen2018.yaml", **changes)
    assert sentence not in text("wen2018.yaml")


def test_a_variant_reports_its_own_settings():
    assert "CLIP embeddings of frames (" in text("config.yaml", "sub1/variants/image-fmri")
