"""MinD-Video's encoder and the image paper's autoencoder as they are released, for the tests.

Files with random weights in the released layout, and slow references of the forward passes that the
layout stands for: plain products of the matrices by their released names, one volume, patch and
head at a time. No module of this project is used.
"""

from __future__ import annotations

import json
import math

import numpy as np
import torch
from torch import Tensor

VOXELS, PATCH, DIM, DEPTH, HEADS, HIDDEN = 48, 8, 16, 3, 4, 24
PATCHES, WINDOW, TOKENS, OUT = VOXELS // PATCH, 2, 5, 12
DECODER_DIM, DECODER_DEPTH, DECODER_HEADS = 12, 2, 3
CONFIG = {
    "_class_name": "fMRIEncoder",
    "_diffusers_version": "0.11.1",
    "num_voxels": VOXELS,
    "patch_size": PATCH,
    "embed_dim": DIM,
    "in_chans": 1,
    "depth": DEPTH,
    "num_heads": HEADS,
    "mlp_ratio": HIDDEN / DIM,
    "out_channel": TOKENS,
    "out_dim": OUT,
    "use_norm": True,
    "dropout": 0.6,
    "window_size": WINDOW,
    "use_temp_attn": True,
    "logit_scale_init_value": 1.0,
}


# --- what is released -----------------------------------------------------------------------------


def linear(name, out, into, generator):
    return {
        f"{name}.weight": torch.randn(out, into, generator=generator) / into**0.5,
        f"{name}.bias": torch.randn(out, generator=generator) * 0.1,
    }


def norm(name, dim, generator):
    return {
        f"{name}.weight": 1 + 0.1 * torch.randn(dim, generator=generator),
        f"{name}.bias": 0.1 * torch.randn(dim, generator=generator),
    }


def block(name, dim, hidden, generator, *, time=False):
    parts = norm(f"{name}.norm1", dim, generator) | norm(f"{name}.norm2", dim, generator)
    for attention in ["attn", "attn_temp"] if time else ["attn"]:
        parts |= linear(f"{name}.{attention}.qkv", 3 * dim, dim, generator)
        parts |= linear(f"{name}.{attention}.proj", dim, dim, generator)
    if time:
        parts |= norm(f"{name}.norm_temp", dim, generator)
    parts |= linear(f"{name}.mlp.fc1", hidden, dim, generator)
    return parts | linear(f"{name}.mlp.fc2", dim, hidden, generator)


