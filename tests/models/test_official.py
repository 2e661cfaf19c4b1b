"""Released weights, there and back, against the forward passes that their layout stands for."""

from __future__ import annotations

import argparse
import json
import os
import sys
import types

import pytest
import torch
from safetensors.torch import load_file

from mindvideo.cli import main
from mindvideo.errors import InputError
from mindvideo.models import official
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder

WEIGHTS = "diffusion_pytorch_model.safetensors"


# --- import ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.pth", "diffusion_pytorch_model.bin"])
@pytest.mark.parametrize("time", [True, False])
@pytest.mark.parametrize("use_norm", [True, False])
def test_an_imported_encoder_does_what_its_layout_says(layout, name, time, use_norm, tmp_path):
    state = layout.released_encoder(time=time, use_norm=use_norm)
    config = layout.CONFIG | {"use_temp_attn": time, "use_norm": use_norm}
    source = layout.write_encoder(tmp_path / "released", state, config, name)
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours")]) == 0
    encoder = FmriEncoder.from_pretrained(tmp_path / "ours").eval()
    assert encoder.config["dropout"] == 0.6
    windows = torch.randn(
        2, layout.WINDOW, layout.VOXELS, generator=torch.Generator().manual_seed(2)
    )
    layout.assert_near(
        encoder(windows), torch.stack([layout.encode(window, state) for window in windows])
    )


