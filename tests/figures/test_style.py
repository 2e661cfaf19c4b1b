"""Colours that readers with a colour-vision deficiency tell apart."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

from mindvideo.figures import style
from mindvideo.figures.style import metric_axis, metric_label

# Machado, Oliveira and Fernandes (2009), at full severity, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
GROUPS = {
    "conditions": style.CONDITIONS,
    "modalities, and chance": style.MODALITIES | {"chance": style.CONDITIONS["chance"]},
    "training stages, and uniform": style.TRAINING_STAGES | {"uniform": style.CONDITIONS["chance"]},
    "layers, and uniform": dict(enumerate((*style.LAYERS, style.CONDITIONS["chance"]))),
}


def seen(colour: str, vision: str) -> np.ndarray:
    """Lab coordinates of a colour as it looks with this vision."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = (VISION[vision] @ linear).clip(0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None, None])[0, 0]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("group", GROUPS)
def test_colours_of_conditions_differ_for_all_readers(group, vision):
    for (a, colour), (b, other) in combinations(GROUPS[group].items(), 2):
        difference = np.linalg.norm(seen(colour, vision) - seen(other, vision))
        assert difference > 18, (a, b, difference)


def test_red_and_green_look_alike_to_those_readers():
    """The simulation does what it should: a pair that is to be avoided comes closer."""
    normal, deficient = (
        np.linalg.norm(seen("#d62728", vision) - seen("#2ca02c", vision))
        for vision in ("normal", "deuteranopia")
    )
    assert deficient < 0.4 * normal


def test_text_is_dark_enough_on_white():
    def luminance(colour):
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    for colour in (style.INK, style.SOFT, style.CONDITIONS["reconstruction"]):
        assert 1.05 / (luminance(colour) + 0.05) > 4.5  # WCAG 2, level AA


def test_metrics_are_written_as_people_do():
    assert metric_label("video_50_way") == "video 50-way"
    assert metric_label("ssim") == "SSIM"
    assert metric_axis("psnr") == "PSNR [dB]"
    assert metric_axis("flow_error_unseen") == "flow error unseen [px per frame]"
    assert metric_axis("hue_cosine") == "hue cosine"
