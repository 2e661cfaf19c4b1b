"""Memory that generating clips needs, estimated beforehand.

Activations only: the models themselves are there already. Attention never has all of its weights
in memory (``scaled_dot_product_attention``), so that everything grows with the number of places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import torch

from mindvideo.errors import InputError
from mindvideo.models.guidance import DECODED_AT_ONCE

FEED_FORWARD = 20
"""Widths that are there at once in a transformer's feed-forward, the place of most memory in a
UNet's level: what it came from, twice, stream and its norm (4), gated projection (8), gate and
product (4 + 4)."""

RESIDUAL = 3
"""Copies of its input that are there at once in a residual block of the VAE."""

LIBRARIES = 6 * 2**30 // 10
"""What the libraries of convolutions take for themselves, once [B]. On a CPU at Stable Diffusion
1.5's size 0.47 and 0.59 GiB, beside 6 and 18 frames that take what is estimated here."""

CGROUPS, PROCESS_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux lists the limits of a process's memory."""


def unet_memory(unet: Any, images: int, height: int, width: int) -> int:
    """Peak of a forward pass without gradients [B].

    Parameters
    ----------
    unet
        An image or a video UNet of Stable Diffusion 1.x's kind.
    images
        Frames of all clips, both guidance passes counted.
    height, width
        Of the latents.
    """
    channels = unet.config["block_out_channels"]
    blocks = unet.config["layers_per_block"]
    last = len(channels) - 1
    kept = float(channels[0])  # a place's values that wait for the way up
    for level, n_channels in enumerate(channels):
        kept += (blocks * n_channels + (n_channels / 4 if level < last else 0)) / 4**level
    busiest = max(FEED_FORWARD * n_channels / 4**level for level, n_channels in enumerate(channels))
    return round(images * height * width * (kept + busiest) * unet.dtype.itemsize)


def decoder_memory(vae: Any, images: int, height: int, width: int) -> int:
    """Peak of decoding images together [B]; height and width of the frames [px]."""
    channels = vae.config["block_out_channels"]
    widest = channels[min(1, len(channels) - 1)]  # what the last level but one hands on, enlarged
    return round(images * height * width * RESIDUAL * widest * vae.dtype.itemsize)


def available_memory(device: torch.device) -> int:
    """What is left of the GPU's memory, or of the machine's and of the process's limit [B]."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    free = psutil.virtual_memory().available
    limit = _cgroup_left()
    return free if limit is None else min(free, limit)


def check_fits(
    unet: Any, vae: Any, shape: tuple[int, ...], guided: bool, device: torch.device
) -> None:
    """Refuse latents ``(b, c, f, h, w)`` that memory does not allow to be made and decoded.

    What decoding takes does not grow with clips or frames beyond :data:`DECODED_AT_ONCE`.

    Raises
    ------
    InputError
    """
    clips, _, frames, height, width = shape
    factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
    decoded = min(DECODED_AT_ONCE, clips * frames)

    at_denoising = unet_memory(unet, (2 if guided else 1) * clips * frames, height, width)
    at_decoding = decoder_memory(vae, decoded, factor * height, factor * width)
    need, left = max(at_denoising, at_decoding), available_memory(device) - LIBRARIES
    if need <= left:
        return
    fraction = left / at_denoising
    if at_decoding <= left and (fitting := int(clips * fraction)):
        advice = f"at most {fitting} clips of this length fit at a time (batch_size)"
    elif at_decoding <= left and (fitting := int(clips * frames * fraction)):
        advice = f"one clip of at most {fitting} frames fits"
    else:
        advice = "make the frames smaller, or use half precision"
    size = f"{factor * height} × {factor * width} px"
    raise InputError(
        f"{clips} clip{'s' * (clips > 1)} of {frames} frames of {size} take about "
        f"{_gib(need + LIBRARIES)} beside the models, and {_gib(left + LIBRARIES)} are free on "
        f"{device}: {advice}"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _cgroup_left(root: Path = CGROUPS, process: Path = PROCESS_CGROUP) -> int | None:
    """What a container or a batch system still allows [B]; None if it sets no limit."""
    try:
        line = next(x for x in process.read_text().splitlines() if x.startswith("0::"))
    except (OSError, StopIteration):
        return None
    group = root / line.removeprefix("0::").lstrip("/")
    left = [_left_in(folder) for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return min((n for n in left if n is not None), default=None)


def _left_in(group: Path) -> int | None:
    try:
        limit = int((group / "memory.max").read_text())  # "max": none
        used = int((group / "memory.current").read_text())
        stat = (group / "memory.stat").read_text().split()
    except (OSError, ValueError):
        return None
    # Files that are cached count as used, and are given up when memory is needed.
    cached = int(stat[stat.index("inactive_file") + 1]) if "inactive_file" in stat else 0
    return max(0, limit - used + cached)
