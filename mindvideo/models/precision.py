"""The one place where a network gets its device and its precision.

==========  ========================================================================================
precision   numbers
==========  ========================================================================================
``fp32``    single precision; products on GPUs round to TF32's 10 of 23 bits, if `tf32` is set
``bf16``    the range of single precision, and 7 bits
``fp16``    numbers up to 65,504, and 10 bits; on GPUs only
``auto``    ``bf16`` where the GPU or the processor computes in it natively, otherwise ``fp32``
==========  ========================================================================================

`put` converts a network that only computes outputs, weights included. A training run keeps weights
in single precision, and computes activations in :func:`number_format`.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from mindvideo.errors import InputError
from mindvideo.models import record
from mindvideo.models.device import device
from mindvideo.models.record import Format, Precision
from mindvideo.models.transfer import sent

DTYPES: dict[Format, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
BF16_OF_PROCESSORS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Names in /proc/cpuinfo of instructions for bf16: x86's two, and ARM's."""

Network = TypeVar("Network", bound=nn.Module)


def put(network: Network, precision: Precision = "fp32") -> Network:
    """Put a network on this process's device, in a precision; in place.

    Raises
    ------
    InputError
        If the precision needs a GPU, and there is none.
    """
    # The method of diffusers' models gives irrelevant warnings.
    nn.Module.to(network, device(), dtype_of(precision))
    return network


def beside(network: nn.Module, values: Tensor) -> Tensor:
    """Values on the device of a network; real numbers in its precision, too."""
    weight = next(network.parameters(), None)
    if weight is None:  # a network without weights computes anywhere
        return values
    there = sent(values, weight.device)
    return there.to(weight.dtype) if values.is_floating_point() else there


def dtype_of(precision: Precision) -> torch.dtype:
    """Torch's type of the numbers that :func:`number_format` names."""
    return DTYPES[number_format(precision)]


def number_format(precision: Precision) -> Format:
    """The number format that a precision stands for on this process's device.

    It is noted for the sidecars, with the device.

    Raises
    ------
    InputError
        If the precision needs a GPU, and there is none.
    """
    where = device()
    if precision == "fp16" and where.type == "cpu":
        raise InputError(
            "precision: fp16 needs a GPU, but torch finds none. Set precision: fp32, bf16 or auto, "
            "or run on a machine with a GPU."
        )
    chosen: Format = precision if precision != "auto" else _best(where)
    on_gpu = {"tf32": torch.backends.cuda.matmul.allow_tf32} if where.type == "cuda" else {}
    record.note(device=_name_of(where), precision=chosen, **on_gpu)
    return chosen


def allow_tf32(allowed: bool) -> None:
    """Let products and convolutions on GPUs round single precision to TF32, or forbid it.

    For the whole process. Torch's own default allows it for convolutions only.
    """
    # torch.set_float32_matmul_precision would change what processors compute, too.
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def _best(where: torch.device) -> Format:
    return "bf16" if computes_bf16(where) else "fp32"


def computes_bf16(where: torch.device) -> bool:
    """Whether a device has instructions for bf16: where it is emulated, fp32 is faster."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(BF16_OF_PROCESSORS & instructions())


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Names of the instruction sets of this processor, as Linux lists them; none elsewhere."""
    if not cpuinfo.is_file():
        return set()
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, names = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(names.split())
    return set()


def _name_of(where: torch.device) -> str:
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    return f"CPU ({platform.machine()})"
