"""Estimates of the memory that generating clips needs.

Only activations are counted: the models themselves are already in memory. Attention never stores
all of its weights (``scaled_dot_product_attention``), so memory grows linearly with the number of
positions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import torch

from mindvideo.errors import InputError
from mindvideo.models.denoiser import ClipDenoiser
from mindvideo.models.guidance import DECODED_AT_ONCE

FEED_FORWARD = 20
"""Number of simultaneous activations, in units of the width, in a transformer's feed-forward, the
peak of a UNet level: input, twice, stream and its norm (4), gated projection (8), gate and product
(4 + 4)."""

RESIDUAL = 3
"""Number of simultaneous copies of its input in a residual block of the VAE."""

LIBRARIES = 6 * 2**30 // 10
"""Memory that convolution libraries allocate once [B]. Measured on a CPU at Stable Diffusion 1.5's
size: 0.47 and 0.59 GiB with 6 and 18 frames, in addition to the estimates here."""

CGROUPS, PROCESS_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Folder in which Linux lists the memory limits of a process."""


def unet_memory(unet: Any, images: int, height: int, width: int) -> int:
    """Peak of a forward pass without gradients [B].

    Parameters
    ----------
    unet
        An image or a video UNet of Stable Diffusion 1.x's or 2.x's kind.
    images
        Number of frames of all clips, counting both guidance passes.
    height, width
        Size of the latents.
    """
    channels = unet.config["block_out_channels"]
    blocks = unet.config["layers_per_block"]
    last = len(channels) - 1
    kept = float(channels[0])  # values per position kept for the upward path
    for level, n_channels in enumerate(channels):
        kept += (blocks * n_channels + (n_channels / 4 if level < last else 0)) / 4**level
    busiest = max(FEED_FORWARD * n_channels / 4**level for level, n_channels in enumerate(channels))
    return round(images * height * width * (kept + busiest) * unet.dtype.itemsize)


def decoder_memory(vae: Any, images: int, height: int, width: int) -> int:
    """Peak of decoding images together [B]; height and width of the frames [px]."""
    channels = vae.config["block_out_channels"]
    widest = channels[min(1, len(channels) - 1)]  # the enlarged output of the last level but one
    return round(images * height * width * RESIDUAL * widest * vae.dtype.itemsize)


def available_memory(device: torch.device) -> int:
    """Free memory of the GPU, or of the machine within the process's limit [B]."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    free = psutil.virtual_memory().available
    limit = _cgroup_left()
    return free if limit is None else min(free, limit)


def check_fits(
    unet: ClipDenoiser, vae: Any, shape: tuple[int, ...], guided: bool, device: torch.device
) -> None:
    """Raise an error if memory is too small to generate and decode latents ``(b, c, f, h, w)``.

    The memory for decoding does not grow beyond :data:`DECODED_AT_ONCE` frames.

    Raises
    ------
    InputError
    """
    clips, _, frames, height, width = shape
    factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
    decoded = min(DECODED_AT_ONCE, clips * frames)

    at_denoising = unet.activation_memory((2 if guided else 1) * clips * frames, height, width)
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
        f"{clips} clip{'s' * (clips > 1)} of {frames} frames of {size} need about "
        f"{_gib(need + LIBRARIES)} in addition to the models, but {_gib(left + LIBRARIES)} are "
        f"free on {device}: {advice}"
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _cgroup_left(root: Path = CGROUPS, process: Path = PROCESS_CGROUP) -> int | None:
    """Free memory within the limit of a container or a batch system [B]; None without a limit."""
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
    # Cached files count as used, but are dropped when memory is needed.
    cached = int(stat[stat.index("inactive_file") + 1]) if "inactive_file" in stat else 0
    return max(0, limit - used + cached)
