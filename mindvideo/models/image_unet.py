"""Checks of Stable Diffusion's image UNet and of motion modules for it, by configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mindvideo.errors import InputError

SHARED = {
    "center_input_sample": False,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "only_cross_attention": False,
    "dual_cross_attention": False,
    "transformer_layers_per_block": 1,
    "class_embed_type": None,
    "num_class_embeds": None,
    "addition_embed_type": None,
    "encoder_hid_dim": None,
    "encoder_hid_dim_type": None,
    "time_embedding_type": "positional",
    "time_embedding_act_fn": None,
    "resnet_time_scale_shift": "default",
    "resnet_skip_time_act": False,
    "attention_type": "default",
    "cross_attention_norm": None,
}
"""Settings that all UNets of Stable Diffusion 1.x and 2.x share; widths and depths may vary. In 2.x
the projections of a transformer are linear (`use_linear_projection`), its text tokens are 1,024
wide, and some of its models predict velocities."""

BLOCKS = {"CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"}


def check_image_unet(config: Mapping[str, Any]) -> None:
    """Raise an error if a configuration is not that of a UNet of Stable Diffusion 1.x or 2.x.

    Missing settings have diffusers' defaults, which are those of 1.x.

    Raises
    ------
    InputError
    """
    settings = {name: config.get(name, value) for name, value in SHARED.items()}
    wrong = {name: value for name, value in settings.items() if value != SHARED[name]}
    for name in ("down_block_types", "up_block_types"):
        if others := set(config.get(name, ())) - BLOCKS:
            wrong[name] = sorted(others)
    if config.get("in_channels", 4) != config.get("out_channels", 4):
        wrong["in_channels"] = config["in_channels"]
    if not isinstance(config.get("cross_attention_dim", 0), int):
        wrong["cross_attention_dim"] = config["cross_attention_dim"]
    if config.get("norm_num_groups", 0) is None:
        wrong["norm_num_groups"] = None
    if wrong:
        said = ", ".join(f"{name} = {value!r}" for name, value in wrong.items())
        raise InputError(
            f"this UNet is not that of a Stable Diffusion 1.x or 2.x ({said}), and other kinds are "
            "not supported: set `stable_diffusion` to a 1.x or 2.x model"
        )


def check_adapter(adapter: Mapping[str, Any], unet: Mapping[str, Any]) -> None:
    """Raise an error if motion modules do not belong to UNets of these sizes.

    Both are configurations.

    Raises
    ------
    InputError
    """
    sizes = {
        "block_out_channels": "block_out_channels",
        "motion_layers_per_block": "layers_per_block",
    }
    for theirs, ours in sizes.items():
        found, needed = adapter.get(theirs), unet.get(ours)
        if _as_list(found) != _as_list(needed):
            raise InputError(
                f"the motion adapter has {theirs}: {found}, but the UNet has {ours}: {needed}: set "
                "`motion_adapter` to one for this Stable Diffusion (AnimateDiff's are for 1.5 and "
                "XL; only the former can be used), or `stable_diffusion` to its own"
            )
    if adapter.get("conv_in_channels"):
        raise InputError(
            f"the motion adapter changes the UNet's input to {adapter['conv_in_channels']} "
            "channels (it animates a given image), which is not supported: set `motion_adapter` to "
            "one without conv_in_channels"
        )


def check_frames(frames: int, most: int) -> None:
    """Raise an error if a clip has more frames than motion modules have places for.

    Raises
    ------
    InputError
    """
    if frames > most:
        raise InputError(
            f"clips of {frames} frames, but the motion modules have places for {most} "
            "(motion_max_seq_length): lower clips.fps, or use another motion adapter"
        )


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
