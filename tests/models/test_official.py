"""Released weights, there and back, against the forward passes that their layout stands for.

The references below are plain products of the matrices by their released names, one volume, patch
and head at a time; they use none of this project's modules.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mindvideo.cli import main
from mindvideo.errors import InputError
from mindvideo.models import official
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder

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
WEIGHTS = "diffusion_pytorch_model.safetensors"


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
    own = {"mask_token": torch.randn(1, 1, DIM, generator=g), "logit_scale": torch.tensor(1.5)}
    return trunk(g, patches, time=time) | head | own


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
        own = slice(h * width, (h + 1) * width)
        scores = torch.exp(queries[:, own] @ keys[:, own].T / math.sqrt(width))
        out.append(scores / scores.sum(1, keepdim=True) @ values[:, own])
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


def assert_near(found: Tensor, expected: Tensor):
    np.testing.assert_allclose(found.detach().double(), expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.1  # not agreement on nothing


# --- import ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.pth", "diffusion_pytorch_model.bin"])
@pytest.mark.parametrize("time", [True, False])
@pytest.mark.parametrize("use_norm", [True, False])
def test_an_imported_encoder_does_what_its_layout_says(name, time, use_norm, tmp_path):
    state = released_encoder(time=time, use_norm=use_norm)
    config = CONFIG | {"use_temp_attn": time, "use_norm": use_norm}
    source = write_encoder(tmp_path / "released", state, config, name)
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours")]) == 0
    encoder = FmriEncoder.from_pretrained(tmp_path / "ours").eval()
    assert encoder.config["dropout"] == 0.6
    windows = torch.randn(2, WINDOW, VOXELS, generator=torch.Generator().manual_seed(2))
    assert_near(encoder(windows), torch.stack([encode(window, state) for window in windows]))


def test_an_imported_autoencoder_does_what_its_layout_says(tmp_path, capsys):
    source = write_autoencoder(tmp_path / "checkpoint.pth")
    heads = ["--num-heads", str(HEADS), "--decoder-num-heads", str(DECODER_HEADS)]
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours"), *heads]) == 0
    assert "3 blocks of width 16, 4 heads, 48 voxels" in capsys.readouterr().out
    autoencoder = MaskedAutoencoder.from_pretrained(tmp_path / "ours").eval()
    volumes = torch.randn(3, VOXELS, generator=torch.Generator().manual_seed(3))
    _, prediction, mask = autoencoder(volumes, 0.5, torch.Generator().manual_seed(4))
    order = torch.rand(3, PATCHES, generator=torch.Generator().manual_seed(4)).argsort(1)
    visible = order[:, : PATCHES // 2]
    for own, seen in zip(mask, visible, strict=True):
        assert set(own.nonzero().flatten().tolist()) == set(range(PATCHES)) - set(seen.tolist())
    state = released_autoencoder()
    expected = [rebuild(volume, seen, state) for volume, seen in zip(volumes, visible, strict=True)]
    assert_near(prediction, torch.stack(expected))


def test_the_encoder_of_a_whole_released_checkpoint_is_imported(tmp_path):
    write_encoder(tmp_path / "released" / "fmri_encoder")
    for part in ("unet", "vae", "scheduler"):
        (tmp_path / "released" / part).mkdir()
    command = ["import-official", str(tmp_path / "released"), "--to", str(tmp_path / "new/ours")]
    assert main(command) == 0
    assert FmriEncoder.from_pretrained(tmp_path / "new/ours").config["num_voxels"] == VOXELS
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["ours"]


def test_a_patch_too_many_is_kept():
    """Their padding of 48 voxels in patches of 8 is 56; their config may still say 48."""
    state = released_encoder(PATCHES + 1)
    encoder = official.encoder_from_official(state, CONFIG)
    assert encoder.config["num_voxels"] == VOXELS + PATCH
    window = torch.randn(1, WINDOW, VOXELS + PATCH)
    assert_near(encoder(window), encode(window[0], state)[None])


def test_heads_can_be_named_for_an_encoder():
    state, config = released_encoder(), {n: v for n, v in CONFIG.items() if n != "num_heads"}
    encoder = official.encoder_from_official(state, config, num_heads=HEADS)
    window = torch.randn(1, WINDOW, VOXELS)
    assert_near(encoder(window), encode(window[0], state)[None])
    other = official.encoder_from_official(state, CONFIG, num_heads=HEADS // 2)
    assert other.config["num_heads"] == HEADS // 2


def test_positions_are_the_files_own():
    state = released_encoder()
    state["pos_embed"] = torch.randn(1, 1 + PATCHES, DIM)
    encoder = official.encoder_from_official(state, CONFIG)
    assert torch.equal(encoder.pos_embed, state["pos_embed"])
    assert torch.equal(encoder.cls_token, state["cls_token"])
    window = torch.randn(1, WINDOW, VOXELS)
    assert_near(encoder(window), encode(window[0], state)[None])


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]
)
def test_names_in_wrappers_are_unwrapped(prefix):
    state = released_encoder()
    encoder = official.encoder_from_official({prefix + n: w for n, w in state.items()}, CONFIG)
    assert torch.equal(encoder.norm.weight, state["norm.weight"])


def test_half_precision_becomes_single_without_loss():
    state = {name: weight.half() for name, weight in released_encoder().items()}
    encoder = official.encoder_from_official(state, CONFIG)
    assert {weight.dtype for weight in encoder.state_dict().values()} == {torch.float32}
    back, _ = official.encoder_to_official(encoder)
    assert all(torch.equal(back[name].half(), state[name]) for name in back)
    window = torch.randn(1, WINDOW, VOXELS)
    assert_near(encoder(window), encode(window[0], state)[None])


def test_the_second_decoder_of_some_autoencoders_is_ignored():
    state = released_autoencoder()
    more = {"nature_img_mask_token": torch.ones(1), "nature_img_decoder_norm.bias": torch.ones(1)}
    autoencoder = official.autoencoder_from_official(state | more, HEADS, DECODER_HEADS)
    assert set(autoencoder.state_dict()) == set(state)


def a_class_of_theirs(monkeypatch):
    """As where the checkpoint was written: a module `config` that is not here when it is read."""
    module = types.ModuleType("config")
    kind = type("Config_MBM_fMRI", (), {"__module__": "config"})
    module.Config_MBM_fMRI = kind
    monkeypatch.setitem(sys.modules, "config", module)
    return kind()


@pytest.mark.parametrize("kind", ["theirs", "namespace", "dict"])
def test_heads_come_from_the_settings_in_the_file(kind, tmp_path, monkeypatch):
    heads = {"num_heads": HEADS, "decoder_num_heads": DECODER_HEADS}
    with monkeypatch.context() as there:
        config = {"namespace": argparse.Namespace(**heads), "dict": heads}.get(kind)
        if config is None:
            config = a_class_of_theirs(there)
            vars(config).update(heads)
        source = write_autoencoder(tmp_path / "checkpoint.pth", config)
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours")]) == 0
    autoencoder = MaskedAutoencoder.from_pretrained(tmp_path / "ours")
    assert {name: autoencoder.config[name] for name in heads} == heads


# --- export, and there and back -------------------------------------------------------------------


def same(found, expected):
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_encoder_there_and_back(tmp_path):
    source, ours, theirs, again = (tmp_path / name for name in ("a", "b", "c", "d"))
    write_encoder(source)
    assert main(["import-official", str(source), "--to", str(ours)]) == 0
    assert main(["export-official", str(ours), "--to", str(theirs)]) == 0
    assert main(["import-official", str(theirs), "--to", str(again)]) == 0
    weights = torch.load(theirs / "diffusion_pytorch_model.bin", weights_only=True)
    same(weights, {n: w for n, w in released_encoder().items() if n != "mask_token"})
    config = json.loads((theirs / "config.json").read_text())
    assert config == {n: v for n, v in CONFIG.items() if n != "_diffusers_version"}
    same(load_file(again / WEIGHTS), load_file(ours / WEIGHTS))
    assert (again / "config.json").read_text() == (ours / "config.json").read_text()


def test_an_autoencoder_there_and_back(tmp_path):
    source = write_autoencoder(tmp_path / "checkpoint.pth")
    ours, theirs, again = tmp_path / "b", tmp_path / "c.pth", tmp_path / "d"
    heads = ["--num-heads", str(HEADS), "--decoder-num-heads", str(DECODER_HEADS)]
    assert main(["import-official", str(source), "--to", str(ours), *heads]) == 0
    assert main(["export-official", str(ours), "--to", str(theirs)]) == 0
    assert main(["import-official", str(theirs), "--to", str(again)]) == 0
    same(torch.load(theirs, weights_only=True)["model"], released_autoencoder())
    same(load_file(again / WEIGHTS), load_file(ours / WEIGHTS))
    assert (again / "config.json").read_text() == (ours / "config.json").read_text()


def test_an_encoder_of_ours_there_and_back_says_what_is_not_read_there(tmp_path, capsys):
    torch.manual_seed(0)
    encoder = FmriEncoder(
        num_voxels=48, patch_size=8, embed_dim=16, depth=1, num_heads=4, out_channel=5, out_dim=12
    )
    torch.nn.init.constant_(encoder.proj_head.fc.bias, 0.25)
    encoder.save_pretrained(tmp_path / "cotrained" / "fmri_encoder")
    theirs, again = tmp_path / "theirs", tmp_path / "again"
    assert main(["export-official", str(tmp_path / "cotrained"), "--to", str(theirs)]) == 0
    assert "proj_head.fc.bias, up to 0.25" in capsys.readouterr().out
    assert main(["import-official", str(theirs), "--to", str(again)]) == 0
    same(load_file(again / WEIGHTS), encoder.state_dict())


# --- wrong input ----------------------------------------------------------------------------------


def refusal(source, tmp_path, capsys, *options):
    """The one line that a refused import prints; nothing is left behind."""
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours"), *options]) == 1
    assert not (tmp_path / "ours").exists()
    message = capsys.readouterr().err
    assert message.startswith("mindvideo import-official: ")
    assert message.count("\n") == 1
    return message


def test_refuses_another_models_folder(tmp_path, capsys):
    source = write_encoder(tmp_path / "unet", config={"_class_name": "UNet3DConditionModel"})
    message = refusal(source, tmp_path, capsys)
    assert f"{source}: the configuration is that of a UNet3DConditionModel" in message
    source = write_encoder(tmp_path / "fmri", {"conv_in.weight": torch.ones(2, 2)})
    assert "missing: patch_embed.proj.weight" in refusal(source, tmp_path, capsys)
    write_autoencoder(source / "model.pth")
    assert "missing: proj_head.channel_mapper.weight" in refusal(source, tmp_path, capsys)


def test_refuses_missing_and_surplus_weights_by_name(tmp_path, capsys):
    state = released_encoder()
    del state["blocks.1.attn_temp.proj.bias"], state["logit_scale"]
    message = refusal(write_encoder(tmp_path / "a", state), tmp_path, capsys)
    assert "blocks.1.attn_temp.proj.bias" in message
    assert "logit_scale" in message
    surplus = released_encoder() | {"surplus": torch.ones(1)}
    message = refusal(write_encoder(tmp_path / "b", surplus), tmp_path, capsys)
    assert "left over: surplus" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm.bias": torch.ones(3)}, r"norm\.bias \(3,\), needed \(16,\)"),
        ({"pos_embed": positions(5, DIM)}, "12 tokens, no multiple of the 5 patches"),
        ({"pos_embed": positions(0, DIM)}, "no patch has a position"),
        ({"pos_embed": torch.ones(7, DIM)}, r"pos_embed has shape \(7, 16\)"),
        ({"patch_embed.proj.weight": torch.ones(DIM, 2, PATCH)}, "2 values in a voxel"),
        ({"norm.bias": [1.0]}, "norm.bias is a list"),
    ],
)
def test_refuses_weights_of_wrong_shapes(changes, message):
    with pytest.raises(InputError, match=message):
        official.encoder_from_official(released_encoder() | changes, CONFIG)


def test_refuses_a_configuration_of_other_sizes():
    with pytest.raises(InputError, match="depth 2, but the weights have 3"):
        official.encoder_from_official(released_encoder(), CONFIG | {"depth": 2})
    with pytest.raises(InputError, match="window_size 3, but the weights have 2"):
        official.encoder_from_official(released_encoder(), CONFIG | {"window_size": 3})


def test_refuses_heads_that_do_not_divide_the_width(tmp_path, capsys):
    with pytest.raises(InputError, match=r"num_heads 5 does not divide .* 16: name"):
        official.encoder_from_official(released_encoder(), CONFIG | {"num_heads": 5})
    with pytest.raises(InputError, match="num_heads 0 does not divide"):
        official.encoder_from_official(released_encoder(), CONFIG, num_heads=0)
    with pytest.raises(InputError, match="no num_heads"):
        official.encoder_from_official(released_encoder(), {})
    source = write_autoencoder(tmp_path / "checkpoint.pth")
    message = refusal(source, tmp_path, capsys)
    assert (
        f"{source}: decoder_num_heads 16 does not divide the width of these weights, 12" in message
    )
    assert "num_heads 0" in refusal(source, tmp_path, capsys, "--num-heads", "0")


class Runs:
    """A pickle of it runs a command when it is read without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_refuses_a_pickle_that_runs_code(tmp_path, capsys):
    source = write_autoencoder(tmp_path / "checkpoint.pth", Runs(tmp_path / "harm"))
    message = refusal(source, tmp_path, capsys)
    assert f"{source}: refused: reading it would run posix.mkdir" in message
    assert not (tmp_path / "harm").exists()


