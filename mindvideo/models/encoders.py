"""The encoders of windows, loaded by what their folder contains."""

from __future__ import annotations

from pathlib import Path

from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.weight_files import read_json

Encoder = FmriEncoder | LinearEncoder


def load_fmri_encoder(folder: Path) -> Encoder:
    """Load the encoder that a folder contains, as its config.json names it.

    Raises
    ------
    InputError
        If the folder contains no encoder, or its weights do not match its configuration.
    """
    config = folder / "config.json"
    name = read_json(config).get("_class_name") if config.is_file() else None
    model = LinearEncoder if name == LinearEncoder.__name__ else FmriEncoder
    return model.from_pretrained(folder)
