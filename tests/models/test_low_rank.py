"""Low-rank updates of denoisers of clips, against matrix products written out."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mindvideo.errors import InputError
from mindvideo.models.denoisers import make_denoiser
from mindvideo.models.low_rank import LowRankUpdates
from mindvideo.models.pretrained import load_stable_diffusion


@pytest.fixture(params=["inflated", "motion-adapter"])
def denoiser(request):
    torch.manual_seed(0)
    return make_denoiser(request.param, load_stable_diffusion("zoo:stable-diffusion", "unet"))


def inputs(denoiser):
    rng = torch.Generator().manual_seed(0)
    condition = torch.randn(1, 5, denoiser.condition_width, generator=rng)
    return torch.randn(1, 4, 2, 8, 8, generator=rng), torch.tensor([300]), condition


@pytest.mark.parametrize("parts", [["spatial"], ["temporal"], ["spatial", "temporal"]])
def test_updates_change_nothing_then_the_named_weights_in_low_rank(denoiser, parts):
    before = copy.deepcopy(denoiser)
    denoiser.freeze_all_but(parts)
    named = set(denoiser.trainable_parameters(parts))
    updates = LowRankUpdates(denoiser, 2)
    with torch.no_grad():
        assert torch.allclose(denoiser(*inputs(denoiser)), before(*inputs(before)), atol=1e-5)
    trained = {name: w for name, w in denoiser.named_parameters() if w.requires_grad}
    assert all("lora_" in name for name in trained)
    denoiser(*inputs(denoiser)).square().mean().backward()
    with torch.no_grad():
        for weight in trained.values():
            weight.add_(torch.randn_like(weight) / 50)
        updated = denoiser(*inputs(denoiser))
        updates.merge()
        assert torch.allclose(denoiser(*inputs(denoiser)), updated, atol=1e-4)
    old, new = before.state_dict(), denoiser.state_dict()
    assert list(old) == list(new)
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert changed <= named
    for name in changed:
        assert torch.linalg.matrix_rank(new[name] - old[name], rtol=1e-3) == 2


def test_an_update_is_the_product_of_its_factors():
    layer = nn.Sequential(nn.Linear(6, 5))
    weight = layer[0].weight.detach().clone()
    updates = LowRankUpdates(layer, 3)
    factors = {name.split(".")[1]: w for name, w in layer.named_parameters() if w.requires_grad}
    with torch.no_grad():
        factors["lora_B"].normal_()
        expected = weight + factors["lora_B"] @ factors["lora_A"]
        updates.merge()
    assert torch.allclose(layer[0].weight, expected, atol=1e-6)


def test_a_model_without_trained_linear_layers_is_refused(denoiser):
    with pytest.raises(InputError, match="lora_rank: 4, but no linear layer is trained"):
        LowRankUpdates(denoiser.requires_grad_(False), 4)
