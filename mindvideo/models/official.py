"""Conversion of released weights of MinD-Video and the image paper to this package, and back.

Weights have the same names in both, except for those in the lists below. Sizes are read from the
shapes of weights; the configuration is used only for sizes that no shape determines. Weights are
converted to single precision. The number of voxels is kept: the released code pads by a whole patch
even if the voxels already fill their patches.
"""

from __future__ import annotations

import inspect
import logging
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.video_unet import VideoUNet
from mindvideo.models.weights import load_strictly

log = logging.getLogger(__name__)

Model = TypeVar("Model", bound=nn.Module)

OFFICIAL_CLASS = "fMRIEncoder"
"""Class name in the configuration of the released encoder."""

OFFICIAL_UNET = "UNet3DConditionModel"
"""Class name in the configuration of the released video UNet."""

IGNORED_IN_ENCODER = ("mask_token",)
"""Parts of released encoders that neither code uses."""

IGNORED_IN_AUTOENCODER = (
    "nature_img_decoder_embed",
    "nature_img_mask_token",
    "nature_img_decoder_pos_embed",
    "nature_img_decoder_blocks",
    "nature_img_decoder_norm",
    "nature_img_decoder_pred",
)
"""A second decoder, for features of pictures, in some released autoencoders."""

ZERO_IN_ENCODER = ("proj_head.fc.bias",)
"""Weights that the released code lacks: zero after import, omitted from export while zero."""

LEFT_OUT_OF_ENCODER = ("embedding",)
"""Parts that the released code lacks and that do not change the tokens."""

WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes that training on several GPUs, or compilation, adds to every name."""

CHECKED = (
    "patch_size",
    "embed_dim",
    "in_chans",
    "depth",
    "out_channel",
    "out_dim",
    "use_norm",
    "window_size",
    "use_temp_attn",
)
"""Entries of a released configuration that the weights also determine. Its `num_voxels` is not one
of them, since the released code overwrites it with that of the data."""

PAPERS_HEADS = 16
"""Attention heads of encoder and decoder (Table B.1)."""

_ALWAYS = ("patch_embed.proj.weight", "pos_embed", "blocks.0.mlp.fc1.weight")
_IN_ENCODER = (*_ALWAYS, "proj_head.channel_mapper.weight", "proj_head.projection.weight")
_IN_AUTOENCODER = (*_ALWAYS, "decoder_embed.weight", "decoder_blocks.0.mlp.fc1.weight")


def encoder_from_official(
    state: Mapping[str, Tensor], config: Mapping[str, Any], num_heads: int | None = None
) -> FmriEncoder:
    """The fMRI encoder of a released checkpoint.

    Parameters
    ----------
    state
        Its weights by name.
    config
        Its configuration; `num_heads`, `dropout` and `logit_scale_init_value` are read, and the
        rest must agree with the weights.
    num_heads
        Number of attention heads, if it differs from the configuration.

    Raises
    ------
    InputError
        If weights are missing, unexpected or of another shape, or contradict the configuration.
    """
    if (kind := config.get("_class_name", OFFICIAL_CLASS)) != OFFICIAL_CLASS:
        raise InputError(f"the configuration is that of a {kind}; expected {OFFICIAL_CLASS}")
    state = _unwrapped(state, IGNORED_IN_ENCODER)
    _need(state, _IN_ENCODER, "a released fMRI encoder")
    tokens_in = state["proj_head.channel_mapper.weight"].shape[1]
    sizes = _sizes(state)
    patches = sizes["num_voxels"] // sizes["patch_size"]
    if tokens_in % patches:
        raise InputError(
            f"the head expects {tokens_in} tokens, which is not a multiple of the {patches} "
            "patches with a position: these weights are a mixture of two models"
        )
    head = {
        "in_chans": state["patch_embed.proj.weight"].shape[1],
        "out_channel": state["proj_head.channel_mapper.weight"].shape[0],
        "out_dim": state["proj_head.projection.weight"].shape[0],
        "use_norm": "proj_head.layer_norm.weight" in state,
        "window_size": tokens_in // patches,
        "use_temp_attn": "blocks.0.attn_temp.qkv.weight" in state,
    }
    shape = {**sizes, **head}
    _agree(shape, config)
    for name in ZERO_IN_ENCODER:
        state.setdefault(name, torch.zeros(head["out_dim"]))
    kept = ("dropout", "logit_scale_init_value")
    heads = config.get("num_heads") if num_heads is None else num_heads
    if heads is None:
        raise InputError(
            "the configuration has no num_heads, and weights do not determine it: set it yourself"
        )
    _check_heads("num_heads", heads, shape["embed_dim"])
    shape |= {name: config[name] for name in kept if name in config}
    return _filled(FmriEncoder(num_heads=heads, **shape), state)


def encoder_to_official(encoder: FmriEncoder) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and configuration of an fMRI encoder in the format of the released code.

    :data:`ZERO_IN_ENCODER` are included if they are not zero; the released code ignores them.
    :data:`LEFT_OUT_OF_ENCODER` are not: reconstruction does not depend on them.
    """
    state = {
        name: weight.detach().clone()
        for name, weight in encoder.state_dict().items()
        if (name not in ZERO_IN_ENCODER or weight.any())
        and name.split(".")[0] not in LEFT_OUT_OF_ENCODER
    }
    return state, {"_class_name": OFFICIAL_CLASS, **_settings(encoder)}