def test_an_imported_autoencoder_does_what_its_layout_says(layout, tmp_path, capsys):
    source = layout.write_autoencoder(tmp_path / "checkpoint.pth")
    heads = ["--num-heads", str(layout.HEADS), "--decoder-num-heads", str(layout.DECODER_HEADS)]
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours"), *heads]) == 0
    assert "3 blocks of width 16, 4 heads, 48 voxels" in capsys.readouterr().out
    autoencoder = MaskedAutoencoder.from_pretrained(tmp_path / "ours").eval()
    volumes = torch.randn(3, layout.VOXELS, generator=torch.Generator().manual_seed(3))
    _, prediction, mask = autoencoder.masked(volumes, 0.5, torch.Generator().manual_seed(4))
    order = torch.rand(3, layout.PATCHES, generator=torch.Generator().manual_seed(4)).argsort(1)
    visible = order[:, : layout.PATCHES // 2]
    for hidden, kept in zip(mask, visible, strict=True):
        assert sorted([*hidden.nonzero().flatten().tolist(), *kept.tolist()]) == [*range(6)]
    state = layout.released_autoencoder()
    expected = [
        layout.rebuild(volume, kept, state) for volume, kept in zip(volumes, visible, strict=True)
    ]
    layout.assert_near(prediction, torch.stack(expected))


def test_the_encoder_of_a_whole_released_checkpoint_is_imported(layout, tmp_path):
    layout.write_encoder(tmp_path / "released" / "fmri_encoder")
    for part in ("unet", "vae", "scheduler"):
        (tmp_path / "released" / part).mkdir()
    command = ["import-official", str(tmp_path / "released"), "--to", str(tmp_path / "new/ours")]
    assert main(command) == 0
    assert FmriEncoder.from_pretrained(tmp_path / "new/ours").config["num_voxels"] == layout.VOXELS
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["ours"]


def test_a_patch_too_many_is_kept(layout):
    """Their padding of 48 voxels in patches of 8 is 56; their config may still say 48."""
    state = layout.released_encoder(layout.PATCHES + 1)
    encoder = official.encoder_from_official(state, layout.CONFIG)
    assert encoder.config["num_voxels"] == layout.VOXELS + layout.PATCH
    window = torch.randn(1, layout.WINDOW, layout.VOXELS + layout.PATCH)
    layout.assert_near(encoder(window), layout.encode(window[0], state)[None])


def test_heads_can_be_named_for_an_encoder(layout):
    state, config = (
        layout.released_encoder(),
        {n: v for n, v in layout.CONFIG.items() if n != "num_heads"},
    )
    encoder = official.encoder_from_official(state, config, num_heads=layout.HEADS)
    window = torch.randn(1, layout.WINDOW, layout.VOXELS)
    layout.assert_near(encoder(window), layout.encode(window[0], state)[None])
    other = official.encoder_from_official(state, layout.CONFIG, num_heads=layout.HEADS // 2)
    assert other.config["num_heads"] == layout.HEADS // 2


def test_positions_are_those_of_the_file(layout):
    state = layout.released_encoder()
    state["pos_embed"] = torch.randn(1, 1 + layout.PATCHES, layout.DIM)
    encoder = official.encoder_from_official(state, layout.CONFIG)
    assert torch.equal(encoder.pos_embed, state["pos_embed"])
    assert torch.equal(encoder.cls_token, state["cls_token"])
    window = torch.randn(1, layout.WINDOW, layout.VOXELS)
    layout.assert_near(encoder(window), layout.encode(window[0], state)[None])


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."]
)
def test_names_in_wrappers_are_unwrapped(layout, prefix):
    state = layout.released_encoder()
    encoder = official.encoder_from_official(
        {prefix + n: w for n, w in state.items()}, layout.CONFIG
    )
    assert torch.equal(encoder.norm.weight, state["norm.weight"])


def test_half_precision_becomes_single_without_loss(layout):
    state = {name: weight.half() for name, weight in layout.released_encoder().items()}
    encoder = official.encoder_from_official(state, layout.CONFIG)
    assert {weight.dtype for weight in encoder.state_dict().values()} == {torch.float32}
    back, _ = official.encoder_to_official(encoder)
    assert all(torch.equal(back[name].half(), state[name]) for name in back)
    window = torch.randn(1, layout.WINDOW, layout.VOXELS)
    layout.assert_near(encoder(window), layout.encode(window[0], state)[None])


def test_the_second_decoder_of_some_autoencoders_is_ignored(layout):
    state = layout.released_autoencoder()
    more = {"nature_img_mask_token": torch.ones(1), "nature_img_decoder_norm.bias": torch.ones(1)}
    autoencoder = official.autoencoder_from_official(
        state | more, layout.HEADS, layout.DECODER_HEADS
    )
    assert set(autoencoder.state_dict()) == set(state)


def unimportable_settings(monkeypatch):
    """As where the checkpoint was written: a module `config` that is not here when it is read."""
    module = types.ModuleType("config")
    kind = type("Config_MBM_fMRI", (), {"__module__": "config"})
    module.Config_MBM_fMRI = kind
    monkeypatch.setitem(sys.modules, "config", module)
    return kind()


@pytest.mark.parametrize("kind", ["class", "namespace", "dict"])
def test_heads_come_from_the_settings_in_the_file(layout, kind, tmp_path, monkeypatch):
    heads = {"num_heads": layout.HEADS, "decoder_num_heads": layout.DECODER_HEADS}
    with monkeypatch.context() as there:
        config = {"namespace": argparse.Namespace(**heads), "dict": heads}.get(kind)
        if config is None:
            config = unimportable_settings(there)
            vars(config).update(heads)
        source = layout.write_autoencoder(tmp_path / "checkpoint.pth", config)
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours")]) == 0
    autoencoder = MaskedAutoencoder.from_pretrained(tmp_path / "ours")
    assert {name: autoencoder.config[name] for name in heads} == heads


# --- export, and there and back -------------------------------------------------------------------


def same(state, expected):
    assert set(state) == set(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_an_encoder_there_and_back(layout, tmp_path):
    source, ours, exported, again = (tmp_path / name for name in ("a", "b", "c", "d"))
    layout.write_encoder(source)
    assert main(["import-official", str(source), "--to", str(ours)]) == 0
    assert main(["export-official", str(ours), "--to", str(exported)]) == 0
    assert main(["import-official", str(exported), "--to", str(again)]) == 0
    weights = torch.load(exported / "diffusion_pytorch_model.bin", weights_only=True)
    same(weights, {n: w for n, w in layout.released_encoder().items() if n != "mask_token"})
    config = json.loads((exported / "config.json").read_text())
    assert config == {n: v for n, v in layout.CONFIG.items() if n != "_diffusers_version"}
    same(load_file(again / WEIGHTS), load_file(ours / WEIGHTS))
    assert (again / "config.json").read_text() == (ours / "config.json").read_text()


def test_an_autoencoder_there_and_back(layout, tmp_path):
    source = layout.write_autoencoder(tmp_path / "checkpoint.pth")
    ours, exported, again = tmp_path / "b", tmp_path / "c.pth", tmp_path / "d"
    heads = ["--num-heads", str(layout.HEADS), "--decoder-num-heads", str(layout.DECODER_HEADS)]
    assert main(["import-official", str(source), "--to", str(ours), *heads]) == 0
    assert main(["export-official", str(ours), "--to", str(exported)]) == 0
    assert main(["import-official", str(exported), "--to", str(again)]) == 0
    same(torch.load(exported, weights_only=True)["model"], layout.released_autoencoder())
    same(load_file(again / WEIGHTS), load_file(ours / WEIGHTS))
    assert (again / "config.json").read_text() == (ours / "config.json").read_text()


def test_an_encoder_of_ours_there_and_back_says_what_is_not_read_there(tmp_path, capsys):
    torch.manual_seed(0)
    encoder = FmriEncoder(
        num_voxels=48,
        patch_size=8,
        embed_dim=16,
        depth=1,
        num_heads=4,
        out_channel=5,
        out_dim=12,
        project_embedding="tokens",
    )
    torch.nn.init.constant_(encoder.proj_head.fc.bias, 0.25)
    encoder.save_pretrained(tmp_path / "cotrained" / "fmri_encoder")
    exported, again = tmp_path / "exported", tmp_path / "again"
    assert main(["export-official", str(tmp_path / "cotrained"), "--to", str(exported)]) == 0
    assert "proj_head.fc.bias, up to 0.25" in capsys.readouterr().out
    assert main(["import-official", str(exported), "--to", str(again)]) == 0
    kept = {n: w for n, w in encoder.state_dict().items() if not n.startswith("embedding.")}
    same(load_file(again / WEIGHTS), kept)


# --- wrong input ----------------------------------------------------------------------------------


def refusal(source, tmp_path, capsys, *options):
    """The one line that a refused import prints; nothing is left behind."""
    assert main(["import-official", str(source), "--to", str(tmp_path / "ours"), *options]) == 1
    assert not (tmp_path / "ours").exists()
    message = capsys.readouterr().err
    assert message.startswith("mindvideo import-official: ")
    assert message.count("\n") == 1
    return message


def test_refuses_another_models_folder(layout, tmp_path, capsys):
    source = layout.write_encoder(tmp_path / "unet", config={"_class_name": "UNet3DConditionModel"})
    message = refusal(source, tmp_path, capsys)
    assert f"{source}: the configuration is that of a UNet3DConditionModel" in message
    source = layout.write_encoder(tmp_path / "fmri", {"conv_in.weight": torch.ones(2, 2)})
    assert "missing: patch_embed.proj.weight" in refusal(source, tmp_path, capsys)
    layout.write_autoencoder(source / "model.pth")
    assert "missing: proj_head.channel_mapper.weight" in refusal(source, tmp_path, capsys)


def test_refuses_missing_and_surplus_weights_by_name(layout, tmp_path, capsys):
    state = layout.released_encoder()
    del state["blocks.1.attn_temp.proj.bias"], state["logit_scale"]
    message = refusal(layout.write_encoder(tmp_path / "a", state), tmp_path, capsys)
    assert "blocks.1.attn_temp.proj.bias" in message
    assert "logit_scale" in message
    surplus = layout.released_encoder() | {"surplus": torch.ones(1)}
    message = refusal(layout.write_encoder(tmp_path / "b", surplus), tmp_path, capsys)
    assert "left over: surplus" in message


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [
        ("norm.bias", torch.ones(3), r"norm\.bias \(3,\), needed \(16,\)"),
        ("pos_embed", torch.ones(1, 6, 16), "12 tokens, which is not a multiple of the 5 patches"),
        ("pos_embed", torch.ones(1, 1, 16), "no patch has a position"),
        ("pos_embed", torch.ones(7, 16), r"pos_embed has shape \(7, 16\)"),
        ("patch_embed.proj.weight", torch.ones(16, 2, 8), "2 values per voxel"),
        ("norm.bias", [1.0], "norm.bias is a list"),
    ],
)
def test_refuses_weights_of_wrong_shapes(layout, name, weight, message):
    with pytest.raises(InputError, match=message):
        official.encoder_from_official(layout.released_encoder() | {name: weight}, layout.CONFIG)


def test_refuses_a_configuration_of_other_sizes(layout):
    with pytest.raises(InputError, match="depth 2, but the weights have 3"):
        official.encoder_from_official(layout.released_encoder(), layout.CONFIG | {"depth": 2})
    with pytest.raises(InputError, match="window_size 3, but the weights have 2"):
        official.encoder_from_official(
            layout.released_encoder(), layout.CONFIG | {"window_size": 3}
        )


def test_refuses_heads_that_do_not_divide_the_width(layout, tmp_path, capsys):
    with pytest.raises(InputError, match=r"num_heads 5 does not divide .* 16: set"):
        official.encoder_from_official(layout.released_encoder(), layout.CONFIG | {"num_heads": 5})
    with pytest.raises(InputError, match="num_heads 0 does not divide"):
        official.encoder_from_official(layout.released_encoder(), layout.CONFIG, num_heads=0)
    with pytest.raises(InputError, match="no num_heads"):
        official.encoder_from_official(layout.released_encoder(), {})
    source = layout.write_autoencoder(tmp_path / "checkpoint.pth")
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


def test_refuses_a_pickle_that_runs_code(layout, tmp_path, capsys):
    source = layout.write_autoencoder(tmp_path / "checkpoint.pth", Runs(tmp_path / "harm"))
    message = refusal(source, tmp_path, capsys)
    assert f"{source}: refused: reading it would run posix.mkdir" in message
    assert not (tmp_path / "harm").exists()


def test_refuses_files_that_hold_no_weights(layout, tmp_path, capsys):
    source = tmp_path / "checkpoint.pth"
    whole = layout.write_autoencoder(source).read_bytes()
    for content in (b"", b"version https://git-lfs.github.com/spec/v1\n", whole[: len(whole) // 2]):
        source.write_bytes(content)
        assert str(source) in refusal(source, tmp_path, capsys)
    torch.save([1, 2], source)
    assert "contains a list" in refusal(source, tmp_path, capsys)
    for content in (3, {0: torch.ones(1)}):
        torch.save({"model": content}, source)
        assert "`model` does not contain weights" in refusal(source, tmp_path, capsys)
    torch.save({"model": {}}, source)
    assert "missing: patch_embed.proj.weight" in refusal(source, tmp_path, capsys)
    assert "no such file" in refusal(tmp_path / "nowhere", tmp_path, capsys)
    (tmp_path / "empty").mkdir()
    assert "no config.json" in refusal(tmp_path / "empty", tmp_path, capsys)
    (tmp_path / "empty" / "config.json").write_text("{")
    assert "not valid JSON" in refusal(tmp_path / "empty", tmp_path, capsys)
    (tmp_path / "empty" / "config.json").write_text(json.dumps(layout.CONFIG))
    assert "model.pth or diffusion" in refusal(tmp_path / "empty", tmp_path, capsys)


def test_overwrites_nothing(layout, tmp_path, capsys):
    source = layout.write_encoder(tmp_path / "released")
    for command in ("import-official", "export-official"):
        assert main([command, str(source), "--to", str(source)]) == 1
        assert "already exists" in capsys.readouterr().err


def test_export_refuses_what_is_not_of_this_project(layout, tmp_path, capsys):
    source = layout.write_encoder(tmp_path / "released")
    assert main(["export-official", str(source), "--to", str(tmp_path / "exported")]) == 1
    assert "contains a fMRIEncoder; expected a FmriEncoder" in capsys.readouterr().err
    assert not (tmp_path / "exported").exists()
