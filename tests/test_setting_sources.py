"""Every default has a source; defaults of the paper have the values that the paper gives."""

import json
from typing import get_args

import pytest
from pydantic_core import PydanticUndefined

from mindvideo.config import Config
from mindvideo.settings.sources import Kind, Source, here, paper
from mindvideo.settings_page import is_optional, section_class, source_of

# From Chen, Qing & Zhou, "Cinematic Mindscapes", NeurIPS 2023: setting, value, place, words there.
PAPER = [
    ("clips.fps", 3, "4.2", "The original videos are downsampled from 30 FPS to 3 FPS"),
    ("clips.size", 256, "4.2", "at the resolution of 256×256 with 3 FPS"),
    ("selection.criterion", "significance", "3.2", "We compute statistical significance"),
    ("selection.statistic", "t", "3.2", "using a one-sample t-test"),
    ("selection.alpha", 0.01, "3.2", "P < 0.01, DOF = 17, Bonferroni correction"),
    ("selection.correction", "bonferroni", "3.2", "P < 0.01, DOF = 17, Bonferroni correction"),
    ("selection.fraction", 0.5, "3.2", "the top 50% of the most significant voxels"),
    ("selection.areas", [], "3.2", "statistical tests are employed for the target dataset"),
    ("windows.size", 2, "Table 1", "Full Model: win=2"),
    ("samples.most", 600_000, "4.1", "we obtained 600,000 fMRI segments"),
    ("samples.areas", ["V1", "V2", "V3", "V4"], "3.3", "the visual cortex (V1 to V4)"),
    ("encoder.patch_size", 16, "Table B.1", "patch size 16"),
    ("encoder.embed_dim", 1024, "Table B.1", "embedding dim 1024"),
    ("encoder.depth", 24, "Table B.1", "encoder depth 24"),
    ("encoder.num_heads", 16, "Table B.1", "encoder heads 16"),
    ("encoder.mlp_ratio", 1.0, "Table B.1", "mlp ratio 1.0"),
    ("encoder.decoder_embed_dim", 512, "Table B.1", "decoder embed dim 512"),
    ("encoder.decoder_depth", 8, "Table B.1", "decoder depth 8"),
    ("encoder.decoder_num_heads", 16, "Table B.1", "decoder heads 16"),
    ("pretraining.duration", 500, "Table B.1", "epochs 500"),
    ("pretraining.unit", "epochs", "Table B.1", "epochs 500"),
    ("pretraining.batch_size", 500, "Table B.1", "batch size 500"),
    ("pretraining.lr", 2.5e-4, "Table B.1", "learning rate 2.5e-4"),
    ("pretraining.weight_decay", 0.05, "Table B.1", "weight decay 0.05"),
    ("pretraining.clip_grad", 0.8, "Table B.1", "clip gradient 0.8"),
    ("pretraining.warmup", 40, "Table B.1", "warm-up epochs 40"),
    ("pretraining.mask_ratio", 0.75, "Table B.1", "mask ratio 0.75"),
    ("contrastive.duration", 1200, "B", "Training for all subjects is performed for 1,200 steps"),
    ("contrastive.unit", "steps", "B", "1,200 steps"),
    ("contrastive.batch_size", 20, "B", "For Subject 1 and 2, … a batch size of 20"),
    ("contrastive.lr", 2e-5, "B", "with a learning rate of 2×10⁻⁵"),
    ("contrastive.modalities", ["text", "image"], "3.3", "the CLIP loss is calculated for …"),
    ("contrastive.dropout", 0.6, "B", "a dropout rate of 0.6"),
    ("contrastive.sparsify", 0.2, "B", "20% of voxels are randomly set to zeros"),
    ("contrastive.crop", 0.5, "B", "random crop … with a probability of 0.5"),
    ("contrastive.apart", True, "3.3", "Extra care is needed to reduce similar frames in a batch"),
    ("video_model.kind", "inflated", "3.4", "condition each frame on its previous two frames"),
    ("video_tuning.duration", 800, "B", "with text conditioning for 800 steps"),
    ("video_tuning.unit", "steps", "B", "800 steps"),
    ("video_tuning.batch_size", 14, "B", "a batch size of 14"),
    ("video_tuning.lr", 2e-5, "B", "a learning rate 2×10⁻⁵"),
    ("video_tuning.unet_parts", ["spatial", "temporal"], "B", "“attn1” … “attn2” … “attn_temp”"),
    ("cotraining.unet_parts", ["spatial", "temporal"], "B", "self-attention, … temporal-attention"),
    ("cotraining.duration", 1500, "B", "for 1,500 steps"),
    ("cotraining.unit", "steps", "B", "1,500 steps"),
    ("cotraining.batch_size", 9, "B", "a batch size of 9"),
    ("cotraining.lr", 3e-5, "B", "a learning rate of 3×10⁻⁵"),
    ("cotraining.train", ["encoder", "unet"], "B", "The whole fMRI encoder is updated, and …"),
    ("reconstruction.method", "diffusion", "3.4", "Stable Diffusion … is used as the base"),
    ("reconstruction.scheduler", "ddim", "4.2", "performed with 200 DDIM steps"),
    ("reconstruction.steps", 200, "4.2", "performed with 200 DDIM steps"),
    ("reconstruction.guidance", 12.5, "B", "with a guidance scale of 12.5"),
    ("reconstruction.negative", "null-window", "3.4", "the averaged one as the negative condition"),
    ("scoring.n_way", [2, 50], "Table 1", "2-way, 50-way"),
    ("scoring.leave_out_cuts", False, "4.3", "all test set videos are used"),
    ("interpretation.layers", ["first", "middle", "last"], "3.5", "first, middle, and last layers"),
    (
        "pretrained.stable_diffusion",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "4.2",
        "The Stable Diffusion V1-5 … is used",
    ),
]