def unet_from_official(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> VideoUNet:
    """The video UNet of a released checkpoint.

    Parameters
    ----------
    state
        Its weights by name: the same names as here.
    config
        Its configuration: that of the image UNet, with blocks that are called 3D. Settings that
        image UNets lack are ignored, with a warning if they are set.

    Raises
    ------
    InputError
        If weights are missing, unexpected or of another shape, or the UNet is of another kind.
    """
    if (kind := config.get("_class_name", OFFICIAL_UNET)) != OFFICIAL_UNET:
        raise InputError(f"the configuration is that of a {kind}; expected {OFFICIAL_UNET}")
    parameters = inspect.signature(UNet2DConditionModel.__init__).parameters
    settings = {name: _flat(value) for name, value in config.items() if name in parameters}
    others = {n: v for n, v in config.items() if n not in parameters and n[0] != "_" and v}
    if others:
        log.warning("the released UNet has settings that are unknown here: %s", others)
    try:
        unet = VideoUNet(**settings)
    except (ValueError, TypeError) as error:
        raise InputError(f"no UNet can be built from the configuration: {error}") from error
    return _filled(unet, _unwrapped(state, ()))


def _flat(value: Any) -> Any:
    """CrossAttnDownBlock3D → CrossAttnDownBlock2D, also in a list; anything else is unchanged."""
    if isinstance(value, list):
        return [_flat(item) for item in value]
    return re.sub(r"3D(?=$|CrossAttn$)", "2D", value) if isinstance(value, str) else value


def autoencoder_from_official(
    state: Mapping[str, Tensor],
    num_heads: int = PAPERS_HEADS,
    decoder_num_heads: int = PAPERS_HEADS,
) -> MaskedAutoencoder:
    """The autoencoder, including the decoder, of a checkpoint of masked brain modelling.

    Parameters
    ----------
    state
        Its weights by name: the checkpoint's entry `model`.
    num_heads, decoder_num_heads
        Numbers of attention heads, the only size that weights do not determine.

    Raises
    ------
    InputError
        If weights are missing, unexpected or of another shape.
    """
    state = _unwrapped(state, IGNORED_IN_AUTOENCODER)
    _need(state, _IN_AUTOENCODER, "an autoencoder of masked brain modelling")
    sizes = _sizes(state)
    decoder = {
        "decoder_embed_dim": state["decoder_embed.weight"].shape[0],
        "decoder_depth": _depth(state, "decoder_blocks"),
    }
    _check_heads("num_heads", num_heads, sizes["embed_dim"])
    _check_heads("decoder_num_heads", decoder_num_heads, decoder["decoder_embed_dim"])
    autoencoder = MaskedAutoencoder(
        **sizes, **decoder, num_heads=num_heads, decoder_num_heads=decoder_num_heads
    )
    return _filled(autoencoder, state)


def autoencoder_to_official(
    autoencoder: MaskedAutoencoder,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights of an autoencoder in the format of the released code, and its sizes."""
    state = {name: weight.detach().clone() for name, weight in autoencoder.state_dict().items()}
    return state, _settings(autoencoder)


def _settings(model: FmriEncoder | MaskedAutoencoder) -> dict[str, Any]:
    ours = ("voxels", "project_embedding")  # unknown to the released code
    return {n: value for n, value in model.config.items() if n[0] != "_" and n not in ours}


def _unwrapped(state: Mapping[str, Tensor], ignored: tuple[str, ...]) -> dict[str, Tensor]:
    """Weights without the prefixes of wrappers, in single precision."""
    for wrapper in WRAPPERS * 2:  # they come in either order
        if state and all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): weight for name, weight in state.items()}
    odd = [name for name, weight in state.items() if not isinstance(weight, Tensor)]
    if odd:
        raise InputError(f"{odd[0]} is a {type(state[odd[0]]).__name__}; expected a tensor")
    return {
        name: weight.float() for name, weight in state.items() if name.split(".")[0] not in ignored
    }


def _need(state: Mapping[str, Tensor], names: tuple[str, ...], what: str) -> None:
    """Check that the weights from which sizes are read exist and have the right dimensions."""
    if missing := [name for name in names if name not in state]:
        there = ", ".join(list(state)[:3]) or "nothing"
        raise InputError(
            f"these weights are not those of {what}: missing: {', '.join(missing)} (found: "
            f"{there}, …)"
        )
    for name in names:
        axes = 3 if name in ("patch_embed.proj.weight", "pos_embed") else 2
        if state[name].ndim != axes:
            raise InputError(
                f"{name} has shape {tuple(state[name].shape)}; {what} has {axes} axes there"
            )


def _sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Sizes that encoder and autoencoder share, read from the shapes of their weights."""
    dim, channels, patch_size = state["patch_embed.proj.weight"].shape
    if channels != 1:
        raise InputError(f"patch_embed expects {channels} values per voxel; only one is supported")
    patches = state["pos_embed"].shape[1] - 1
    if patches < 1:
        raise InputError("pos_embed has only the row of the class token: no patch has a position")
    return {
        "num_voxels": patches * patch_size,
        "patch_size": patch_size,
        "embed_dim": dim,
        "depth": _depth(state, "blocks"),
        "mlp_ratio": _ratio(state["blocks.0.mlp.fc1.weight"].shape[0], dim),
    }


def _ratio(hidden: int, dim: int) -> float:
    """The ratio that gives this number of hidden units after multiplication and truncation."""
    ratio = hidden / dim
    return ratio if int(dim * ratio) == hidden else math.nextafter(ratio, math.inf)


def _depth(state: Mapping[str, Tensor], blocks: str) -> int:
    """Number of blocks; strict loading detects a missing one in between."""
    matches = (re.match(rf"{blocks}\.(\d+)\.", name) for name in state)
    return 1 + max(int(match[1]) for match in matches if match)


def _check_heads(name: str, heads: object, dim: int) -> None:
    if not isinstance(heads, int) or heads < 1 or dim % heads:
        raise InputError(
            f"{name} {heads} does not divide the width of these weights, {dim}: set it to the "
            "number of heads that they were trained with"
        )
    if dim % 2:
        raise InputError(f"weights of width {dim}: sine-cosine positions need an even width")


def _agree(of_weights: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    wrong = [
        f"{name} {config[name]}, but the weights have {of_weights[name]}"
        for name in CHECKED
        if name in config and config[name] != of_weights[name]
    ]
    if wrong:
        raise InputError(f"the configuration has {'; '.join(wrong)}: is it that of another model?")


def _filled(model: Model, state: Mapping[str, Tensor]) -> Model:
    """The model with exactly these weights, each of the right shape."""
    wrong = [
        f"{name} {tuple(weight.shape)}, needed {tuple(expected.shape)}"
        for name, expected in model.state_dict().items()
        if (weight := state.get(name)) is not None and weight.shape != expected.shape
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise InputError(f"weights of the wrong shape: {'; '.join(wrong[:5])}{more}")
    load_strictly(model, state, new=())
    return model.eval()
