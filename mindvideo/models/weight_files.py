"""Files of weights and configurations: which to load, and whether they are complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError

DIFFUSERS = {".safetensors": "diffusion_pytorch_model", ".bin": "diffusion_pytorch_model"}
"""The stem of a file's name, by the ending of the file of weights."""
TRANSFORMERS = {".safetensors": "model", ".bin": "pytorch_model"}
OPEN_CLIP = (".safetensors", ".bin", ".pth")
"""Endings; open_clip accepts any name."""
HALF = ("fp16", "bf16")
"""Variants of weights that are known to be complete, and not from another training."""


@dataclass(frozen=True)
class Weights:
    """Which of a folder's weights are loaded."""

    variant: str | None = None
    """The name in diffusers and transformers: ``fp16`` if only these weights exist."""
    safetensors: bool = True


def read_json(path: Path) -> dict[str, Any]:
    """Read the names and values of a configuration.

    Raises
    ------
    InputError
        If it is not a JSON object; the message says what it is instead, if known.
    """
    try:
        if problem := _no_content(path):
            raise InputError(f"{path}: {problem}")
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}): fetch it again") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected names and values: is it a file of another program?")
    return config


def find_weights(
    folder: Path, names: dict[str, str] | tuple[str, ...], needed: str = "weights"
) -> Weights:
    """Choose weights in a folder: full precision before half, safetensors before pickle files.

    Parameters
    ----------
    folder
    names
        :data:`DIFFUSERS`, :data:`TRANSFORMERS` or :data:`OPEN_CLIP`.
    needed
        The model that they are needed for, for messages.

    Raises
    ------
    InputError
        If there are none, or those chosen are incomplete.
    """
    chosen = next(_candidates(folder, names), None)
    if chosen is None:
        ends = (
            names if isinstance(names, tuple) else [f"{stem}{end}" for end, stem in names.items()]
        )
        raise InputError(
            f"{folder}: no weights of {needed}: expected a file {' or '.join(ends)} (found: "
            f"{listing(folder)}){lora(folder)}"
        )
    weights, first = chosen
    for path in _shards(first) if first.suffix == ".json" else [first]:
        if problem := _no_content(path) or _cut_short(path):
            raise InputError(f"{path}: {problem}")
    return weights


def _candidates(
    folder: Path, names: dict[str, str] | tuple[str, ...]
) -> Iterator[tuple[Weights, Path]]:
    """Weights, with their file or the index of their files; the best first."""
    there = sorted(folder.iterdir())
    if isinstance(names, tuple):
        for end in names:
            yield from ((Weights(), path) for path in there if path.name.endswith(end))
        return
    variants: list[str | None] = [None, *HALF]
    for end, stem in names.items():
        for path in there:
            middle = path.name.removeprefix(f"{stem}.").removesuffix(end)
            if (
                path.name == f"{stem}.{middle}{end}"
                and "." not in middle
                and middle not in variants
            ):
                variants.append(middle)
    for variant in variants:
        mark = f".{variant}" if variant else ""
        for end, stem in names.items():
            for file in (f"{stem}{mark}{end}", f"{stem}{end}.index{mark}.json"):
                if (path := folder / file) in there:
                    yield Weights(variant, end == ".safetensors"), path


def _shards(index: Path) -> list[Path]:
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise InputError(f"{index}: does not name any files of weights: fetch it again")
    paths = [index.parent / file for file in sorted(set(files.values()))]
    missing = [path.name for path in paths if not os.path.lexists(path)]
    if missing:
        raise InputError(
            f"{index}: {len(missing)} of the {len(paths)} files that it names are missing, first "
            f"{missing[0]}: fetch them"
        )
    return paths


def _no_content(path: Path) -> str:
    """What a file is instead of weights; "" if there is no sign of it."""
    if not path.is_file():
        return (
            f"is a link to {os.readlink(path)}, which is not there: fetch it (git annex get, or "
            "download it again; of a Hugging Face cache copy `blobs`, too)"
            if path.is_symlink()
            else "is no file"
        )
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return "is empty: fetch it again"
    if start.startswith(b"version https://git-lfs"):
        return (
            "is a pointer of Git LFS, not the file itself: run `git lfs pull` in its folder, or "
            "download it from the hub"
        )
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "is a web page, saved under this name: fetch the file itself"
    return ""


def _cut_short(path: Path) -> str:
    """The problem of an incomplete safetensors file, judged by its header; "" if complete."""
    if path.suffix != ".safetensors":
        return ""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            return ""
    except (SafetensorError, OSError) as error:
        return f"is damaged, or its download broke off ({error}): fetch it again"


def lora(folder: Path) -> str:
    """Advice if a folder contains a LoRA; "" if it contains none."""
    names = ("adapter_config.json", "adapter_model.*", "*lora*")
    files = [path.name for name in names for path in sorted(folder.glob(name))]
    return (
        f". It holds a LoRA ({files[0]}): what is added to a model's weights. Merge both with "
        "diffusers (pipe.load_lora_weights, pipe.fuse_lora, pipe.unload_lora_weights, "
        "pipe.save_pretrained), and give the folder that this writes"
        if files
        else ""
    )


def listing(folder: Path, most: int = 8) -> str:
    """Names of the entries of a folder."""
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:most]) + (", …" if len(names) > most else "") or "nothing"
