"""Peak throughput of GPUs, from their data sheets."""

from __future__ import annotations

import re
from typing import NamedTuple

import torch


class Peak(NamedTuple):
    """Largest throughput of a GPU [TFLOP/s], of dense matrices; None: it has no such units."""

    fp32: float
    tf32: float | None
    bf16: float | None
    fp16: float


PEAKS: dict[str, Peak] = {
    "GB200": Peak(80.0, 1250.0, 2500.0, 2500.0),
    "B200": Peak(75.0, 1125.0, 2250.0, 2250.0),
    "GH200": Peak(67.0, 494.7, 989.4, 989.4),
    "H200 NVL": Peak(60.0, 417.5, 835.5, 835.5),
    "H200": Peak(67.0, 494.7, 989.4, 989.4),
    "H100 NVL": Peak(60.0, 417.5, 835.5, 835.5),
    "H100 PCIe": Peak(51.0, 378.0, 756.0, 756.0),
    "H100": Peak(67.0, 494.7, 989.4, 989.4),
    "A100": Peak(19.5, 156.0, 312.0, 312.0),
    "A40": Peak(37.4, 74.8, 149.7, 149.7),
    "A30": Peak(10.3, 82.0, 165.0, 165.0),
    "A10": Peak(31.2, 62.5, 125.0, 125.0),
    "L40S": Peak(91.6, 183.0, 362.0, 362.0),
    "L40": Peak(90.5, 90.5, 181.0, 181.0),
    "L4": Peak(30.3, 60.0, 121.0, 121.0),
    "RTX A6000": Peak(38.7, 77.4, 154.8, 154.8),
    "RTX 6000 Ada": Peak(91.1, 182.1, 364.2, 364.2),
    "RTX 4090": Peak(82.6, 82.6, 165.2, 165.2),
    "RTX 3090": Peak(35.6, 35.6, 71.0, 71.0),
    "V100-SXM2": Peak(15.7, None, None, 125.0),
    "V100-PCIE": Peak(14.0, None, None, 112.0),
    "T4": Peak(8.1, None, None, 65.0),
}
"""By what the GPU's name has as whole words; the first that fits counts.

From NVIDIA's data sheet of each product, and the white papers of the architectures for GeForce and
RTX (half precision with sums in single precision). Data sheets from Ampere on give tensor cores
with sparse matrices: these are half of that.
"""


def peak_of(name: str, precision: str) -> float | None:
    """Peak throughput of a GPU [TFLOP/s] in a precision; None if it is not known.

    Parameters
    ----------
    name : str
        As torch gives it, ``NVIDIA A100-SXM4-80GB`` for example.
    precision : {"fp32", "tf32", "bf16", "fp16"}

    Examples
    --------
    >>> peak_of("NVIDIA A100-SXM4-80GB", "bf16"), peak_of("Tesla T4", "bf16")
    (312.0, None)
    """
    if " MIG " in name:  # a part of a GPU
        return None
    for words, peak in PEAKS.items():
        if re.search(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", name):
            return getattr(peak, precision)
    return None


def peak_here(device: torch.device, precision: str) -> float | None:
    """Peak throughput of a device [TFLOP/s] if matrices in single precision may be TF32."""
    if device.type != "cuda":
        return None
    if precision == "fp32" and torch.backends.cuda.matmul.allow_tf32:
        precision = "tf32"
    return peak_of(torch.cuda.get_device_name(device), precision)
