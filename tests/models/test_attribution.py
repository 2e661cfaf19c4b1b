"""Attention and attribution against slow references, on an encoder with random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mindvideo.models.attribution import (
    attention_received,
    embed_occluded,
    integrated_gradients,
    named_layers,
)
from mindvideo.models.fmri_encoder import FmriEncoder


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    model = FmriEncoder(
        num_voxels=24,
        patch_size=4,
        embed_dim=16,
        depth=3,
        num_heads=2,
        out_channel=3,
        out_dim=8,
    )
    for block in model.blocks:
        torch.nn.init.normal_(block.attn_temp.proj.weight, std=0.3)
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.5)
    return model.eval().requires_grad_(False)


@pytest.fixture
def windows():
    return np.random.default_rng(0).standard_normal((5, 2, 24)).astype(np.float32)


def test_spatial_attention_is_the_mean_of_the_maps(encoder, windows):
    batches = list(attention_received(encoder, windows, [0, 2], batch_size=2))
    assert [len(spatial) for spatial, _ in batches] == [2, 2, 1]
    spatial = np.concatenate([spatial for spatial, _ in batches])
    maps = encoder.attention_maps(torch.tensor(windows), [0, 2])  # l b w h q k
    np.testing.assert_allclose(spatial, maps.mean((2, 3, 4)).movedim(0, 1), atol=1e-6)
    np.testing.assert_allclose(spatial.sum(-1), 1, atol=1e-5)
    assert spatial.std() > 0.005
    assert not any(block._forward_pre_hooks for block in encoder.blocks)


def test_temporal_attention_is_the_mean_over_patches_and_heads(encoder, windows):
    ((_, temporal),) = attention_received(encoder, windows, [1], batch_size=5)
    inputs = []
    handle = encoder.blocks[1].attn_temp.register_forward_pre_hook(
        lambda _, given: inputs.append(given[0])
    )
    encoder(torch.tensor(windows))
    handle.remove()
    weights = encoder.blocks[1].attn_temp.weights(inputs[0])  # (b p) h q k
    expected = weights.reshape(5, 6, 2, 2, 2).mean((1, 2))
    np.testing.assert_allclose(temporal[:, 0], expected, atol=1e-6)
    assert np.ptp(temporal) > 0.01


def test_an_encoder_without_temporal_attention_has_none(windows):
    model = FmriEncoder(
        num_voxels=24, patch_size=4, embed_dim=16, depth=1, num_heads=2, use_temp_attn=False
    )
    ((spatial, temporal),) = attention_received(model, windows, [0], batch_size=5)
    assert np.isfinite(spatial).all()
    assert np.isnan(temporal).all()


def test_attributions_add_up_to_the_gain(encoder, windows):
    rng = np.random.default_rng(1)
    targets, baseline = rng.standard_normal((5, 8)), rng.standard_normal((2, 24)) / 10
    batches = list(
        integrated_gradients(encoder, windows, baseline, targets, steps=200, batch_size=3)
    )
    attribution = np.concatenate([a for a, _ in batches])
    gain = np.concatenate([g for _, g in batches])

    def likeness(fmri):
        return (encoder.embed(fmri).numpy() * targets).sum(1)

    expected = likeness(windows) - likeness(np.repeat(baseline[None], 5, 0))
    np.testing.assert_allclose(gain, expected, atol=1e-5)
    np.testing.assert_allclose(attribution.sum((1, 2)), gain, atol=0.01 * np.abs(gain).max())


def test_a_voxel_that_no_weight_reads_gets_no_attribution(encoder, windows):
    with torch.no_grad():
        encoder.patch_embed.proj.weight[..., 1] = 0
    targets, baseline = np.ones((5, 8)), np.zeros((2, 24))
    ((attribution, _),) = integrated_gradients(
        encoder, windows, baseline, targets, steps=4, batch_size=5
    )
    unread = np.arange(24) % 4 == 1
    assert not attribution[..., unread].any()
    assert (np.abs(attribution[..., ~unread]) > 0).all()


def test_occluded_voxels_have_the_null_windows_values(encoder, windows):
    baseline = np.full((2, 24), 0.5, np.float32)
    occluded = np.arange(24) < 10
    changed = windows.copy()
    changed[..., :10] = 0.5
    embeddings = embed_occluded(encoder, windows, baseline, occluded, batch_size=2)
    np.testing.assert_allclose(embeddings, encoder.embed(changed).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (24, {0: "first", 11: "middle", 23: "last"}),
        (2, {0: "first = middle", 1: "last"}),
        (1, {0: "first = middle = last"}),
    ],
)
def test_layers_that_are_one_have_all_names(depth, expected):
    assert named_layers(["last", "first", "middle"], depth) == expected