def settings(section=Config, place=""):
    """(place, field) of all settings; the sections themselves are none."""
    for name, field in section.model_fields.items():
        if kind := section_class(field):
            yield from settings(kind, f"{place}{name}.")
        if not kind or is_optional(field):
            yield f"{place}{name}", field


DEFAULTS = {
    place: (value, source_of(field))
    for place, field in settings()
    if (value := field.get_default(call_default_factory=True)) is not PydanticUndefined
}


def test_every_default_has_one_source():
    assert len(DEFAULTS) > 180
    for place, field in settings():
        marks = [mark for mark in field.metadata if isinstance(mark, Source)]
        assert len(marks) == (place in DEFAULTS), place


def test_sources_are_of_the_known_kinds_and_choices_have_a_reason():
    for place, (_, source) in DEFAULTS.items():
        assert source.kind in get_args(Kind), place
        assert source.detail or source.kind not in ("paper", "library", "this project"), place


@pytest.mark.parametrize(("place", "value", "section", "words"), PAPER, ids=[p[0] for p in PAPER])
def test_a_default_of_the_paper_has_the_value_that_the_paper_gives(place, value, section, words):
    assert words
    default, source = DEFAULTS[place]
    assert source == paper(section)
    assert json.loads(json.dumps(default)) == value


def test_no_other_default_claims_to_be_the_papers():
    claimed = {place for place, (_, source) in DEFAULTS.items() if source.kind == "paper"}
    assert claimed == {place for place, *_ in PAPER}


@pytest.mark.parametrize(
    "place",
    [
        *("video_tuning.drop_condition", "embeddings.paraphrases", "pretraining.betas"),
        *(
            "contrastive.betas",
            "video_tuning.clip_grad",
            "cotraining.clip_grad",
            "windows.null_window",
        ),
    ],
)
def test_values_that_the_paper_does_not_give_are_not_the_papers(place):
    assert DEFAULTS[place][1].kind != "paper"


def test_the_schema_carries_the_sources():
    properties = Config.model_json_schema()["$defs"]["Reconstruction"]["properties"]
    assert properties["steps"]["source"] == "paper 4.2"


def test_sources_in_words():
    assert str(paper("3.2")) == "paper 3.2"
    assert str(here("saves disk")) == "this project: saves disk"
    assert str(Source("data")) == "data"
