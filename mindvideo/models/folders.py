"""Where a pretrained model's name leads, and what lies there: looked at before any weights load.

Nothing heavy is imported: the plan and `check-dataset` ask here, too.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError
from mindvideo.models.hub import OF_HUB_ONLY, HubModel, parse, refused_by_hub
from mindvideo.models.weight_files import (
    DIFFUSERS,
    OPEN_CLIP,
    TRANSFORMERS,
    find_weights,
    listing,
    lora,
    read_json,
)
from mindvideo.paths import expand

ZOO = Path(__file__).parents[1] / "demo" / "zoo"

TOKENS = ("tokenizer.json", "vocab.json")
PROCESSORS = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class Part:
    """What a folder of a model, or of a part of one, must hold."""

    needed: str
    """In words."""
    file: str
    """The file that every such folder has, with its path inside the folder."""
    kind: str | None = None
    """What that file says the model is; none: many kinds do."""
    weights: dict[str, str] | tuple[str, ...] = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    """Files of which at least one lies in the same folder."""

    @property
    def place(self) -> str:
        """Folder of the part within the model's folder; "" where it is the same."""
        return os.path.dirname(self.file)


def _of_stable_diffusion(part: str, file: str, *rest: Any, **more: Any) -> Part:
    return Part(f"the {part} of a Stable Diffusion model", f"{part}/{file}", *rest, **more)


STABLE_DIFFUSION = {
    "vae": _of_stable_diffusion("vae", "config.json", "AutoencoderKL", DIFFUSERS),
    "unet": _of_stable_diffusion("unet", "config.json", "UNet2DConditionModel", DIFFUSERS),
    "text_encoder": _of_stable_diffusion(
        "text_encoder", "config.json", "CLIPTextModel", TRANSFORMERS
    ),
    # Tokenizers and schedulers of other names have configurations that do as well.
    "tokenizer": _of_stable_diffusion("tokenizer", "tokenizer_config.json", companions=TOKENS),
    "scheduler": _of_stable_diffusion("scheduler", "scheduler_config.json"),
}
MOTION_ADAPTER = Part(
    "a motion adapter in diffusers' layout", "config.json", "MotionAdapter", DIFFUSERS
)
CLIP_MODEL = Part("a CLIP model in open_clip's layout", "open_clip_config.json", weights=OPEN_CLIP)
CAPTIONER = Part("a BLIP captioner", "config.json", "blip", TRANSFORMERS, PROCESSORS)
IMAGE_CLASSIFIER = Part("an image classifier", "config.json", "vit", TRANSFORMERS, PROCESSORS)
VIDEO_CLASSIFIER = Part(
    "a VideoMAE video classifier", "config.json", "videomae", TRANSFORMERS, PROCESSORS
)

MODELS = {
    "stable_diffusion": tuple(STABLE_DIFFUSION.values()),
    "motion_adapter": (MOTION_ADAPTER,),
    "clip": (CLIP_MODEL,),
    "captioner": (CAPTIONER,),
    "image_classifier": (IMAGE_CLASSIFIER,),
    "video_classifier": (VIDEO_CLASSIFIER,),
}
"""Parts of each model, by its setting of the section `pretrained`."""


# --- names ----------------------------------------------------------------------------------------


def pretrained_folder(name: str) -> Path:
    """Folder that a pretrained model's name stands for (of a hub name: one that is not there).

    Raises
    ------
    ValueError
        If it is a path with a variable that is not set.
    """
    return ZOO / name.removeprefix("zoo:") if name.startswith("zoo:") else Path(expand(name))


def resolve(name: str, part: Part | None = None) -> Path | HubModel:
    """Folder or model of the hub that `name` means.

    Parameters
    ----------
    name
        ``ORG/MODEL`` or ``ORG/MODEL@REVISION`` (also with ``hf-hub:`` in front), a folder, or
        ``zoo:NAME``. A folder may have an ``@`` in its name.
    part
        What is looked for, for messages.

    Raises
    ------
    InputError
        If `name` is a part of the zoo, or looks like a path, that does not exist; if it is a file;
        if it cannot be a name on the hub; or if a revision of anything else is given.
    """
    try:
        folder = pretrained_folder(name)
    except ValueError as error:
        raise InputError(str(error)) from None
    if folder.is_dir():
        return folder
    model = parse(name)
    if model.revision is not None and pretrained_folder(model.repo).is_dir():
        kind = "the zoo" if name.startswith("zoo:") else "a local folder"
        raise InputError(
            f"{name}: {model.repo} is a model of {kind}, and {OF_HUB_ONLY}: leave "
            f"@{model.revision} out"
        )
    if name.startswith("zoo:"):
        there = sorted(f"zoo:{part.name}" for part in ZOO.glob("*/")) or ["none"]
        raise InputError(f"{name}: no such model in the zoo. There are: {', '.join(there)}.")
    if folder.is_file():
        raise InputError(f"{name}: is a file; {_folder_instead(folder, part)}")
    give = (
        "Give a folder that holds the model, a hub name such as "
        "stable-diffusion-v1-5/stable-diffusion-v1-5 (with @REVISION, if you like), or zoo:NAME."
    )
    if "://" in name:
        raise InputError(f"{name}: is an address, which is not followed. {give}")
    if folder.is_absolute() or name.startswith((".", "~")) or model.repo.count("/") > 1:
        siblings = [p.name for p in folder.parent.glob("*/")] if folder.parent.is_dir() else []
        near = difflib.get_close_matches(folder.name, siblings, n=1)
        guess = f" Did you mean {folder.parent / near[0]}?" if near else ""
        raise InputError(f"{name}: no such folder.{guess} {give}")
    if problem := refused_by_hub(model):
        raise InputError(f"{name}: no such folder, and no name on the hub ({problem}). {give}")
    return model