def positions(patches, dim):
    """Row 0 for the class token; then sines beside cosines."""
    rows = [[0.0] * dim]
    for n in range(patches):
        angles = [n / 10000 ** (k / (dim / 2)) for k in range(dim // 2)]
        rows.append([math.sin(a) for a in angles] + [math.cos(a) for a in angles])
    return torch.tensor(rows)[None]


def trunk(generator, patches, *, time):
    """What encoder and autoencoder have in common."""
    state = {
        "cls_token": torch.randn(1, 1, DIM, generator=generator),
        "pos_embed": positions(patches, DIM),
        "patch_embed.proj.weight": torch.randn(DIM, 1, PATCH, generator=generator) / PATCH**0.5,
        "patch_embed.proj.bias": torch.randn(DIM, generator=generator) * 0.1,
    }
    for i in range(DEPTH):
        state |= block(f"blocks.{i}", DIM, HIDDEN, generator, time=time)
    return state | norm("norm", DIM, generator)


def released_encoder(patches=PATCHES, *, time=True, use_norm=True):
    g = torch.Generator().manual_seed(0)
    head = {
        "proj_head.channel_mapper.weight": torch.randn(TOKENS, WINDOW * patches, generator=g) / 3,
        "proj_head.projection.weight": torch.randn(OUT, DIM, generator=g) / 4,
        "proj_head.fc.weight": torch.randn(OUT, OUT, generator=g) / 3,
        **(norm("proj_head.layer_norm", OUT, g) if use_norm else {}),
    }
    tokens = {"mask_token": torch.randn(1, 1, DIM, generator=g), "logit_scale": torch.tensor(1.5)}
    return trunk(g, patches, time=time) | head | tokens


def released_autoencoder():
    g = torch.Generator().manual_seed(1)
    state = trunk(g, PATCHES, time=False)
    state |= linear("decoder_embed", DECODER_DIM, DIM, g) | norm("decoder_norm", DECODER_DIM, g)
    state |= linear("decoder_pred", PATCH, DECODER_DIM, g)
    for i in range(DECODER_DEPTH):
        hidden = HIDDEN * DECODER_DIM // DIM
        state |= block(f"decoder_blocks.{i}", DECODER_DIM, hidden, g)
    state["mask_token"] = torch.randn(1, 1, DECODER_DIM, generator=g)
    return state | {"decoder_pos_embed": positions(PATCHES, DECODER_DIM)}


def write_encoder(folder, state=None, config=CONFIG, name="diffusion_pytorch_model.bin"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(released_encoder() if state is None else state, folder / name)
    return folder


def write_autoencoder(path, config=None, **changes):
    checkpoint = {"model": released_autoencoder() | changes, "epoch": 3, "optimizer": {"state": {}}}
    torch.save(checkpoint | ({"config": config} if config is not None else {}), path)
    return path


# --- what its layout stands for -------------------------------------------------------------------


def layer_norm(x, state, name):
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    return x * state[f"{name}.weight"] + state[f"{name}.bias"]


def apply(x, state, name):
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def attend(x, state, name, heads):
    """(n, d) → (n, d), one head at a time; queries, keys and values lie one after the other."""
    queries, keys, values = apply(x, state, f"{name}.qkv").chunk(3, dim=1)
    width = x.shape[1] // heads
    out = []
    for h in range(heads):
        head = slice(h * width, (h + 1) * width)
        scores = torch.exp(queries[:, head] @ keys[:, head].T / math.sqrt(width))
        out.append(scores / scores.sum(1, keepdim=True) @ values[:, head])
    return apply(torch.cat(out, dim=1), state, f"{name}.proj")


def through_mlp(x, state, name):
    inner = gelu(apply(layer_norm(x, state, f"{name}.norm2"), state, f"{name}.mlp.fc1"))
    return x + apply(inner, state, f"{name}.mlp.fc2")


def patches_of(volume, state):
    rows = volume.reshape(-1, PATCH)
    embedded = rows @ state["patch_embed.proj.weight"][:, 0].T + state["patch_embed.proj.bias"]
    return embedded + state["pos_embed"][0, 1:]


def encode(window, state, depth=DEPTH):
    """(w, v) → (tokens, width): the encoder, in double precision."""
    state = {name: weight.double() for name, weight in state.items()}
    volumes = [patches_of(volume, state) for volume in window.double()]
    for i in range(depth):
        name = f"blocks.{i}"
        volumes = [
            x + attend(layer_norm(x, state, f"{name}.norm1"), state, f"{name}.attn", HEADS)
            for x in volumes
        ]
        if f"{name}.attn_temp.qkv.weight" in state:
            x = torch.stack(volumes)  # w p d
            for p in range(x.shape[1]):
                normed = layer_norm(x[:, p], state, f"{name}.norm_temp")
                x[:, p] = x[:, p] + attend(normed, state, f"{name}.attn_temp", HEADS)
            volumes = list(x)
        volumes = [through_mlp(x, state, name) for x in volumes]
    tokens = torch.cat([layer_norm(x, state, "norm") for x in volumes])  # first volume first
    projected = state["proj_head.channel_mapper.weight"] @ tokens
    projected = projected @ state["proj_head.projection.weight"].T
    out = gelu(projected) @ state["proj_head.fc.weight"].T + projected
    if "proj_head.layer_norm.weight" in state:
        out = layer_norm(out, state, "proj_head.layer_norm")
    return out


def rebuild(volume, visible, state):
    """(v,) → (p, s): the autoencoder that sees the patches `visible`, in double precision."""
    state = {name: weight.double() for name, weight in state.items()}
    x = patches_of(volume.double(), state)[visible]
    x = torch.cat([state["cls_token"][0] + state["pos_embed"][0, :1], x])
    for i in range(DEPTH):
        x = x + attend(layer_norm(x, state, f"blocks.{i}.norm1"), state, f"blocks.{i}.attn", HEADS)
        x = through_mlp(x, state, f"blocks.{i}")
    x = apply(layer_norm(x, state, "norm"), state, "decoder_embed")
    full = state["mask_token"][0].repeat(1 + PATCHES, 1)
    full[0] = x[0]
    for place, token in zip(visible, x[1:], strict=True):
        full[1 + place] = token
    x = full + state["decoder_pos_embed"][0]
    for i in range(DECODER_DEPTH):
        name = f"decoder_blocks.{i}"
        x = x + attend(layer_norm(x, state, f"{name}.norm1"), state, f"{name}.attn", DECODER_HEADS)
        x = through_mlp(x, state, name)
    return apply(layer_norm(x, state, "decoder_norm"), state, "decoder_pred")[1:]


def assert_near(actual: Tensor, expected: Tensor):
    np.testing.assert_allclose(actual.detach().double(), expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1  # not agreement on nothing
