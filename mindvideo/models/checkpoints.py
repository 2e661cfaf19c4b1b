"""Networks loaded from this project's folders, or from checkpoints in the released format.

Which of them a folder or file contains follows from its configuration.
"""

from __future__ import annotations

from pathlib import Path

from mindvideo.errors import named
from mindvideo.io.released import read_checkpoint, read_encoder, read_unet
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.denoisers import load_denoiser
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.official import (
    OFFICIAL_CLASS,
    OFFICIAL_UNET,
    PAPERS_HEADS,
    autoencoder_from_official,
    encoder_from_official,
    unet_from_official,
)
from mindvideo.models.weight_files import read_json

Encoder = FmriEncoder | LinearEncoder


def load_fmri_encoder(folder: Path) -> Encoder:
    """Load the encoder that a folder, or its ``fmri_encoder/``, contains.

    Raises
    ------
    InputError
        If the folder contains no encoder, or its weights do not match its configuration.
    """
    folder = _nested(folder, "fmri_encoder")
    kind = _kind(folder)
    if kind == OFFICIAL_CLASS:
        with named(folder):
            return encoder_from_official(*read_encoder(folder))
    model = LinearEncoder if kind == LinearEncoder.__name__ else FmriEncoder
    return model.from_pretrained(folder)


def load_video_unet(folder: Path) -> ClipDenoiser:
    """Load the video UNet that a folder, or its ``unet/``, contains.

    Raises
    ------
    InputError
        If the folder contains no video UNet, or its weights do not match its configuration.
    """
    folder = _nested(folder, "unet")
    if _kind(folder) == OFFICIAL_UNET:
        with named(folder):
            return unet_from_official(*read_unet(folder))
    return load_denoiser(folder, _kind(folder))


def load_autoencoder(
    path: Path, num_heads: int | None = None, decoder_num_heads: int | None = None
) -> MaskedAutoencoder:
    """Load an autoencoder of masked brain modelling: a folder, or a released file (``.pth``).

    Parameters
    ----------
    path
    num_heads, decoder_num_heads
        Numbers of attention heads, which weights do not determine. Of a folder, its configuration
        applies; of a file, by default the settings that it contains, or else the paper's 16.

    Raises
    ------
    InputError
        If there is no autoencoder, or its weights do not match its configuration.
    """
    if path.is_dir():
        return MaskedAutoencoder.from_pretrained(path)
    weights, settings = read_checkpoint(path)
    requested = {"num_heads": num_heads, "decoder_num_heads": decoder_num_heads}
    heads = {
        name: next(n for n in (value, settings.get(name), PAPERS_HEADS) if n is not None)
        for name, value in requested.items()
    }
    with named(path):
        return autoencoder_from_official(weights, **heads)


def _nested(folder: Path, part: str) -> Path:
    return folder / part if (folder / part).is_dir() else folder


def _kind(folder: Path) -> str | None:
    """The class that the configuration of a network names; None without a configuration."""
    config = folder / "config.json"
    return read_json(config).get("_class_name") if config.is_file() else None
