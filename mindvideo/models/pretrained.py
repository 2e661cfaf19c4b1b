"""The one door to models that others trained.

A `name` is a name on the Hugging Face hub, a local folder, or ``zoo:NAME`` for the small models
that ship with the demo. Weights are single precision in memory whatever they are on disk, and
models come in eval mode on the CPU. Each library is imported by the function that needs it: they
take seconds, and a stage loads one or two kinds of model.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from mindvideo.errors import InputError
from mindvideo.models.folders import ZOO, pretrained_folder

if TYPE_CHECKING:
    from open_clip import CLIP
    from transformers import BlipForConditionalGeneration, BlipProcessor

StableDiffusionPart = Literal["vae", "unet", "text_encoder", "tokenizer", "scheduler"]
# Part: the module and name of its class, and the file that a folder of it must have.
_PARTS = {
    "vae": ("diffusers.models.autoencoders.autoencoder_kl", "AutoencoderKL", "config.json"),
    "unet": ("diffusers.models.unets.unet_2d_condition", "UNet2DConditionModel", "config.json"),
    "text_encoder": ("transformers", "CLIPTextModel", "config.json"),
    "tokenizer": ("transformers", "CLIPTokenizer", "tokenizer_config.json"),
    "scheduler": (
        "diffusers.schedulers.scheduling_ddim",
        "DDIMScheduler",
        "scheduler_config.json",
    ),
}


@dataclass(frozen=True)
class Clip:
    """A CLIP model, its picture transform (PIL image → (3, h, w)) and its tokenizer."""

    model: CLIP
    preprocess: Callable[[Any], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]


def resolve(name: str) -> str:
    """Path of the folder that `name` means; a hub name comes back unchanged.

    Raises
    ------
    InputError
        If `name` is a part of the zoo, or looks like a path, that does not exist.
    """
    if name.startswith("zoo:"):
        folder = ZOO / name.removeprefix("zoo:")
        if not folder.is_dir():
            there = sorted(f"zoo:{part.name}" for part in ZOO.glob("*/")) or ["none"]
            raise InputError(f"{name}: no such model in the zoo. There are: {', '.join(there)}.")
        return str(folder)
    try:
        folder = pretrained_folder(name)
    except ValueError as error:
        raise InputError(str(error)) from None
    if folder.is_dir():
        return str(folder)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise InputError(
            f"{name}: no such folder. Give a folder that holds the model, a hub name such as "
            "stable-diffusion-v1-5/stable-diffusion-v1-5, or zoo:NAME."
        )
    return name


def load_stable_diffusion(name: str, part: StableDiffusionPart) -> Any:
    """Load one part of a Stable Diffusion folder (diffusers layout)."""
    module, class_name, file = _PARTS[part]
    kind = getattr(importlib.import_module(module), class_name)
    place = resolve(name)
    needed = f"the {part} of a Stable Diffusion model"
    _check(name, place, f"{part}/{file}", class_name, needed)
    with _explained(name, needed):
        if part in ("tokenizer", "scheduler"):
            return kind.from_pretrained(place, subfolder=part)
        how: dict[str, Any] = {"dtype" if part == "text_encoder" else "torch_dtype": torch.float32}
        folder = Path(place, part)
        if folder.is_dir() and not any(folder.glob("*.safetensors")):
            how["use_safetensors"] = False  # a .bin of old: without this, errors are shown first
        return kind.from_pretrained(place, subfolder=part, **how).eval()


def load_clip(name: str) -> Clip:
    """Load a CLIP model with open_clip.

    Parameters
    ----------
    name
        A folder with `open_clip_config.json`, ``zoo:clip``, ``hf-hub:ORG/MODEL``, or
        ``ARCHITECTURE/WEIGHTS`` as open_clip lists them (``ViT-L-14/openai``).
    """
    import open_clip

    needed = "a CLIP model in open_clip's layout"
    weights = None
    if name.startswith("hf-hub:"):
        model_name = name
    else:
        place = resolve(name)
        architecture, _, tag = place.partition("/")
        if Path(place).is_dir():
            _check(name, place, "open_clip_config.json", None, needed)
            model_name = f"local-dir:{Path(place).absolute()}"
        elif architecture in open_clip.list_models():
            model_name, weights = architecture, tag
            known = open_clip.list_pretrained_tags_by_model(architecture)
            if tag not in known:
                raise InputError(
                    f"{name}: open_clip has no weights {tag!r} for {architecture}. "
                    f"There are: {', '.join(known)}."
                )
        else:
            model_name = f"hf-hub:{place}"
    with _explained(name, needed):
        model, _, preprocess = open_clip.create_model_and_transforms(
            model_name, pretrained=weights, precision="fp32"
        )
        return Clip(model.eval(), preprocess, open_clip.get_tokenizer(model_name))


def load_captioner(name: str) -> tuple[BlipProcessor, BlipForConditionalGeneration]:
    """Load a BLIP captioner and its processor."""
    from transformers import BlipForConditionalGeneration, BlipProcessor

    return _load(name, BlipProcessor, BlipForConditionalGeneration, "blip", "a BLIP captioner")


def load_image_classifier(name: str) -> tuple[Any, Any]:
    """Load a classifier of pictures (ViT on ImageNet, in the paper) and its processor."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    needed = "an image classifier"
    return _load(name, AutoImageProcessor, AutoModelForImageClassification, "vit", needed)


