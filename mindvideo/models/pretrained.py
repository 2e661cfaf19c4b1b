"""The one door to models that others trained.

A `name` is a name on the Hugging Face hub (``ORG/MODEL``, or ``ORG/MODEL@REVISION``), a local
folder, or ``zoo:NAME`` for the small models that ship with the demo. Weights are single precision
in memory whatever they are on disk, and models come in eval mode on the CPU. Each library is
imported by the function that needs it: they take seconds, and a stage loads one or two kinds of
model.
"""

from __future__ import annotations

import importlib
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from mindvideo.errors import InputError
from mindvideo.models.folders import (
    CAPTIONER,
    CLIP_MODEL,
    IMAGE_CLASSIFIER,
    MOTION_ADAPTER,
    STABLE_DIFFUSION,
    VIDEO_CLASSIFIER,
    Part,
    check_part,
    resolve,
)
from mindvideo.models.hub import OF_HUB_ONLY, HubModel
from mindvideo.models.weight_files import HALF
from mindvideo.models.weights import weights_arguments

if TYPE_CHECKING:
    from diffusers.models.unets.unet_motion_model import MotionAdapter
    from open_clip import CLIP
    from transformers import BlipForConditionalGeneration, BlipProcessor

StableDiffusionPart = Literal["vae", "unet", "text_encoder", "tokenizer", "scheduler"]
# Part: the module and name of its class.
_CLASSES = {
    "vae": ("diffusers.models.autoencoders.autoencoder_kl", "AutoencoderKL"),
    "unet": ("diffusers.models.unets.unet_2d_condition", "UNet2DConditionModel"),
    "text_encoder": ("transformers", "CLIPTextModel"),
    "tokenizer": ("transformers", "CLIPTokenizer"),
    "scheduler": ("diffusers.schedulers.scheduling_ddim", "DDIMScheduler"),
}


@dataclass(frozen=True)
class Clip:
    """A CLIP model, its picture transform (PIL image → (3, h, w)) and its tokenizer."""

    model: CLIP
    preprocess: Callable[[Any], torch.Tensor]
    tokenizer: Callable[[list[str]], torch.Tensor]


def load_stable_diffusion(name: str, part: StableDiffusionPart) -> Any:
    """Load one part of a Stable Diffusion folder (diffusers layout)."""
    module, class_name = _CLASSES[part]
    kind, needed = getattr(importlib.import_module(module), class_name), STABLE_DIFFUSION[part]
    place = _place(name, needed)
    with _loading(name, place, needed):
        if part in ("tokenizer", "scheduler"):
            return kind.from_pretrained(**_arguments(place), subfolder=part)
        how = {"dtype" if part == "text_encoder" else "torch_dtype": torch.float32}
        return _load_weights(kind, place, needed, subfolder=part, **how).eval()


def load_motion_adapter(name: str) -> MotionAdapter:
    """Load the motion modules of an AnimateDiff (diffusers layout)."""
    from diffusers.models.unets.unet_motion_model import MotionAdapter

    place = _place(name, MOTION_ADAPTER)
    with _loading(name, place, MOTION_ADAPTER):
        weights = {"torch_dtype": torch.float32}
        return _load_weights(MotionAdapter, place, MOTION_ADAPTER, **weights).eval()


def load_clip(name: str) -> Clip:
    """Load a CLIP model with open_clip.

    Parameters
    ----------
    name
        A folder with `open_clip_config.json`, ``zoo:clip``, ``ORG/MODEL`` or
        ``ORG/MODEL@REVISION`` (also with ``hf-hub:`` in front), or ``ARCHITECTURE/WEIGHTS`` as
        open_clip lists them (``ViT-L-14/openai``).
    """
    place = _place(name, CLIP_MODEL)
    if isinstance(place, HubModel) and (listed := open_clip_weights(name)):
        with _explained(name, CLIP_MODEL.needed, place):
            return _open_clip(*listed)
    with _loading(name, place, CLIP_MODEL):
        folder = _snapshot(place) if isinstance(place, HubModel) else place
        check_part(name, folder, CLIP_MODEL)
        return _open_clip(f"local-dir:{folder.absolute()}")


def _open_clip(model_name: str, weights: str | None = None) -> Clip:
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(
        model_name, pretrained=weights, precision="fp32"
    )
    return Clip(model.eval(), preprocess, open_clip.get_tokenizer(model_name))


def _snapshot(model: HubModel) -> Path:
    """Folder of a CLIP model of the hub: open_clip's own download knows no revisions.

    Of weights that are there in both formats, only the safe ones are fetched.
    """
    from huggingface_hub import snapshot_download

    for weights in ("open_clip_*.safetensors", "open_clip_*.bin"):
        files = ["*.json", "*.txt", "*.model", weights]
        folder = Path(snapshot_download(model.repo, revision=model.revision, allow_patterns=files))
        if any(folder.glob(weights)):
            break
    return folder


