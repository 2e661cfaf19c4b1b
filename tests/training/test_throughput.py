"""Operations of a step, against torch's own counter, and the peak of GPUs."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mindvideo.training.gpus import PEAKS, peak_here, peak_of
from mindvideo.training.throughput import FlopCounter, Throughput


def test_counts_as_torch_does() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))
    x = torch.randn(2, 3, 8, 8)
    with FlopCounterMode(display=False) as expected:
        net(x).sum().backward()
    with FlopCounter() as counter:
        net(x).sum().backward()
    assert counter.total == expected.get_total_flops() > 0


def test_counts_attention_by_hand() -> None:
    """2 products forward and 5 backward, each of 2 operations for n x n x d, in each head."""
    q, k, v = (torch.randn(2, 4, 16, 8, requires_grad=True) for _ in range(3))
    with FlopCounter() as counter:
        out = F.scaled_dot_product_attention(q, k, v)
    assert counter.total == 2 * 2 * (2 * 4) * 16 * 16 * 8
    with FlopCounter() as counter:
        out.sum().backward()
    assert counter.total == 5 * 2 * (2 * 4) * 16 * 16 * 8


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", "bf16", 312.0),
        ("NVIDIA A100 80GB PCIe", "tf32", 156.0),
        ("NVIDIA H100 80GB HBM3", "fp16", 989.4),
        ("NVIDIA H100 PCIe", "bf16", 756.0),
        ("NVIDIA H200", "fp32", 67.0),
        ("NVIDIA GH200 480GB", "bf16", 989.4),
        ("NVIDIA L4", "bf16", 121.0),
        ("NVIDIA L40S", "bf16", 362.0),
        ("NVIDIA A10", "bf16", 125.0),
        ("NVIDIA A10G", "bf16", None),
        ("Tesla V100-SXM2-32GB", "bf16", None),
        ("Tesla V100-SXM2-32GB", "fp16", 125.0),
        ("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "bf16", None),
        ("AMD Instinct MI300X", "bf16", None),
    ],
)
def test_peaks_of_gpus_by_name(name: str, precision: str, peak: float | None) -> None:
    assert peak_of(name, precision) == peak


def test_lower_precision_is_not_slower() -> None:
    for peak in PEAKS.values():
        known = [value for value in peak if value is not None]
        assert known == sorted(known)


def test_a_cpu_has_no_peak() -> None:
    assert peak_here(torch.device("cpu"), "fp32") is None


def test_columns_by_hand() -> None:
    columns = Throughput(batch_size=20, flops=3e12, peak=100.0).columns(seconds=0.5)
    assert columns == {"examples_per_second": 40.0, "teraflops": 6.0, "share_of_peak": 0.06}
    assert Throughput(20, 3e12, None).columns(0.5)["share_of_peak"] is None
