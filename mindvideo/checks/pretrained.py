"""Models that others trained: whether they are there, whole, and fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mindvideo.alignment import clip_seconds
from mindvideo.config import Config, Stages
from mindvideo.errors import InputError
from mindvideo.findings import Finding, error, refused, warning
from mindvideo.given import IMAGE_PARTS, MODEL, computed, file_in, folder_of
from mindvideo.models import folders
from mindvideo.models.hub import PREFIX, HubModel, parse
from mindvideo.models.image_unet import check_adapter, check_frames, check_image_unet
from mindvideo.sizes import (
    check_clip_width,
    check_frame_size,
    check_prediction,
    check_steps,
    check_token_width,
)
from mindvideo.stimuli.rates import frames_per_clip

PATIENCE = 10.0
"""How long to wait for an answer of the hub [s]."""
DIFFUSION, ADAPTER = "stable_diffusion", "motion_adapter"
LOADED_BY = {
    DIFFUSION: {"latents", "video_tuning", "cotraining"},
    ADAPTER: {"video_tuning"},
    "clip": {"embeddings", "scoring"},
    "captioner": {"captions"},
    "image_classifier": {"scoring"},
    "video_classifier": {"scoring"},
}
"""Artefacts that need a model, unless they are given; every reconstruction needs the image model,
too, unless a given checkpoint brings its own."""


@dataclass(frozen=True)
class Models:
    """What the configurations say of the models that are on this machine."""

    names: dict[str, str | None]
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By setting of `pretrained`; of Stable Diffusion by part, as ``stable_diffusion/unet``."""

    def get(self, model: str, *keys: str) -> Any:
        """An entry of a configuration; None where the model is not here, or does not say."""
        value: Any = self.configs.get(model, {})
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def models(config: Config) -> tuple[Models, list[Finding]]:
    """Look into the folders of all pretrained models, or into the hub's cache, or ask the hub."""
    pretrained = Models(config.pretrained.model_dump())
    findings: list[Finding] = []
    here = computed(config) - config.given.keys()
    unused = set() if _has_motion_modules(config) else {ADAPTER}
    for setting, parts in folders.MODELS.items():
        if pretrained.names[setting] is None or setting in unused:
            continue
        if here & LOADED_BY[setting] or (setting == DIFFUSION and not _own_image_model(config)):
            findings += _model(pretrained, setting, parts)
    return pretrained, findings


def _has_motion_modules(config: Config) -> bool:
    """Whether any model has motion modules."""
    models = (config.stages(variant) for variant in (None, *config.variants))
    return any(_with_motion(stages) for stages in models)


def _with_motion(stages: Stages) -> bool:
    return stages.video_model.kind == "motion-adapter" and not stages.video_model.still


def _own_image_model(config: Config) -> bool:
    """Whether the given checkpoints of all subjects bring their own image model."""
    folders_of = [folder_of(config, "cotraining", subject) for subject in config.dataset.subjects]
    return all(
        folder and all(Path(file_in(folder, MODEL, part)).is_dir() for part in IMAGE_PARTS)
        for folder in folders_of
    )


def fit(config: Config, stages: Stages, pretrained: Models) -> Iterator[Finding]:
    """What does not go together, or not with the settings."""
    name, at = str(pretrained.names[DIFFUSION]), f"pretrained.{DIFFUSION}"
    if f"{DIFFUSION}/unet" in pretrained.configs:
        yield from refused(at, check_image_unet, pretrained.configs[f"{DIFFUSION}/unet"])
    if _with_motion(stages) and ADAPTER in pretrained.configs:
        yield from _adapter(config, stages, pretrained)
    tokens = pretrained.get(f"{DIFFUSION}/text_encoder", "hidden_size")
    width = pretrained.get(f"{DIFFUSION}/unet", "cross_attention_dim")
    if isinstance(tokens, int) and isinstance(width, int):
        yield from refused(at, check_token_width, "its text_encoder", tokens, width, name)
    kind = pretrained.get(f"{DIFFUSION}/scheduler", "prediction_type")
    if isinstance(kind, str):
        yield from refused(at, check_prediction, kind)
    levels = pretrained.get(f"{DIFFUSION}/vae", "block_out_channels")
    if isinstance(levels, list):
        size = stages.clips.size
        yield from refused("clips.size", check_frame_size, size, size, len(levels))
    times = pretrained.get(f"{DIFFUSION}/scheduler", "num_train_timesteps")
    if isinstance(times, int):
        for place, steps in (
            ("reconstruction", stages.reconstruction.steps),
            ("video_tuning.drawings", stages.video_tuning.drawings.steps),
        ):
            yield from refused(place, check_steps, steps, times)
    clip = pretrained.get("clip", "model_cfg", "embed_dim")
    if stages.contrastive.modalities and isinstance(clip, int) and isinstance(tokens, int):
        named, of_text = str(pretrained.names["clip"]), f"the tokens of {name}"
        yield from refused("pretrained.clip", check_clip_width, named, clip, tokens, of_text)