def test_refuses_files_that_hold_no_weights(tmp_path, capsys):
    source = tmp_path / "checkpoint.pth"
    whole = write_autoencoder(source).read_bytes()
    for content in (b"", b"version https://git-lfs.github.com/spec/v1\n", whole[: len(whole) // 2]):
        source.write_bytes(content)
        assert str(source) in refusal(source, tmp_path, capsys)
    torch.save([1, 2], source)
    assert "holds a list" in refusal(source, tmp_path, capsys)
    for content in (3, {0: torch.ones(1)}):
        torch.save({"model": content}, source)
        assert "`model` holds no weights" in refusal(source, tmp_path, capsys)
    torch.save({"model": {}}, source)
    assert "missing: patch_embed.proj.weight" in refusal(source, tmp_path, capsys)
    assert "no such file" in refusal(tmp_path / "nowhere", tmp_path, capsys)
    (tmp_path / "empty").mkdir()
    assert "no config.json" in refusal(tmp_path / "empty", tmp_path, capsys)
    (tmp_path / "empty" / "config.json").write_text("{")
    assert "no JSON" in refusal(tmp_path / "empty", tmp_path, capsys)
    (tmp_path / "empty" / "config.json").write_text(json.dumps(CONFIG))
    assert "model.pth or diffusion" in refusal(tmp_path / "empty", tmp_path, capsys)


def test_overwrites_nothing(tmp_path, capsys):
    source = write_encoder(tmp_path / "released")
    for command in ("import-official", "export-official"):
        assert main([command, str(source), "--to", str(source)]) == 1
        assert "is there already" in capsys.readouterr().err


def test_export_refuses_what_is_not_of_this_project(tmp_path, capsys):
    source = write_encoder(tmp_path / "released")
    assert main(["export-official", str(source), "--to", str(tmp_path / "theirs")]) == 1
    assert "holds a fMRIEncoder, a FmriEncoder was needed" in capsys.readouterr().err
    assert not (tmp_path / "theirs").exists()
