"""The fMRI encoder against its invariants."""

import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.models.fmri_encoder import NEW_IN_ENCODER, FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.positions import resize_positions, sincos_positions

SHAPE = {"patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 4}


def make(**changes):
    torch.manual_seed(0)
    settings = {"num_voxels": 48, "out_channel": 5, "out_dim": 12, **SHAPE, **changes}
    return FmriEncoder(**settings).eval()


def make_autoencoder(**changes):
    torch.manual_seed(1)
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    return MaskedAutoencoder(**{"num_voxels": 48, **SHAPE, **decoder, **changes})


def stir(model):
    """Give temporal attention weights that do something."""
    for block in model.blocks:
        torch.nn.init.normal_(block.attn_temp.proj.weight)


def test_tokens_have_the_requested_shape():
    encoder = make()
    tokens = encoder(torch.randn(3, 2, 48))
    assert tokens.shape == (3, 5, 12)
    assert torch.equal(encoder.pool(tokens), tokens.mean(1))


@pytest.mark.parametrize("of", ["mean", "tokens"])
def test_a_projected_embedding_starts_as_the_mean_token(of):
    plain, projected = make(), make(project_embedding=of)
    windows = torch.randn(3, 2, 48)
    tokens = projected(windows)
    assert torch.equal(tokens, plain(windows))
    torch.testing.assert_close(projected.pool(tokens), tokens.mean(1))
    torch.nn.init.constant_(projected.embedding.bias, 1.0)
    torch.testing.assert_close(projected.pool(tokens), tokens.mean(1) + 1)


def test_a_projection_of_all_tokens_tells_them_apart():
    projected = make(project_embedding="tokens")
    torch.nn.init.normal_(projected.embedding.weight)
    tokens = projected(torch.randn(3, 2, 48))
    assert not torch.allclose(projected.pool(tokens), projected.pool(tokens.flip(1)))


def test_names_are_those_of_the_released_weights():
    names = set(make(use_norm=True).state_dict())
    parts = "norm1 attn.qkv attn.proj norm2 mlp.fc1 mlp.fc2 norm_temp attn_temp.qkv attn_temp.proj"
    block = {f"{part}.{kind}" for part in parts.split() for kind in ("weight", "bias")}
    assert names == {
        "cls_token",
        "pos_embed",
        "logit_scale",
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
        "norm.weight",
        "norm.bias",
        "proj_head.channel_mapper.weight",
        "proj_head.projection.weight",
        "proj_head.fc.weight",
        "proj_head.fc.bias",
        "proj_head.layer_norm.weight",
        "proj_head.layer_norm.bias",
        *(f"blocks.{i}.{name}" for i in range(2) for name in block),
    }


def test_temporal_attention_starts_as_the_identity():
    with_time, without = make(), make(use_temp_attn=False)
    state = {n: w for n, w in with_time.state_dict().items() if "_temp." not in n}
    without.load_state_dict(state)
    fmri = torch.randn(2, 2, 48)
    assert torch.equal(with_time(fmri), without(fmri))
    stir(with_time)
    assert not torch.allclose(with_time(fmri), without(fmri))


def test_volumes_meet_in_temporal_attention_and_in_the_head_only():
    """Without temporal attention, the tokens of one volume do not know the other volume."""
    encoder = make()
    normed = []
    encoder.norm.register_forward_hook(lambda *args: normed.append(args[2].detach()))
    fmri = torch.randn(1, 2, 48)
    other = fmri.clone()
    other[:, 1] += 1.0
    for window in (fmri, other):
        encoder(window)
    assert torch.allclose(normed[0][0], normed[1][0], atol=1e-6)
    assert not torch.allclose(normed[0][1], normed[1][1], atol=1e-2)
    stir(encoder)
    encoder(fmri)
    encoder(other)
    assert not torch.allclose(normed[2][0], normed[3][0], atol=1e-2)


def test_the_head_follows_its_equation_with_tokens_laid_out_window_major():
    encoder = make(use_norm=True)
    normed = []
    encoder.norm.register_forward_hook(lambda *args: normed.append(args[2].detach()))
    tokens = encoder(torch.randn(3, 2, 48))
    head = encoder.proj_head
    x = normed[0].reshape(3, 2 * 6, 16)  # volumes of a window are neighbours in the batch
    projected = torch.einsum(
        "cn,bnd,od->bco", head.channel_mapper.weight, x, head.projection.weight
    )
    expected = head.layer_norm(head.fc(torch.nn.functional.gelu(projected)) + projected)
    assert torch.allclose(tokens, expected, atol=1e-6)


def test_windows_of_a_batch_are_independent():
    encoder = make()
    stir(encoder)
    fmri = torch.randn(4, 2, 48)
    assert torch.allclose(encoder(fmri)[2:3], encoder(fmri[2:3]), atol=1e-6)


def test_copies_the_weights_of_masked_brain_modelling():
    encoder, autoencoder = make(), make_autoencoder()
    before = {n: w.clone() for n, w in encoder.state_dict().items()}
    encoder.load_mbm(autoencoder)
    source = autoencoder.state_dict()
    for name, weight in encoder.state_dict().items():
        if set(name.split(".")) & set(NEW_IN_ENCODER):
            assert torch.equal(weight, before[name]), name
        else:
            assert torch.equal(weight, source[name]), name


def test_encodes_a_volume_as_masked_brain_modelling_does():
    """The blocks are the same function: only the class token, which the encoder lacks, differs."""
    encoder, autoencoder = make(), make_autoencoder()
    encoder.load_mbm(autoencoder)
    normed = []
    encoder.norm.register_forward_hook(lambda *args: normed.append(args[2].detach()))
    fmri = torch.randn(1, 2, 48)
    encoder(fmri)
    x = autoencoder.patch_embed(fmri[0]) + autoencoder.pos_embed[:, 1:]
    for block in autoencoder.blocks:
        x = block(x)
    assert torch.allclose(normed[0], autoencoder.norm(x), atol=1e-6)


def test_positions_are_interpolated_where_patch_counts_differ():
    encoder, autoencoder = make(), make_autoencoder(num_voxels=96)
    encoder.load_mbm(autoencoder)
    assert torch.equal(encoder.pos_embed[:, 0], autoencoder.pos_embed[:, 0])
    assert torch.equal(encoder.pos_embed[:, 1:], autoencoder.pos_embed[:, 1::2])


def test_refuses_an_autoencoder_of_another_width():
    with pytest.raises(InputError, match=r"embed_dim 16.* 24"):
        make().load_mbm(make_autoencoder(embed_dim=24))


def test_refuses_windows_of_another_size():
    with pytest.raises(InputError, match=r"\(1, 3, 48\).*2 volumes, 48 voxels"):
        make()(torch.zeros(1, 3, 48))


def test_refuses_voxels_that_do_not_fill_their_patches():
    with pytest.raises(InputError, match="pad them with zeros to 56"):
        make(num_voxels=50)


def test_refuses_heads_that_do_not_divide_the_width():
    with pytest.raises(InputError, match="not divisible by heads 5"):
        make(num_heads=5)


def test_saves_and_loads(tmp_path):
    encoder = make()
    stir(encoder)
    encoder.save_pretrained(tmp_path)
    loaded = FmriEncoder.from_pretrained(tmp_path)
    fmri = torch.randn(1, 2, 48)
    assert torch.equal(encoder(fmri), loaded(fmri))
    with pytest.raises(InputError, match="contains a FmriEncoder"):
        MaskedAutoencoder.from_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"no config\.json"):
        FmriEncoder.from_pretrained(tmp_path / "missing")


