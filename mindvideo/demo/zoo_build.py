"""Write the zoo's folders in the layouts of the released models, each with a model card."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip import CLIP
from safetensors import safe_open
from transformers import BlipForConditionalGeneration, BlipProcessor, CLIPTextModel

from mindvideo.demo import grammar, zoo_blip, zoo_classifiers, zoo_clip, zoo_unet, zoo_vae
from mindvideo.demo.zoo_examples import Clips, Pictures
from mindvideo.demo.zoo_tokenizer import clip_tokenizer, save_clip_tokenizer

Figures = dict[str, str]


def save_stable_diffusion(folder: Path, vae: Any, unet: Any, clip: CLIP) -> None:
    """The layout of Stable Diffusion 1.5; weights in half precision."""
    tokenizer = clip_tokenizer()
    text_encoder = zoo_clip.as_text_encoder(clip, tokenizer)
    for part, model in {"vae": vae, "unet": unet, "text_encoder": text_encoder}.items():
        _save_half(model, folder / part)
    zoo_unet.new_scheduler().save_pretrained(folder / "scheduler")
    save_clip_tokenizer(folder / "tokenizer")


def save_model(folder: Path, model: Any, processor: Any) -> None:
    """The layout of transformers; weights in half precision."""
    _save_half(model, folder)
    processor.save_pretrained(folder)


def _save_half(model: Any, folder: Path) -> None:
    model.half().save_pretrained(folder)
    model.float()  # later measurements use the weights rounded to half precision


def figures_of_vae(vae: Any, held_out: Pictures) -> Figures:
    return {"PSNR of decoded frames": f"{zoo_vae.psnr(vae, held_out.images):.1f} dB"}


def figures_of_clip(clip: CLIP, held_out: Pictures) -> Figures:
    captions = [grammar.caption(shot) for shot in held_out.shots]
    accuracy = zoo_clip.retrieval(clip, held_out, captions, 50)
    return {"caption of a frame found among 50 (chance 2%)": _percent(accuracy, len(captions))}


def figures_of_images(
    *, vae: Any, unet: Any, text_encoder: CLIPTextModel, judge: Any, held_out: Pictures
) -> Figures:
    """How often pictures generated from captions show the kind and scene of the caption."""
    images = zoo_unet.generate_images(
        [grammar.caption(shot) for shot in held_out.shots],
        unet=unet,
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=clip_tokenizer(),
    )
    labels = [grammar.frame_label(shot) for shot in held_out.shots]
    predictions = zoo_classifiers.classify(judge, images).numpy()
    figures = _accuracies("kind", "scene", labels, predictions, grammar.SCENES)
    return {f"{name} in generated frames": figure for name, figure in figures.items()}


def figures_of_blip(
    blip: BlipForConditionalGeneration, processor: BlipProcessor, held_out: Pictures
) -> Figures:
    captions = zoo_blip.describe(blip, processor, held_out.images)
    pairs = list(zip(captions, held_out.shots, strict=True))
    right = {
        f"{name} named": [getattr(shot, name) in caption.split() for caption, shot in pairs]
        for name in ("kind", "scene", "colour")
    } | {"whole caption right": [text == grammar.frame_caption(shot) for text, shot in pairs]}
    return {name: _percent(float(np.mean(x)), len(pairs)) for name, x in right.items()}


def figures_of_image_classifier(judge: Any, held_out: Pictures) -> Figures:
    labels = [grammar.frame_label(shot) for shot in held_out.shots]
    predictions = zoo_classifiers.classify(judge, held_out.images).numpy()
    return _accuracies("kind", "scene", labels, predictions, grammar.SCENES)


def figures_of_video_classifier(judge: Any, held_out: Clips) -> Figures:
    labels = [grammar.clip_label(shot) for shot in held_out.shots]
    predictions = zoo_classifiers.classify(judge, held_out.frames).numpy()
    return _accuracies("kind", "motion", labels, predictions, grammar.MOTIONS)


def _accuracies(
    first: str, second: str, labels: list[int], predictions: np.ndarray, values: tuple[str, ...]
) -> Figures:
    """Accuracies of classes (first · len(values) + second): of each part and of both together."""
    n, n_values = len(predictions), len(values)
    parts = [np.divmod(np.asarray(classes), n_values) for classes in (labels, predictions)]
    right = [a == b for a, b in zip(*parts, strict=True)]
    chances = 1 / len(grammar.KINDS), 1 / n_values
    return {
        f"{name} accuracy (chance {100 * chance:.0f}%)": _percent(float(is_right.mean()), n)
        for name, is_right, chance in zip((first, second), right, chances, strict=True)
    } | {"both right": _percent(float((right[0] & right[1]).mean()), n)}


def _percent(fraction: float, n: int) -> str:
    """A fraction of n with its standard error."""
    error = math.sqrt(fraction * (1 - fraction) / n)
    return f"{100 * fraction:.1f}% ± {100 * error:.1f} (n = {n})"


def save_card(folder: Path, title: str, text: str, training: Figures, held_out: Figures) -> None:
    """Write README.md: the model, its training, and its performance on held-out examples."""
    n_parameters = sum(_count(path) for path in sorted(folder.rglob("*.safetensors")))
    rows = {"parameters": f"{n_parameters:,} (stored in half precision)", **training}
    lines = [
        f"# {title}",
        "",
        text,
        "",
        "It knows only the drawn films of mindvideo's demo, and is of use for nothing else.",
        "Made by `mindvideo train-zoo`; licence: that of mindvideo.",
        "",
        "| training | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        "| held-out frames or clips, of a seed of their own | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in held_out.items()),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _count(path: Path) -> int:
    with safe_open(path, "pt") as file:
        return sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118


@torch.no_grad()
def scaled_latents(vae: Any, pictures: Pictures, n: int) -> torch.Tensor:
    """Training data of the denoiser: latents of the first `n` pictures, of unit variance."""
    return vae.config.scaling_factor * zoo_vae.encode(vae, pictures.images[:n])