def open_clip_weights(name: str) -> tuple[str, str] | None:
    """Architecture and weights of a name that open_clip lists; None if it lists none such.

    Raises
    ------
    InputError
        If it knows the architecture, and no such weights for it.
    """
    import open_clip

    architecture, _, tag = name.partition("/")
    if architecture not in open_clip.list_models():
        return None
    if "@" in tag:
        raise InputError(f"{name}: {architecture} is one of open_clip's own, and {OF_HUB_ONLY}")
    if tag not in (tags := open_clip.list_pretrained_tags_by_model(architecture)):
        raise InputError(
            f"{name}: open_clip has no weights {tag!r} for {architecture}. "
            f"There are: {', '.join(tags)}."
        )
    return architecture, tag


def load_captioner(name: str) -> tuple[BlipProcessor, BlipForConditionalGeneration]:
    """Load a BLIP captioner and its processor."""
    from transformers import BlipForConditionalGeneration, BlipProcessor

    return _load(name, BlipProcessor, BlipForConditionalGeneration, CAPTIONER)


def load_image_classifier(name: str) -> tuple[Any, Any]:
    """Load a classifier of pictures (ViT on ImageNet, in the paper) and its processor."""
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    return _load(name, AutoImageProcessor, AutoModelForImageClassification, IMAGE_CLASSIFIER)


def load_video_classifier(name: str) -> tuple[Any, Any]:
    """Load a classifier of clips (VideoMAE on Kinetics, in the paper) and its processor."""
    from transformers import AutoImageProcessor, AutoModelForVideoClassification

    return _load(name, AutoImageProcessor, AutoModelForVideoClassification, VIDEO_CLASSIFIER)


def _load(name: str, processor: Any, model: Any, part: Part) -> tuple[Any, Any]:
    place = _place(name, part)
    with _loading(name, place, part):
        loaded = _load_weights(model, place, part, dtype=torch.float32).eval()
        return processor.from_pretrained(**_arguments(place)), loaded


def _place(name: str, part: Part) -> Path | HubModel:
    """Where a model is; a folder is looked into before a library does."""
    place = resolve(name, part)
    if isinstance(place, Path):
        check_part(name, place, part)
    return place


def _arguments(place: Path | HubModel) -> dict[str, Any]:
    """Arguments of ``from_pretrained`` that say which model."""
    if isinstance(place, Path):
        return {"pretrained_model_name_or_path": str(place)}
    revision = {"revision": place.revision} if place.revision else {}
    return {"pretrained_model_name_or_path": place.repo, **revision}


def _load_weights(model: Any, place: Path | HubModel, part: Part, **how: Any) -> Any:
    """Weights in full precision; those in half precision where there are no others."""
    how |= _arguments(place)
    if isinstance(place, Path):
        return model.from_pretrained(**how, **weights_arguments(place / part.place, part.weights))
    try:
        return model.from_pretrained(**how)
    except OSError as error:
        # What the libraries say where a repository has weights, but none of the names looked for.
        if "file named" not in str(error):
            raise
        return model.from_pretrained(variant=HALF[0], **how)


@contextmanager
def _loading(name: str, place: Path | HubModel, part: Part) -> Iterator[None]:
    """Explain what fails, and note which commit was loaded of a model of the hub."""
    with _explained(name, part.needed, place):
        yield
    if isinstance(place, HubModel):
        place.note_loaded(name, part.file)


@contextmanager
def _explained(name: str, needed: str, place: Path | HubModel) -> Iterator[None]:
    """Turn a library's failure to find or read a model into an error that says what to do."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        # Broken code inside the libraries must stay visible; only missing or unreadable models
        # are the user's. The hub's client raises its own classes, known by their module.
        module = type(error).__module__.split(".")[0]
        unreadable = isinstance(
            error, (OSError, ValueError, RuntimeError, KeyError, pickle.UnpicklingError)
        )
        if not unreadable and module not in ("huggingface_hub", "httpx", "requests", "safetensors"):
            raise
        reason = re.sub(r"\s+", " ", str(error)).strip()[:300]
        if isinstance(place, HubModel):
            revision = ", the revision" if place.revision else ""
            where = (
                "It is not a local folder and could not be had from the Hugging Face hub: check "
                f"the name{revision} and the connection, or download it "
                "elsewhere and give its folder."
            )
        elif _is_more_than_tensors(error):
            where = (
                "Its weights are a pickle that holds more than tensors, and reading it would run "
                "code: refused. Take the .safetensors of the same model."
            )
        else:
            where = "The folder's files do not fit each other, or are incomplete: fetch them again."
        raise InputError(f"{name}: could not load {needed}. {where} ({reason})") from error


def _is_more_than_tensors(error: BaseException | None) -> bool:
    """Whether torch refused a pickle, however a library has wrapped that."""
    while error is not None and not isinstance(error, pickle.UnpicklingError):
        error = error.__cause__ or error.__context__
    return error is not None