def test_loads_strictly(tmp_path):
    from safetensors.torch import load_file, save_file

    make().save_pretrained(tmp_path)
    weights = tmp_path / "diffusion_pytorch_model.safetensors"
    state = load_file(weights)
    save_file({n: w for n, w in state.items() if n != "norm.bias"}, weights)
    with pytest.raises(InputError, match=r"missing: norm\.bias"):
        FmriEncoder.from_pretrained(tmp_path)
    save_file({**state, "surplus": torch.zeros(1)}, weights)
    with pytest.raises(InputError, match="unexpected: surplus"):
        FmriEncoder.from_pretrained(tmp_path)


def test_dropout_acts_in_training_only():
    encoder = make()
    encoder.set_dropout(0.5)
    fmri = torch.randn(1, 2, 48)
    assert torch.equal(encoder(fmri), encoder(fmri))
    encoder.train()
    assert not torch.equal(encoder(fmri), encoder(fmri))


def test_gradient_checkpointing_changes_no_gradient():
    fmri = torch.randn(2, 2, 48)
    gradients = []
    for checkpointing in (False, True):
        encoder = make().train()
        if checkpointing:
            encoder.enable_gradient_checkpointing()
        encoder(fmri).square().sum().backward()
        gradients.append(encoder.patch_embed.proj.weight.grad)
    assert torch.allclose(*gradients)


def test_attention_maps_are_those_of_the_forward_pass():
    encoder = make()
    stir(encoder)
    fmri = torch.randn(3, 2, 48)
    maps = encoder.attention_maps(fmri, [0, -1])
    assert maps.shape == (2, 3, 2, 4, 6, 6)
    assert torch.allclose(maps.sum(-1), torch.ones(2, 3, 2, 4, 6))
    attn = encoder.blocks[0].attn
    x = encoder.blocks[0].norm1(encoder._embed(fmri))
    values = attn.qkv(x).reshape(6, 6, 3, 4, 4)[:, :, 2]  # volumes, patches, heads, width of one
    out = torch.einsum("bhqk,bkhd->bqhd", maps[0].flatten(0, 1), values).flatten(2)
    assert torch.allclose(attn.proj(out), attn(x), atol=1e-6)


def test_sincos_positions_against_a_loop():
    positions = sincos_positions(5, 8)
    assert torch.equal(positions[0, 0], torch.zeros(8))
    for n in range(5):
        for k in range(4):
            angle = torch.tensor(n / 10000 ** (k / 4))
            assert torch.isclose(positions[0, 1 + n, k], angle.sin(), atol=1e-6)
            assert torch.isclose(positions[0, 1 + n, 4 + k], angle.cos(), atol=1e-6)


def test_positions_of_the_same_count_stay():
    positions = sincos_positions(5, 8)
    assert torch.equal(resize_positions(positions, 5), positions)
