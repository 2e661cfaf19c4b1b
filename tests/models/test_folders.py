"""What people give as a model's folder: weights under other names are found, all else is named."""

from __future__ import annotations

import shutil

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from mindvideo.errors import InputError
from mindvideo.models import pretrained
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.folders import STABLE_DIFFUSION, ZOO, resolve
from mindvideo.models.weight_files import DIFFUSERS, TRANSFORMERS, Weights, find_weights

SD = ZOO / "stable-diffusion"
UNET = "diffusion_pytorch_model"
ENCODER = {"num_voxels": 32, "patch_size": 8, "embed_dim": 8, "depth": 1, "num_heads": 2}


@pytest.fixture
def folder(tmp_path):
    """A Stable Diffusion to be broken."""
    return shutil.copytree(SD, tmp_path / "sd")


def load(folder, part="unet"):
    return pretrained.load_stable_diffusion(str(folder), part)


def same(model, other, **tolerance) -> None:
    for (name, weight), (_, expected) in zip(model.named_parameters(), other.named_parameters()):
        torch.testing.assert_close(weight, expected, msg=name, **tolerance)


# --- other names of weights -----------------------------------------------------------------------


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_weights_in_half_precision_are_loaded_where_there_are_no_others(folder, part):
    (path,) = (folder / part).glob("*.safetensors")
    half = {name: weight.half() for name, weight in load_file(path).items()}
    save_file(half, path.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    path.unlink()
    model = load(folder, part)
    assert next(model.parameters()).dtype == torch.float32
    same(model, load(SD, part), rtol=1e-3, atol=1e-4)


def test_full_precision_goes_before_half(folder):
    path = folder / "unet" / f"{UNET}.safetensors"
    zeros = {name: torch.zeros_like(weight) for name, weight in load_file(path).items()}
    save_file(zeros, path.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    same(load(folder), load(SD))


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_weights_in_several_files_are_loaded_and_a_missing_one_is_named(folder, variant):
    unet = UNet2DConditionModel.from_pretrained(SD, subfolder="unet")
    shutil.rmtree(folder / "unet")
    unet.save_pretrained(folder / "unet", max_shard_size="2MB", variant=variant)
    assert not (folder / "unet" / f"{UNET}.safetensors").exists()
    same(load(folder), unet)
    third = sorted((folder / "unet").glob("*-00003-of-*"))[0]
    third.unlink()
    with pytest.raises(InputError, match=rf"1 of the \d files .* missing, first {third.name}"):
        load(folder)


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_pickled_weights_are_loaded(folder, variant):
    for part, stem in (("unet", UNET), ("text_encoder", "pytorch_model")):
        (path,) = (folder / part).glob("*.safetensors")
        torch.save(load_file(path), path.with_name(f"{stem}{variant}.bin"))
        path.unlink()
        same(load(folder, part), load(SD, part))


class Evil:
    def __reduce__(self):
        return print, ("ran",)


@pytest.mark.parametrize(
    ("part", "file"), [("unet", f"{UNET}.bin"), ("text_encoder", "pytorch_model.bin")]
)
def test_a_pickle_that_would_run_code_is_refused(folder, part, file, capsys):
    for path in (folder / part).glob("*.safetensors"):
        path.unlink()
    torch.save({"weight": Evil()}, folder / part / file)
    with pytest.raises(InputError, match=r"more than tensors.*refused"):
        load(folder, part)
    assert "ran" not in capsys.readouterr().out


def test_trained_models_are_loaded_under_other_names_too(tmp_path):
    encoder = FmriEncoder(**ENCODER, out_channel=5, out_dim=6)
    encoder.save_pretrained(tmp_path / "half", variant="fp16")
    same(FmriEncoder.from_pretrained(tmp_path / "half"), encoder)
    (tmp_path / "half" / f"{UNET}.fp16.safetensors").unlink()
    with pytest.raises(InputError, match=r"no weights.*found: config\.json"):
        FmriEncoder.from_pretrained(tmp_path / "half")


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        (["model.fp16.safetensors", "pytorch_model.bin"], TRANSFORMERS, Weights(None, False)),
        (["model.bf16.safetensors", "model.fp16.safetensors"], TRANSFORMERS, Weights("fp16")),
        ([f"{UNET}.non_ema.bin", f"{UNET}.fp16.bin"], DIFFUSERS, Weights("fp16", False)),
        ([f"{UNET}.non_ema.bin"], DIFFUSERS, Weights("non_ema", False)),
    ],
)
def test_the_best_of_several_weights_is_chosen(tmp_path, files, names, expected):
    for file in files:
        if file.endswith(".safetensors"):
            save_file({"weight": torch.zeros(1)}, tmp_path / file)
        else:
            (tmp_path / file).write_bytes(b"PK")
    assert find_weights(tmp_path, names) == expected


