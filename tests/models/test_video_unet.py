"""The inflated UNet against the image UNet that it was made from."""

import copy
import re

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0

from mindvideo.errors import InputError
from mindvideo.models.video_unet import (
    ClipGroupNorm,
    VideoUNet,
    inflate,
    sparse_causal_frames,
)

LIKE_SD1 = {  # four levels as in Stable Diffusion 1.x, thin
    "block_out_channels": (32, 32, 64, 64),
    "layers_per_block": 1,
    "cross_attention_dim": 12,
    "attention_head_dim": 8,
}
LIKE_SD2 = LIKE_SD1 | {  # as many channels in each head of all levels
    "attention_head_dim": (2, 2, 4, 4),
    "use_linear_projection": True,
    "upcast_attention": True,
}
SMALL = {
    "block_out_channels": (24, 40),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 10,
    "attention_head_dim": 4,
}


def image_unet(settings=SMALL, **changes):
    torch.manual_seed(0)
    return UNet2DConditionModel(**{**settings, **changes}).eval()


def stir(unet):
    """Give temporal attention weights that do something."""
    torch.manual_seed(1)
    for name, weight in unet.named_parameters():
        if "attn_temp.to_out" in name:
            torch.nn.init.normal_(weight, std=0.3)
    return unet


def inputs(batch=2, frames=4, width=10, size=8):
    torch.manual_seed(2)
    latents = torch.randn(batch, 4, frames, size, size)
    return latents, torch.arange(1, 1 + batch) * 100, torch.randn(batch, 5, width)


@pytest.fixture(scope="module")
def unet():
    return inflate(image_unet())


@torch.no_grad()
@pytest.mark.parametrize(("settings", "width"), [(LIKE_SD1, 12), (LIKE_SD2, 12), (SMALL, 10)])
def test_a_still_clip_is_denoised_as_the_image_unet_denoises_the_image(settings, width):
    """In double precision: small norms blow up the rounding of single precision."""
    image = image_unet(settings)
    video = inflate(image).double()
    image = image.double()
    latents, times, condition = inputs(frames=1, width=width)
    latents, condition = latents.double(), condition.double()
    still = latents.expand(-1, -1, 5, -1, -1)
    expected = image(latents[:, :, 0], times, condition).sample
    noise = video(still, times, condition)
    for frame in range(5):
        assert torch.allclose(noise[:, :, frame], expected, atol=1e-12)


@torch.no_grad()
def test_a_moving_clip_is_not(unet):
    latents, times, condition = inputs()
    frames = [unet(latents[:, :, [i]], times, condition) for i in range(4)]
    assert not torch.allclose(unet(latents, times, condition), torch.cat(frames, 2), atol=1e-2)


def test_frames_attend_to_the_two_before():
    assert sparse_causal_frames(6).tolist() == [[0, 0], [0, 0], [0, 1], [1, 2], [2, 3], [3, 4]]
    assert sparse_causal_frames(1).tolist() == [[0, 0]]


@torch.no_grad()
def test_sparse_causal_attention_against_a_loop(unet):
    attn = unet.mid_block.attentions[0].transformer_blocks[0].attn1
    x = torch.randn(2 * 4, 9, 40)
    outputs = attn(x, frames=4).unflatten(0, (2, 4))
    frames = x.unflatten(0, (2, 4))
    for b in range(2):
        for i, attended in enumerate([[0, 0], [0, 0], [0, 1], [1, 2]]):
            keys = frames[b, attended].flatten(0, 1)  # the two frames' places, one after the other
            q, k, v = (
                projection(tokens).unflatten(-1, (attn.heads, -1)).transpose(0, 1)
                for projection, tokens in (
                    (attn.to_q, frames[b, i]),
                    (attn.to_k, keys),
                    (attn.to_v, keys),
                )
            )
            weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
            expected = attn.to_out[0]((weights @ v).transpose(0, 1).flatten(1))
            assert torch.allclose(outputs[b, i], expected, atol=1e-6)


def test_group_norms_pool_over_the_frames_of_one_clip():
    norm = ClipGroupNorm(torch.nn.GroupNorm(2, 4))
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2 * 3, 4, 5, 5)
    normed = norm(x, frames=3)
    for b in range(2):
        for group in (slice(0, 2), slice(2, 4)):
            values = x[3 * b : 3 * b + 3, group]
            expected = (values - values.mean()) / (values.var(correction=0) + norm.eps).sqrt()
            expected = expected * norm.weight[group, None, None] + norm.bias[group, None, None]
            assert torch.allclose(normed[3 * b : 3 * b + 3, group], expected, atol=1e-5)


def test_the_right_group_norms_pool(unet):
    pooled = {n for n, m in unet.named_modules() if isinstance(m, ClipGroupNorm)}
    norms = {n for n, m in unet.named_modules() if isinstance(m, torch.nn.GroupNorm)}
    assert pooled == {n for n in norms if ".resnets." in n} | {"conv_norm_out"}
    assert norms - pooled == {n for n in norms if n.endswith(".norm")}
    assert len(norms - pooled) == 4  # one an attention: down, middle, up, up