def _adapter(config: Config, stages: Stages, pretrained: Models) -> Iterator[Finding]:
    """Whether motion modules belong to the UNet, and have places for all frames of a clip."""
    adapter, at = pretrained.configs[ADAPTER], f"pretrained.{ADAPTER}"
    if unet := pretrained.configs.get(f"{DIFFUSION}/unet"):
        yield from refused(at, check_adapter, adapter, unet)
    frames = frames_per_clip(clip_seconds(config.dataset, stages), stages.clips.fps)
    if isinstance(most := adapter.get("motion_max_seq_length"), int):
        yield from refused("clips.fps", check_frames, frames, most)


def _model(pretrained: Models, setting: str, parts: tuple[folders.Part, ...]) -> Iterator[Finding]:
    name, place = str(pretrained.names[setting]), f"pretrained.{setting}"
    try:
        if setting == "clip" and _is_of_open_clip(name):
            return
        model = folders.resolve(name, parts[0])
    except InputError as problem:
        yield error(place, str(problem))
        return
    if isinstance(model, Path):
        folder = model
    elif cached := folders.cached_folder(model, parts[0]):
        folder = cached
    else:
        yield from _on_the_hub(place, model)
        return
    for part in parts:
        key = f"{setting}/{part.place}" if part.place else setting
        try:
            pretrained.configs[key] = folders.check_part(name, folder, part)
        except InputError as problem:
            if isinstance(model, HubModel):  # the rest is fetched by the first job that needs it
                yield from _on_the_hub(place, model)
                return
            yield error(place, str(problem).removeprefix(f"{name}: "))


def _is_of_open_clip(name: str) -> bool:
    """Whether open_clip lists a name as ARCHITECTURE/WEIGHTS; imports it only for such a name."""
    if name.startswith((PREFIX, "zoo:")) or parse(name).repo.count("/") != 1 or Path(name).exists():
        return False
    from mindvideo.models.pretrained import open_clip_weights

    return open_clip_weights(name) is not None


def _on_the_hub(place: str, name: HubModel) -> Iterator[Finding]:
    """Whether a model that is not here, or not whole, can be fetched, in the revision named."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    fetch = "download it elsewhere and give its folder"
    if constants.HF_HUB_OFFLINE:
        yield error(
            place,
            f"{name}: not whole in the hub's cache ({constants.HF_HUB_CACHE}), and HF_HUB_OFFLINE "
            f"is set: unset it for a first download, or {fetch}",
        )
        return
    try:
        HfApi().model_info(name.repo, revision=name.revision, timeout=PATIENCE)
    except GatedRepoError:
        yield error(
            place,
            f"{name}: its owners ask for an agreement first: accept it on the model's page of the "
            "hub, and log in (hf auth login)",
        )
    except RepositoryNotFoundError:
        yield error(
            place, f"{name}: no such folder, and no such model on the hub (or a private one)"
        )
    except RevisionNotFoundError:
        yield error(
            place,
            f"{name.repo}: no branch, tag or commit {name.revision} on the hub: see the model's "
            "history there",
        )
    except Exception as problem:  # whatever keeps the network away
        reason = (str(problem).strip().splitlines() or [""])[0][:120]
        yield warning(
            place,
            f"{name}: not in the hub's cache, and the hub could not be asked "
            f"({type(problem).__name__}: {reason}). Where jobs have no network, {fetch}",
        )