def load_video_classifier(name: str) -> tuple[Any, Any]:
    """Load a classifier of clips (VideoMAE on Kinetics, in the paper) and its processor."""
    from transformers import AutoImageProcessor, AutoModelForVideoClassification

    needed = "a VideoMAE video classifier"
    return _load(name, AutoImageProcessor, AutoModelForVideoClassification, "videomae", needed)


def _load(name: str, processor: Any, model: Any, kind: str, needed: str) -> tuple[Any, Any]:
    place = resolve(name)
    _check(name, place, "config.json", kind, needed)
    with _explained(name, needed):
        loaded = model.from_pretrained(place, dtype=torch.float32).eval()
        return processor.from_pretrained(place), loaded


def _check(name: str, place: str, file: str, kind: str | None, needed: str) -> None:
    """Look into a local folder before a library does, whose messages speak of other things."""
    folder = Path(place)
    if not folder.is_dir():
        return
    if not (folder / file).is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise InputError(
            f"{name}: {folder} should hold {needed}, but has no {file} (found: {found}). "
            "Is it another model's folder, or a download that is not complete?"
        )
    content = json.loads((folder / file).read_text(encoding="utf-8"))
    kinds = {content.get("model_type"), content.get("_class_name"), content.get("tokenizer_class")}
    kinds = {found for found in kinds | set(content.get("architectures") or []) if found}
    # Schedulers of other names share their configuration with DDIM's, and tokenizers do theirs.
    if kind is None or file.startswith(("scheduler/", "tokenizer/")):
        return
    if kinds and kind not in kinds:
        raise InputError(
            f"{name}: {folder / file} describes {' / '.join(sorted(kinds))}, "
            f"but {needed} ({kind}) is needed. Give the folder or hub name of one."
        )


@contextmanager
def _explained(name: str, needed: str) -> Iterator[None]:
    """Turn a library's failure to find or read a model into an error that says what to do."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        # Broken code inside the libraries must stay visible; only missing or unreadable models
        # are the user's. The hub's client raises its own classes, known by their module.
        module = type(error).__module__.split(".")[0]
        unreadable = isinstance(error, (OSError, ValueError, RuntimeError, KeyError))
        if not unreadable and module not in ("huggingface_hub", "httpx", "requests", "safetensors"):
            raise
        reason = re.sub(r"\s+", " ", str(error)).strip()[:300]
        where = (
            "The folder's files do not fit each other, or are incomplete: fetch them again."
            if Path(resolve(name) if not name.startswith("hf-hub:") else name).is_dir()
            else "It is not a local folder and could not be had from the Hugging Face hub: check "
            "the name and the connection, or download it elsewhere and give its folder."
        )
        raise InputError(f"{name}: could not load {needed}. {where} ({reason})") from error