def cached_folder(model: HubModel, part: Part) -> Path | None:
    """Folder of a hub model's snapshot in the local cache; None if the part is not there."""
    cached = model.cached(part.file)
    return cached.parents[part.file.count("/")] if cached else None


# --- folders --------------------------------------------------------------------------------------


def check_part(name: str, folder: Path, part: Part) -> dict[str, Any]:
    """See that a local folder holds a part, whole, before a library reads it.

    The libraries' messages speak of other things; open_clip would leave weights random.

    Parameters
    ----------
    name
        What the user calls the folder.
    folder
        Of the whole model.
    part

    Returns
    -------
    dict
        The part's configuration.

    Raises
    ------
    InputError
        Saying what lies there instead, or what is missing.
    """
    if not (folder / part.file).is_file():
        raise InputError(f"{name}: {_what_is_there(folder, part)}")
    config = read_json(folder / part.file)
    if (kinds := _kinds(config)) and part.kind and part.kind not in kinds:
        raise InputError(
            f"{name}: {folder / part.file} describes {' / '.join(sorted(kinds))}, "
            f"but {part.needed} ({part.kind}) is needed. Give the folder or hub name of one."
        )
    inside = folder / part.place
    if part.companions and not any((inside / file).is_file() for file in part.companions):
        raise InputError(
            f"{name}: {inside} lacks {' or '.join(part.companions)}, of {part.needed} (found: "
            f"{listing(inside)}): the download is not complete"
        )
    if part.weights:
        find_weights(inside, part.weights, part.needed)
    return config


# --- what lies there instead ----------------------------------------------------------------------


def _what_is_there(folder: Path, part: Part) -> str:
    if not any(folder.iterdir()):
        return f"{folder} is empty; {part.needed} was needed: is the download complete?"
    if near := _nearby(folder, part):
        return f"{folder} is not the model's own folder: {part.needed} lies in {near}; give that"
    lacks = f"{folder} should hold {part.needed}, but has no {part.file}"
    if added := lora(folder):
        return lacks + added
    whole = [other.place for other in STABLE_DIFFUSION.values()]
    there = [place for place in whole if (folder / place).is_dir()]
    if part.place in whole and there:
        missing = ", ".join(f"{place}/" for place in whole if place not in there)
        return (
            f"{lacks}: of a Stable Diffusion it has {', '.join(f'{p}/' for p in there)} only"
            + (f", and lacks {missing}" if missing else "")
            + ". Copy these from the model that it was trained from, or fetch the whole model"
        )
    if part.place and (folder / "config.json").is_file():
        kind = read_json(folder / "config.json").get("_class_name", "single model")
        return f"{lacks}: it is a {kind} alone, and {_layout()} was needed"
    single = [path for end in (".safetensors", ".ckpt") for path in sorted(folder.glob(f"*{end}"))]
    if part.place and single and not any(folder.glob("*.json")):
        return f"{lacks}, just a file {single[0].name}. {_conversion(single[0])}"
    return (
        f"{lacks} (found: {listing(folder)}). Is it another model's folder, or a download that is "
        "not complete?"
    )


def _folder_instead(file: Path, part: Part | None) -> str:
    """What to give in place of a file."""
    if part and (near := _nearby(file, part)):
        return f"give its model's folder, {near}"
    if file.name.endswith((".zip", ".tar", ".gz", ".tgz", ".7z")):
        return "unpack it, and give the folder"
    if part is None or part.place:
        return f"{_layout()} is needed. {_conversion(file)}"
    return f"the folder of {part.needed} is needed, with its {part.file} and the weights"


def _nearby(place: Path, part: Part) -> Path | None:
    """A folder above or below that holds the part, as in a cache of the hub (`snapshots/HASH`)."""
    above = list(place.absolute().parents)[:2]
    below = [
        path
        for pattern in ("*", "snapshots/*", "*/snapshots/*")
        for path in sorted(place.glob(pattern))
    ]
    return next((path for path in (*above, *below) if _holds(path, part)), None)


def _holds(folder: Path, part: Part) -> bool:
    try:
        kinds = _kinds(read_json(folder / part.file))
    except InputError:
        return False
    return not part.kind or part.kind in kinds


def _kinds(config: dict[str, Any]) -> set[str]:
    """What a configuration says that its model is."""
    named = (config.get("model_type"), config.get("_class_name"))
    return {kind for kind in (*named, *(config.get("architectures") or [])) if kind}


def _layout() -> str:
    places = ", ".join(f"{part.place}/" for part in STABLE_DIFFUSION.values())
    return f"a folder in diffusers' layout ({places})"


def _conversion(file: Path) -> str:
    return (
        "Convert it once: python -c 'from diffusers import StableDiffusionPipeline as P; "
        f'P.from_single_file("{file}").save_pretrained("FOLDER")\', and give FOLDER.'
    )
