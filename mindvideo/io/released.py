"""Read and write checkpoints in the format of the released MinD-Video and of the image paper."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from mindvideo.errors import InputError

ENCODER_WEIGHTS = ("model.pth", "diffusion_pytorch_model.bin")
"""Files that the released code looks for, in this order; exports write the second."""

UNET_WEIGHTS = ("diffusion_pytorch_model.bin", "diffusion_pytorch_model.safetensors")
"""The released file, and a converted one."""

CONFIGURATIONS = (
    "config.Config_MAE_fMRI",
    "config.Config_MBM_fMRI",
    "config.Config_MBM_finetune",
    "argparse.Namespace",
)
"""Classes of the settings in the checkpoints. The first three exist only in the image paper's code.
Each is read as :class:`Settings`, and no class is imported."""


class Settings:
    """Values by name: the settings in a checkpoint."""


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read weights by name, and the settings stored with them, from a file that torch wrote.

    No code in the file is run: only tensors and plain values are read, settings as plain values.

    Raises
    ------
    InputError
        If the file contains anything else, or no weights.
    """
    try:
        with torch.serialization.safe_globals([(Settings, name) for name in CONFIGURATIONS]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        problem = f"reading it would run {code[1]}" if code else "it is no file of torch's"
        raise InputError(
            f"{path}: refused: {problem}; expected only weights, plain values and the settings of "
            "the released code. Is it the right file, complete, and from a source you trust? A "
            "file with only its entry `model` is enough"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        if isinstance(error, OSError) and error.filename:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{path}: torch cannot read this checkpoint ({reason[:120]}): is the download complete?"
        ) from error
    if not isinstance(checkpoint, Mapping):
        kind = type(checkpoint).__name__
        raise InputError(f"{path}: contains a {kind}; expected weights by name")
    weights = checkpoint.get("model", checkpoint)
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise InputError(f"{path}: its entry `model` does not contain weights by name")
    settings = checkpoint.get("config")
    settings = vars(settings) if isinstance(settings, Settings) else settings
    return dict(weights), dict(settings) if isinstance(settings, Mapping) else {}


def read_encoder(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read weights by name, and the configuration, from a released encoder's folder.

    The folder may be that of the encoder, or that of the whole checkpoint, with the encoder in
    ``fmri_encoder/``.

    Raises
    ------
    InputError
        If it has no readable configuration or no readable weights.
    """
    folder = folder / "fmri_encoder" if (folder / "fmri_encoder").is_dir() else folder
    config = read_config(folder)
    files = [folder / name for name in ENCODER_WEIGHTS if (folder / name).is_file()]
    if not files:
        raise InputError(f"{folder}: no weights here: {' or '.join(ENCODER_WEIGHTS)} is needed")
    return read_checkpoint(files[0])[0], config


def read_unet(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read weights by name, and the configuration, of a released video UNet.

    The folder may be that of the UNet, or that of the whole checkpoint, with the UNet in ``unet/``.

    Raises
    ------
    InputError
        If there is no readable configuration, or there are no readable weights.
    """
    folder = folder / "unet" if (folder / "unet").is_dir() else folder
    config = read_config(folder)
    if (weights := folder / UNET_WEIGHTS[0]).is_file():
        return read_checkpoint(weights)[0], config
    if (weights := folder / UNET_WEIGHTS[1]).is_file():
        return load_file(weights), config
    raise InputError(f"{folder}: no weights here: {' or '.join(UNET_WEIGHTS)} is needed")


def read_config(folder: Path) -> dict[str, Any]:
    """Read the configuration in a model's folder.

    Raises
    ------
    InputError
        If it is missing or cannot be read.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(
            f"{folder}: not a model: it has no config.json; name the folder of the encoder "
            "(`fmri_encoder`) or of the autoencoder, or the folder that contains `fmri_encoder`"
        )
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(config, dict):
        raise InputError(f"{path}: expected names and values")
    return config


def write_encoder(folder: Path, weights: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Write an encoder's folder in the released format."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(dict(config), indent=2) + "\n")
    torch.save(dict(weights), folder / ENCODER_WEIGHTS[1])


def write_autoencoder(path: Path, weights: Mapping[str, Any], sizes: Mapping[str, Any]) -> None:
    """Write an autoencoder's weights in the released format, with its sizes as plain values."""
    torch.save({"model": dict(weights), "config": dict(sizes)}, path)