# --- what is no weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>sign in</html>", "is a web page"),
        (b"", "is empty"),
        (b"\x40\0\0\0\0\0\0\0{}", "download broke off"),
    ],
)
def test_what_lies_there_instead_of_weights_is_named(folder, content, said):
    path = folder / "unet" / f"{UNET}.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        load(folder)
    assert str(path) in str(error.value)


def test_truncated_weights_are_recognised_by_their_header(folder):
    path = folder / "vae" / f"{UNET}.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="download broke off"):
        find_weights(folder / "vae", DIFFUSERS)


def test_a_link_without_its_target_is_named(folder):
    path = folder / "unet" / f"{UNET}.safetensors"
    path.unlink()
    path.symlink_to("../../blobs/0123")
    with pytest.raises(InputError, match=r"is a link to ../../blobs/0123, which is not there"):
        load(folder)


def test_a_configuration_that_is_none_is_named(folder):
    (folder / "unet/config.json").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(InputError, match="git lfs pull"):
        load(folder)
    (folder / "unet/config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load(folder)


def test_a_clip_without_weights_is_no_random_clip(tmp_path):
    clip = shutil.copytree(ZOO / "clip", tmp_path / "clip")
    (clip / "open_clip_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no weights of a CLIP model.*\.safetensors"):
        pretrained.load_clip(str(clip))


def test_a_processor_that_was_not_fetched_is_named(tmp_path):
    vit = shutil.copytree(ZOO / "image-classifier", tmp_path / "vit")
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"lacks preprocessor_config.json.*not complete"):
        pretrained.load_image_classifier(str(vit))


# --- other folders --------------------------------------------------------------------------------


def test_a_single_file_is_said_to_be_one_with_the_way_to_a_folder(tmp_path):
    for name in ("v1-5-pruned.safetensors", "model.ckpt"):
        file = tmp_path / name
        file.write_bytes(b"weights")
        with pytest.raises(InputError, match="is a file; a folder in diffusers' layout") as error:
            load(file)
        assert f'from_single_file("{file}").save_pretrained("FOLDER")' in str(error.value)


def test_a_file_inside_a_models_folder_leads_to_the_folder(folder):
    with pytest.raises(InputError, match=rf"is a file; give its model's folder, {folder}$"):
        load(folder / "unet" / f"{UNET}.safetensors")
    weights = ZOO / "image-classifier" / "model.safetensors"
    with pytest.raises(InputError, match=r"give its model's folder, .*image-classifier$"):
        pretrained.load_image_classifier(str(weights))


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "sd.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="is a file; unpack it"):
        load(tmp_path / "sd.zip")


def test_a_folder_one_level_off_leads_to_the_right_one(folder):
    for wrong in (folder.parent, folder / "unet"):
        with pytest.raises(InputError, match=rf"the unet .* lies in {folder}; give that"):
            load(wrong)


def test_a_cache_of_the_hub_leads_to_the_snapshot(folder, tmp_path):
    snapshot = tmp_path / "hub/models--org--sd/snapshots/0123456789"
    shutil.copytree(folder, snapshot)
    for wrong in (snapshot.parents[1], snapshot.parents[2], snapshot.parent):
        with pytest.raises(InputError, match=rf"lies in {snapshot}; give that"):
            load(wrong)


def test_a_near_folder_of_another_kind_is_not_recommended():
    with pytest.raises(InputError) as error:
        pretrained.load_image_classifier(str(SD))
    assert "give that" not in str(error.value)
    assert "has no config.json" in str(error.value)


def test_an_empty_folder_and_a_part_of_a_model_are_distinguished(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is empty; the vae of a Stable Diffusion"):
        load(tmp_path / "empty", "vae")
    for part in set(STABLE_DIFFUSION) - {"unet"}:
        shutil.rmtree(folder / part)
    with pytest.raises(InputError, match=r"has unet/ only, and lacks vae/, text_encoder/"):
        load(folder, "vae")
    alone = shutil.copytree(SD / "unet", tmp_path / "alone/unet-only")
    with pytest.raises(InputError, match="is a UNet2DConditionModel alone"):
        load(alone)


def test_a_lora_is_no_model(tmp_path):
    (tmp_path / "pytorch_lora_weights.safetensors").write_bytes(b"weights")
    with pytest.raises(InputError, match=r"holds a LoRA .*fuse_lora"):
        load(tmp_path)


def test_a_folder_of_one_single_file_is_to_be_converted(tmp_path):
    (tmp_path / "v1-5.ckpt").write_bytes(b"weights")
    with pytest.raises(InputError, match=r"just a file v1-5\.ckpt\. Convert it once"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("https://huggingface.co/org/sd", "is an address"),
        ("my models/sd", "no such folder, and no name on the hub"),
        ("org/sd-", "no name on the hub"),
    ],
)
def test_a_name_that_the_hub_cannot_have_is_refused_without_a_request(name, said):
    with pytest.raises(InputError, match=said):
        load(name)


def test_a_misspelt_folder_is_answered_with_the_near_one(folder):
    with pytest.raises(InputError, match=rf"Did you mean {folder}\?"):
        resolve(str(folder.parent / "sdd"))
