"""Attention of the encoder, and attribution of its embedding to voxels, in batches of windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor

from mindvideo.models.blocks import Block
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.precision import beside


def named_layers(names: Sequence[str], depth: int) -> dict[int, str]:
    """Numbers of blocks and their names; in a shallow encoder the first may also be the last.

    Parameters
    ----------
    names : sequence of {"first", "middle", "last"}
    depth : int

    Returns
    -------
    dict of int to str
        Ascending, e.g. ``{0: "first", 11: "middle", 23: "last"}``; ``{0: "first = last"}``.
    """
    place = {"first": 0, "middle": (depth - 1) // 2, "last": depth - 1}
    names_of: dict[int, list[str]] = {}
    for name in sorted(set(names), key=list(place).index):
        names_of.setdefault(place[name], []).append(name)
    return {number: " = ".join(names_of[number]) for number in sorted(names_of)}


@torch.no_grad()
def attention_received(
    model: FmriEncoder, windows: np.ndarray, layers: Sequence[int], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Attention received by each patch, and by each volume from each other volume (paper 3.5).

    Spatial: the mean over queries, heads and volumes of the attention that falls on a patch.
    Temporal: the mean over patches and heads of each volume's attention to each volume.
    Maps are averaged block by block: only those of one block and one batch are in memory.

    Parameters
    ----------
    model : FmriEncoder
    windows : (n, w, v)
        May lie on disk.
    layers : sequence of int
        Numbers of the blocks.
    batch_size : int

    Yields
    ------
    spatial : (b, len(layers), p)
        Each row sums to 1.
    temporal : (b, len(layers), w, w)
        Queries, keys; rows sum to 1. NaN if blocks have no temporal attention.
    """
    received: dict[int, tuple[Tensor, Tensor]] = {}

    def watch(number: int):
        def before(block: Block, inputs: tuple) -> None:
            received[number] = _received(block, *inputs)

        return before

    handles = [model.blocks[n].register_forward_pre_hook(watch(n)) for n in set(layers)]
    try:
        for start in range(0, len(windows), batch_size):
            model(beside(model, torch.tensor(windows[start : start + batch_size])))
            parts = zip(*(received[n] for n in layers), strict=True)
            spatial, temporal = (torch.stack(part, 1).float().cpu().numpy() for part in parts)
            yield spatial, temporal
    finally:
        for handle in handles:
            handle.remove()


def _received(block: Block, x: Tensor, window: int) -> tuple[Tensor, Tensor]:
    normed = block.norm1(x)
    spatial = block.attn.weights(normed).mean(dim=(1, 2))  #                     (b w) p
    spatial = rearrange(spatial, "(b w) p -> b w p", w=window)  #                b w p
    if not block.use_temp_attn:
        return spatial.mean(1), spatial.new_full((len(spatial), window, window), torch.nan)
    patches = x.shape[1]
    x = rearrange(x + block.attn(normed), "(b w) p d -> (b p) w d", w=window)  # (b p) w d
    temporal = block.attn_temp.weights(block.norm_temp(x)).mean(1)  #            (b p) q k
    temporal = rearrange(temporal, "(b p) q k -> b p q k", p=patches)  #         b p q k
    return spatial.mean(1), temporal.mean(1)


def integrated_gradients(
    model: FmriEncoder,
    windows: np.ndarray,
    baseline: np.ndarray,
    targets: np.ndarray,
    *,
    steps: int,
    batch_size: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Contribution of each voxel to the similarity between the embeddings of a window and its clip.

    f(x) is the product of the pooled embedding, of unit length, with the target; along the straight
    path from the baseline b to the window x the gradient is averaged (midpoints), and multiplied
    with the path (Sundararajan, Taly & Yan 2017, Eq. 1)::

        a_i = (x_i - b_i) · mean over k of ∂f/∂x_i (b + (k + 1/2)/steps · (x - b))

    The sum of a over all voxels is f(x) - f(b), to within the error of the mean.

    Parameters
    ----------
    model : FmriEncoder
        No gradients are computed for its parameters.
    windows : (n, w, v)
        May lie on disk.
    baseline : (w, v)
        The input without signal: the null window.
    targets : (n, o)
        Embeddings of the clips, e.g. CLIP's embeddings of their frames.
    steps, batch_size : int

    Yields
    ------
    attribution : (b, w, v)
    gain : (b,)
        f(x) - f(b).
    """
    start_at = _exact(model, baseline)
    for start in range(0, len(windows), batch_size):
        here = slice(start, start + batch_size)
        x, target = _exact(model, windows[here]), _exact(model, targets[here])
        path = x - start_at
        total = torch.zeros_like(x)
        for k in range(steps):
            point = (start_at + (k + 0.5) / steps * path).requires_grad_()
            (gradient,) = torch.autograd.grad(_likeness(model, point, target).sum(), point)
            total += gradient
        with torch.no_grad():
            base = repeat(start_at, "w v -> b w v", b=len(x))
            gain = _likeness(model, x, target) - _likeness(model, base, target)
        yield (path * total / steps).cpu().numpy(), gain.cpu().numpy()


def _likeness(model: FmriEncoder, fmri: Tensor, target: Tensor) -> Tensor:
    embeddings = model.pool(model(fmri.to(model.dtype))).float()
    return (F.normalize(embeddings, dim=-1) * target).sum(-1)


def _exact(model: FmriEncoder, array: np.ndarray) -> Tensor:
    """In single precision also if the network is not: points on the path are close."""
    return torch.tensor(array, dtype=torch.float32, device=model.device)


def embed_occluded(
    model: FmriEncoder,
    windows: np.ndarray,
    null_window: np.ndarray,
    occluded: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """Embeddings of unit length, (n, o), of windows in which some voxels are occluded.

    Parameters
    ----------
    model : FmriEncoder
    windows : (n, w, v)
        May lie on disk.
    null_window : (w, v)
        Its values replace those of the occluded voxels.
    occluded : (v,) bool
    batch_size : int
    """
    starts = range(0, len(windows), batch_size)
    parts = (np.where(occluded, null_window, windows[s : s + batch_size]) for s in starts)
    return np.concatenate([model.embed(part, batch_size).cpu().numpy() for part in parts])
