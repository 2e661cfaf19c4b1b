"""Transformer blocks against timm's with the same weights: outputs and gradients."""

import pytest
import torch
from einops import rearrange
from timm.models.vision_transformer import Attention as TimmAttention
from timm.models.vision_transformer import Block as TimmBlock

from mindvideo.models.blocks import Block, attend
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder

DIM, HEADS, WINDOW = 24, 4, 3


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def randomize(module):
    """Random weights everywhere, so that norms, biases and temporal attention matter, too."""
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)


def timm_block(state, mlp_ratio, prefix=""):
    """A block of timm with the spatial part of our weights; timm refuses any that do not fit."""
    block = TimmBlock(DIM, HEADS, mlp_ratio, qkv_bias=True, norm_layer=torch.nn.LayerNorm)
    names = [name for name in state if name.startswith(prefix) and "_temp" not in name]
    block.load_state_dict({name.removeprefix(prefix): state[name] for name in names})
    return block


def gradients(output, inputs, module):
    """Gradients of one random projection of the output, by input and by weight."""
    generator = torch.Generator().manual_seed(1)
    projection = torch.randn(output.shape, generator=generator)
    names, weights = zip(*module.named_parameters(), strict=True)
    of_all = torch.autograd.grad((output * projection).sum(), (inputs, *weights), retain_graph=True)
    return dict(zip(("inputs", *names), of_all, strict=True))


def assert_equal(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mlp_ratio", [1.0, 4.0])
def test_a_block_is_timms(mlp_ratio):
    """Spatial attention, MLP and both norms."""
    block = Block(DIM, HEADS, mlp_ratio)
    randomize(block)
    reference = timm_block(block.state_dict(), mlp_ratio)
    x = torch.randn(2 * WINDOW, 7, DIM, requires_grad=True)
    output, expected = block(x, WINDOW), reference(x)
    assert_equal(output, expected)
    assert_equal(gradients(output, x, block), gradients(expected, x, reference))


def test_temporal_attention_is_timms_attention_among_the_volumes_of_a_patch():
    """timm's attention on the folded axes stands between the halves of timm's block."""
    block = Block(DIM, HEADS, 2.0, use_temp_attn=True)
    randomize(block)
    spatial = timm_block(block.state_dict(), 2.0)
    attention = TimmAttention(DIM, HEADS, qkv_bias=True)
    temporal = torch.nn.ModuleDict({"norm_temp": torch.nn.LayerNorm(DIM), "attn_temp": attention})
    state = {name: weight for name, weight in block.state_dict().items() if "_temp" in name}
    temporal.load_state_dict(state)
    x = torch.randn(2 * WINDOW, 7, DIM, requires_grad=True)

    y = x + spatial.attn(spatial.norm1(x))
    y = rearrange(y, "(b w) p d -> (b p) w d", w=WINDOW)
    y = y + attention(temporal["norm_temp"](y))
    y = rearrange(y, "(b p) w d -> (b w) p d", p=7)
    expected = y + spatial.mlp(spatial.norm2(y))
    output = block(x, WINDOW)
    assert_equal(output, expected)

    by_timm = gradients(expected, x, spatial) | gradients(expected, x, temporal)
    assert_equal(gradients(output, x, block), by_timm)
    assert by_timm["attn_temp.qkv.weight"].abs().max() > 0.01


@pytest.mark.parametrize("stack", ["encoder", "autoencoder.encoder", "autoencoder.decoder"])
def test_stacks_of_blocks_with_their_norms_are_timms(stack):
    """The blocks as the models hold them, under the names of the released weights."""
    sizes = {"num_voxels": 32, "patch_size": 8, "embed_dim": DIM, "depth": 2, "num_heads": HEADS}
    if stack == "encoder":
        model = FmriEncoder(**sizes, use_temp_attn=False)
    else:
        model = MaskedAutoencoder(
            **sizes, decoder_embed_dim=DIM, decoder_depth=2, decoder_num_heads=HEADS
        )
    if stack == "autoencoder.decoder":
        blocks, norm, prefix = model.decoder_blocks, model.decoder_norm, "decoder_blocks"
    else:
        blocks, norm, prefix = model.blocks, model.norm, "blocks"
    randomize(model)
    state = model.state_dict()
    reference = torch.nn.Sequential(
        *(timm_block(state, 1.0, f"{prefix}.{i}.") for i in range(2)), torch.nn.LayerNorm(DIM)
    )
    reference[2].load_state_dict(norm.state_dict())
    ours = torch.nn.Sequential(*blocks, norm)
    x = torch.randn(3, 5, DIM, requires_grad=True)
    output, expected = ours(x), reference(x)
    assert_equal(output, expected)
    assert_equal(gradients(output, x, ours), gradients(expected, x, reference))


def test_attention_maps_are_those_that_timm_applies():
    """timm's slow path multiplies the values with its attention map; ours returns the map."""
    block = Block(DIM, HEADS, 1.0)
    randomize(block)
    reference = timm_block(block.state_dict(), 1.0).attn
    reference.fused_attn = False
    maps = []
    reference.attn_drop.register_forward_hook(lambda *arguments: maps.append(arguments[2]))
    x = torch.randn(2, 7, DIM)
    reference(x)
    assert_equal(block.attn.weights(x), maps[0])


def test_attention_of_a_training_in_bf16_is_computed_in_fp32_on_a_cpu():
    q, k, v = torch.randn(3, 2, 4, 10, 8, dtype=torch.float32).unbind()
    expected = attend(q, k, v)
    halves = [x.bfloat16().requires_grad_() for x in (q, k, v)]
    with torch.autocast("cpu", torch.bfloat16):
        out = attend(*halves)
        with torch.no_grad():
            fast = attend(*halves)
    exact = attend(*(x.detach().float() for x in halves))
    assert out.dtype == fast.dtype == torch.bfloat16
    assert torch.equal(out, exact.bfloat16())
    torch.testing.assert_close(out.float(), expected, atol=0.02, rtol=0.02)
    out.sum().backward()
    assert all(x.grad.dtype == torch.bfloat16 and x.grad.isfinite().all() for x in halves)
