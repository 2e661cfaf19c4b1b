"""Commands that exchange checkpoints with the released code: import-official, export-official."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError, named
from mindvideo.paths import path_argument


def declare_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=path_argument,
        metavar="SOURCE",
        help="the folder fmri_encoder of a released checkpoint, or the folder that contains it; or "
        "a checkpoint of masked brain modelling (.pth)",
    )
    parser.add_argument(
        "--to", type=path_argument, required=True, metavar="FOLDER", help="folder to write"
    )
    parser.add_argument(
        "--num-heads",
        type=int,
        metavar="N",
        help="number of attention heads, which the weights do not determine (default: from the "
        "configuration in the same folder, else 16 as in the paper)",
    )
    parser.add_argument(
        "--decoder-num-heads",
        type=int,
        metavar="N",
        help="the same for the decoder of masked brain modelling",
    )


def import_official(arguments: argparse.Namespace) -> int:
    from mindvideo.io import released
    from mindvideo.models import official
    from mindvideo.models.checkpoints import load_autoencoder
    from mindvideo.transaction import writing

    source, given = arguments.source, vars(arguments)
    model: Any
    _check_free(arguments.to)
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if source.is_dir():
        if given["decoder_num_heads"] is not None:
            raise InputError(f"--decoder-num-heads: the encoder in {source} has no decoder")
        weights, config = released.read_encoder(source)
        with named(source):
            model = official.encoder_from_official(weights, config, given["num_heads"])
    else:
        model = load_autoencoder(source, given["num_heads"], given["decoder_num_heads"])
    with writing(arguments.to) as path:
        model.save_pretrained(path)
    _describe(arguments.to, model.config)
    return 0


def declare_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=path_argument,
        metavar="FOLDER",
        help="a folder of this project: of an encoder, one that contains fmri_encoder, or of an "
        "autoencoder of masked brain modelling",
    )
    parser.add_argument(
        "--to",
        type=path_argument,
        required=True,
        metavar="PATH",
        help="what to write: a folder for an encoder, a file (.pth) for an autoencoder",
    )


def export_official(arguments: argparse.Namespace) -> int:
    from mindvideo.io import released
    from mindvideo.models import official
    from mindvideo.models.fmri_encoder import FmriEncoder
    from mindvideo.models.masked_autoencoder import MaskedAutoencoder
    from mindvideo.transaction import writing

    source, to = arguments.source, arguments.to
    _check_free(to)
    source = source / "fmri_encoder" if (source / "fmri_encoder").is_dir() else source
    if released.read_config(source).get("_class_name") == MaskedAutoencoder.__name__:
        autoencoder = MaskedAutoencoder.from_pretrained(source)
        weights, config = official.autoencoder_to_official(autoencoder)
        with writing(to) as path:
            released.write_autoencoder(path, weights, config)
    else:
        weights, config = official.encoder_to_official(FmriEncoder.from_pretrained(source))
        with writing(to) as path:
            released.write_encoder(path, weights, config)
        for name in official.ZERO_IN_ENCODER:
            if name in weights:
                most = weights[name].abs().max()
                print(f"{name}, up to {most:.2g}, is exported, but the released code ignores it")
    _describe(to, config)
    return 0


def _describe(path: Path, sizes: Mapping[str, Any]) -> None:
    window = f", windows of {sizes['window_size']}" if "window_size" in sizes else ""
    print(
        f"{path}: {sizes['depth']} blocks of width {sizes['embed_dim']}, {sizes['num_heads']} "
        f"heads, {sizes['num_voxels']} voxels in patches of {sizes['patch_size']}{window}"
    )


def _check_free(path: Path) -> None:
    if path.exists():
        raise InputError(f"{path} already exists: delete it, or choose another path with --to")
