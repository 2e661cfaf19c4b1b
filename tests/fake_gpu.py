"""A GPU that is not there: torch's FakeTensorMode, with tensors on "cuda" that have no values.

An operation on fake tensors checks and computes shapes, number formats and devices as the real one
does, and nothing else. Two tensors on different devices, or of formats that an operation does not
combine, raise an error as on a real GPU.

What it cannot reach: the backward pass (autograd's threads ask CUDA for a stream), the steps of
schedulers and whatever else depends on values, memory, and
real kernels: whether one exists for a card, and what it rounds to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from mindvideo.models import precision, record

DEVICE = torch.device("cuda")
NAME = "a GPU that is not there"


def numpy(tensor: Any) -> np.ndarray:
    """Zeros in place of a tensor's values, where torch would give them."""
    if tensor.device.type != "cpu":
        raise TypeError(f"can't convert {tensor.device} device type tensor to numpy")
    if tensor.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")
    if tensor.dtype == torch.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


@contextmanager
def gpu(*, bf16: bool = True) -> Iterator[None]:
    """Context in which new tensors are fake, and this process has a GPU.

    Networks are made outside of it and `put` inside of it, once. Sizes that depend on values, as
    those of what a mask selects, are errors: a GPU would have to count first.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "device", lambda: DEVICE)
        # Autocast asks. `torch.cuda.is_available` must stay: fake tensors would start CUDA.
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
        patch.setattr(torch.cuda, "get_device_name", lambda device=None: NAME)
        patch.setattr(FakeTensor, "numpy", numpy, raising=False)
        patch.setattr(
            FakeTensor, "__deepcopy__", lambda tensor, memo: tensor.clone(), raising=False
        )
        # It has no meta kernel for a generator.
        patch.setattr(
            FakeTensor, "exponential_", lambda tensor, **_: tensor.fill_(1.0), raising=False
        )
        with FakeTensorMode(allow_non_fake_inputs=True):
            yield
    record.forget()


def real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose tensors have values, also in the context: draws that decide what is done."""

    def called(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return called
