"""Masked brain modelling: masks, loss, and what the encoder may see."""

import pytest
import torch

from mindvideo.errors import InputError
from mindvideo.models.masked_autoencoder import MaskedAutoencoder, draw_order


def make(**changes):
    torch.manual_seed(0)
    encoder = {"num_voxels": 64, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 4}
    decoder = {"decoder_embed_dim": 12, "decoder_depth": 1, "decoder_num_heads": 2}
    return MaskedAutoencoder(**{**encoder, **decoder, **changes}).eval()


def seed(number=0):
    return torch.Generator().manual_seed(number)


def test_hides_the_requested_fraction_of_each_volumes_patches():
    _, prediction, mask = make().masked(torch.randn(16, 64), 0.75, seed())
    assert prediction.shape == (16, 8, 8)
    assert torch.equal(mask.sum(1), torch.full((16,), 6.0))
    assert len(mask.unique(dim=0)) > 1


def test_the_mask_depends_on_the_generator_alone():
    model, volumes = make(), torch.randn(4, 64)
    masks = [model.masked(volumes, 0.5, seed(number))[2] for number in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_all_patches_are_hidden_equally_often():
    order, keep = draw_order(8000, 8, 0.75, seed())
    fractions = torch.bincount(order[:, :keep].flatten(), minlength=8) / 8000
    assert torch.allclose(fractions, torch.full((8,), 0.25), atol=0.025)


def test_loss_is_the_mean_squared_error_of_hidden_patches():
    volumes = torch.randn(4, 64)
    loss, prediction, mask = make().masked(volumes, 0.5, seed())
    total, count = 0.0, 0
    for b in range(4):
        for p in range(8):
            if mask[b, p]:
                error = prediction[b, p] - volumes[b, 8 * p : 8 * p + 8]
                total, count = total + error.square().sum().item(), count + 8
    assert loss.item() == pytest.approx(total / count, rel=1e-5)


def test_hidden_patches_do_not_reach_the_prediction():
    model, volumes = make(), torch.randn(2, 64)
    _, before, mask = model.masked(volumes, 0.5, seed())
    hidden = mask.repeat_interleave(8, dim=1).bool()
    _, after, _ = model.masked(torch.where(hidden, volumes + 5, volumes), 0.5, seed())
    assert torch.equal(before, after)
    _, after, _ = model.masked(torch.where(hidden, volumes, volumes + 5), 0.5, seed())
    assert not torch.allclose(before, after, atol=1e-2)


def test_patches_come_back_in_their_places():
    """With the blocks out of the way, a visible patch is decoded at its own place."""
    model = make(depth=0, decoder_depth=0)
    volumes = torch.randn(2, 64)
    _, prediction, mask = model.masked(volumes, 0.5, seed())
    x = model.norm(model.patch_embed(volumes) + model.pos_embed[:, 1:])
    expected = model.decoder_pred(
        model.decoder_norm(model.decoder_embed(x) + model.decoder_pos_embed[:, 1:])
    )
    visible = mask == 0
    assert torch.allclose(prediction[visible], expected[visible], atol=1e-6)


def test_overfits_two_volumes():
    torch.manual_seed(0)
    volumes = torch.randn(2, 64).repeat(8, 1)
    model, generator = make().train(), seed()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss, _, _ = model.masked(volumes, 0.5, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_positions_are_fixed():
    names = {name for name, weight in make().named_parameters() if not weight.requires_grad}
    assert names == {"pos_embed", "decoder_pos_embed"}


def test_resized_keeps_all_weights_but_positions():
    model = make()
    small = model.resized(32)
    assert small.config.num_voxels == 32
    assert small.pos_embed.shape == (1, 5, 16)
    state = small.state_dict()
    for name, weight in model.state_dict().items():
        if name.endswith("pos_embed"):
            assert torch.equal(state[name][:, 1:], weight[:, 1::2])
        else:
            assert torch.equal(state[name], weight)
    assert small.masked(torch.randn(2, 32), 0.5)[1].shape == (2, 4, 8)


def test_refuses_voxels_that_do_not_fill_their_patches():
    with pytest.raises(InputError, match=r"65 voxels.* 72"):
        make().resized(65)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_refuses_to_hide_none_or_all(ratio):
    with pytest.raises(ValueError, match="mask ratio"):
        make().masked(torch.randn(1, 64), ratio)


def test_saves_and_loads(tmp_path):
    model = make()
    model.save_pretrained(tmp_path)
    loaded = MaskedAutoencoder.from_pretrained(tmp_path)
    volumes = torch.randn(2, 64)
    assert torch.equal(
        model.masked(volumes, 0.5, seed())[1], loaded.masked(volumes, 0.5, seed())[1]
    )


@pytest.mark.parametrize("checkpointing", [False, True])
def test_compiles_to_one_graph(checkpointing):
    """The mask, whose generator torch cannot compile, is drawn outside of the network."""
    model = make().train()
    if checkpointing:
        model.enable_gradient_checkpointing()
    volumes, (order, keep) = torch.randn(4, 64), draw_order(4, 8, 0.5, seed())
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    loss, expected = compiled(volumes, order, keep)[0], model(volumes, order, keep)[0]
    assert torch.equal(loss, expected)
    loss.backward()


def test_half_precision_gives_nearly_the_same_loss():
    model, volumes = make(), torch.randn(4, 64)
    loss, *_ = model.masked(volumes, 0.5, seed())
    with torch.autocast("cpu", torch.bfloat16):
        rough, *_ = model.masked(volumes, 0.5, seed())
    assert rough.item() == pytest.approx(loss.item(), rel=0.02)