def test_names_are_the_image_unets_and_the_released_ones_of_the_temporal_layers(unet):
    new = set(unet.state_dict()) - set(image_unet().state_dict())
    blocks = {n.split("attn1")[0] for n in unet.state_dict() if "attn1" in n}
    assert set(image_unet().state_dict()) < set(unet.state_dict())
    assert all(block.endswith("transformer_blocks.0.") for block in blocks)
    parts = (
        "attn_temp.to_q.weight attn_temp.to_k.weight attn_temp.to_v.weight "
        "attn_temp.to_out.0.weight attn_temp.to_out.0.bias norm_temp.weight norm_temp.bias"
    )
    assert new == {block + part for block in blocks for part in parts.split()}


@torch.no_grad()
def test_clips_of_a_batch_do_not_see_each_other(unet):
    video = stir(copy.deepcopy(unet))
    latents, times, condition = inputs(batch=3)
    together = video(latents, times, condition)
    alone = video(latents[1:2], times[1:2], condition[1:2])
    assert torch.allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_clips_of_two_lengths_do_not_meet(unet, checkpointing):
    """One call nested in another, an interrupted one, and gradients of a clip before the last."""
    video = stir(copy.deepcopy(unet)).train()
    if checkpointing:
        video.enable_gradient_checkpointing()
    weight = video.mid_block.resnets[0].conv1.weight
    short, long = inputs(batch=1, frames=2), inputs(batch=1, frames=5)
    noise = video(*long)
    (gradient,) = torch.autograd.grad(noise.square().mean(), weight)

    def nested(module, arguments):
        handle.remove()
        video(*short)

    handle = video.mid_block.register_forward_pre_hook(nested)
    again = video(*long)

    def interrupt(module, arguments):
        raise KeyboardInterrupt

    with video.mid_block.register_forward_pre_hook(interrupt), pytest.raises(KeyboardInterrupt):
        video(*short)
    assert torch.equal(again, noise)
    assert torch.equal(torch.autograd.grad(again.square().mean(), weight)[0], gradient)


@torch.no_grad()
def test_odd_sizes_come_back(unet):
    latents, times, condition = inputs(size=9)
    assert unet(latents, times, condition).shape == latents.shape
    still, image = latents[:, :, :1], image_unet()
    expected = image(still[:, :, 0], times, condition).sample
    assert torch.allclose(unet(still, times, condition)[:, :, 0], expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("settings", "width"), [(LIKE_SD1, 12), (LIKE_SD2, 12), (SMALL, 10)])
def test_one_frame_is_denoised_as_the_image_unet_does_after_training_too(settings, width):
    """What is trained on still images is what both networks have."""
    image = image_unet(settings, cross_attention_dim=width).double()
    video = inflate(image).double()
    video.freeze_all_but(["spatial"])
    trained = {name for name, weight in video.named_parameters() if weight.requires_grad}
    assert trained == set(video.trainable_parameters()) - {
        name for name, _ in video.named_parameters() if "attn_temp" in name
    }
    of_image = dict(image.named_parameters())
    for name in trained:
        change = torch.randn_like(of_image[name]) / 10
        of_image[name] += change
        video.get_parameter(name).add_(change)
    latents, times, condition = (x.double() for x in inputs(frames=1, width=width))
    expected = image(latents[:, :, 0], times, condition).sample
    torch.testing.assert_close(video(latents, times, condition)[:, :, 0], expected)


@torch.no_grad()
def test_temporal_attention_sees_later_frames_too(unet):
    """Norms pool and attn1 looks back; only attn_temp lets a place look at its own later frames."""
    block = stir(copy.deepcopy(unet)).mid_block.attentions[0].transformer_blocks[0]
    x, condition = torch.randn(3, 4, 40), torch.randn(1, 5, 10)
    other = x.clone()
    other[2, 1] += torch.randn(40)
    changed = (block(x, None, condition) - block(other, None, condition)).abs().amax(-1) > 1e-6
    assert changed.tolist() == [[False, True, False, False]] * 3
    for weight in block.attn_temp.to_out.parameters():
        torch.nn.init.zeros_(weight)
    changed = (block(x, None, condition) - block(other, None, condition)).abs().amax(-1) > 1e-6
    assert changed[:2].any().item() is False


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_projected_condition_gives_the_same_bits(unet, dtype):
    """In clips of any time: keys and values depend on the condition and the weights only."""
    video = stir(copy.deepcopy(unet)).to(dtype)
    latents, times, condition = (x.to(dtype) if x.is_floating_point() else x for x in inputs())
    projected = video.project(condition)
    for time in (times, 7):
        expected = video(latents, time, condition)
        assert torch.equal(video(latents, time, projected), expected)


@torch.no_grad()
def test_a_projected_condition_is_not_projected_again(unet):
    latents, times, condition = inputs()
    counts = dict.fromkeys(("to_q", "to_k", "to_v"), 0)

    def count(name):
        def hook(*_):
            counts[name] += 1

        return hook

    hooks = [
        module.register_forward_hook(count(name.rpartition(".")[2]))
        for name, module in unet.named_modules()
        if re.search(r"attn2\.to_[qkv]$", name)
    ]
    projected = unet.project(condition)
    unet(latents, times, projected)
    unet(latents, times, projected)
    for hook in hooks:
        hook.remove()
    blocks = len(hooks) // 3
    assert counts == {"to_q": 2 * blocks, "to_k": blocks, "to_v": blocks}


@torch.no_grad()
def test_attention_is_that_of_diffusers_own_processor(unet):
    for name in ("attn2", "attn_temp"):
        attn = copy.deepcopy(getattr(unet.mid_block.attentions[0].transformer_blocks[0], name))
        for weight in attn.parameters():
            torch.nn.init.normal_(weight, std=0.3)
        x, condition = torch.randn(3, 9, 40), torch.randn(3, 5, 10) if name == "attn2" else None
        ours = attn(x, condition)
        attn.set_processor(AttnProcessor2_0())
        assert torch.equal(ours, attn(x, condition))


@torch.no_grad()
def test_channels_last_gives_the_same_noise_up_to_rounding(unet):
    video = stir(copy.deepcopy(unet))
    latents, times, condition = inputs()
    expected = video(latents, times, condition)
    video.to(memory_format=torch.channels_last)
    torch.testing.assert_close(video(latents, times, condition), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_timesteps_may_be_one_for_all(unet):
    latents, _, condition = inputs()
    times = torch.full((2,), 7)
    assert torch.equal(unet(latents, 7, condition), unet(latents, times, condition))


def test_trains_attention_only(unet):
    video = copy.deepcopy(unet)
    video.freeze_all_but()
    trained = video.trainable_parameters()
    assert {n for n, w in video.named_parameters() if w.requires_grad} == set(trained)
    kinds = {name.split("transformer_blocks.0.")[1] for name in trained}
    projections = ("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight", "to_out.0.bias")
    assert kinds == {f"{a}.{p}" for a in ("attn1", "attn2", "attn_temp") for p in projections}
    assert len(trained) == 4 * 15


def test_gradients_reach_all_that_is_trained(unet):
    video = stir(copy.deepcopy(unet))
    video.freeze_all_but()
    video(*inputs(batch=1)).square().mean().backward()
    for name, weight in video.trainable_parameters().items():
        assert weight.grad is not None, name
        assert weight.grad.abs().max() > 0, name


def test_gradient_checkpointing_changes_no_gradient(unet):
    gradients = []
    for checkpointing in (False, True):
        video = stir(copy.deepcopy(unet)).train()
        if checkpointing:
            video.enable_gradient_checkpointing()
        video(*inputs()).square().mean().backward()
        gradients.append({n: w.grad for n, w in video.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6), name


def kept_for_the_backward_pass(video):
    """Bytes of activations that autograd keeps, each storage counted once."""
    weights = {weight.untyped_storage().data_ptr() for weight in video.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that none is reused
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        video(*inputs())
    return sum(size for size, _ in kept.values())


def test_gradient_checkpointing_keeps_less(unet):
    video = stir(copy.deepcopy(unet)).train()
    video.freeze_all_but()
    without = kept_for_the_backward_pass(video)
    video.enable_gradient_checkpointing()
    assert kept_for_the_backward_pass(video) < without / 4


@torch.no_grad()
def test_saves_and_loads(unet, tmp_path):
    video = stir(copy.deepcopy(unet))
    video.save_pretrained(tmp_path)
    assert (tmp_path / "diffusion_pytorch_model.safetensors").exists()
    loaded = VideoUNet.from_pretrained(tmp_path)
    assert torch.equal(video(*inputs()), loaded(*inputs()))


def test_does_not_load_an_image_unet(tmp_path):
    image_unet().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="contains a UNet2DConditionModel; expected a VideoUNet"):
        VideoUNet.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"transformer_layers_per_block": (1, 1, 2, 10)},  # Stable Diffusion XL
        {"in_channels": 9},  # inpainting
        {"class_embed_type": "timestep"},
        {"resnet_time_scale_shift": "scale_shift"},
    ],
)
def test_refuses_unets_of_another_kind(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        inflate(image_unet(**changes))


def test_refuses_shapes_that_do_not_fit(unet):
    latents, times, condition = inputs()
    with pytest.raises(InputError, match="4 channels"):
        unet(latents[:, :3], times, condition)
    with pytest.raises(InputError, match=r"tokens, 10"):
        unet(latents, times, condition[..., :8])
    for wrong in (condition[:1], unet.project(condition[:1])):
        with pytest.raises(InputError, match="for 2 clips"):
            unet(latents, times, wrong)


@torch.no_grad()
def test_half_precision_gives_nearly_the_same_noise(unet):
    latents, times, condition = inputs()
    noise = unet(latents, times, condition)
    with torch.autocast("cpu", torch.bfloat16):
        rough = unet(latents, times, condition)
    assert (rough - noise).square().mean() < 1e-3 * noise.square().mean()
