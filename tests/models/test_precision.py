"""The device and the precision of a network, and what is recorded of them."""

from pathlib import Path
from typing import get_args

import pytest
import torch

from mindvideo.config import load_config
from mindvideo.errors import InputError
from mindvideo.models import precision, record
from mindvideo.models.record import Format
from mindvideo.registry import read_stage, stage_names
from mindvideo.runner import uses_a_gpu
from mindvideo.settings.base import Networks, OnDevice

INFO = "processor\t: 0\nmodel name\t: Some CPU\n{name}\t\t: fpu sse2 {extra}\nbugs\t\t: bf16\n"


@pytest.fixture(autouse=True)
def _forget():
    record.forget()
    yield
    record.forget()


@pytest.fixture
def processor(monkeypatch):
    def has(*names):
        monkeypatch.setattr(precision, "instructions", lambda: {"sse2", *names})

    return has


@pytest.mark.parametrize(
    ("name", "extra"), [("flags", "avx512_bf16"), ("flags", "amx_bf16"), ("Features", "bf16")]
)
def test_instructions_are_those_of_the_processor(tmp_path, name, extra):
    path = tmp_path / "cpuinfo"
    path.write_text(INFO.format(name=name, extra=extra))
    assert precision.instructions(path) == {"fpu", "sse2", extra}
    assert precision.BF16_OF_PROCESSORS & precision.instructions(path) == {extra}
    path.write_text(INFO.format(name=name, extra="avx2"))
    assert not precision.BF16_OF_PROCESSORS & precision.instructions(path)
    assert precision.instructions(tmp_path / "none") == set()


@pytest.mark.parametrize(
    ("names", "chosen"), [((), "fp32"), (("avx512_bf16",), "bf16"), (("amx_bf16",), "bf16")]
)
def test_auto_is_what_the_processor_computes_in(processor, names, chosen):
    processor(*names)
    network = precision.put(torch.nn.Linear(2, 2), "auto")
    assert network.weight.dtype == precision.DTYPES[chosen]
    assert record.noted()["precision"] == chosen
    assert record.noted()["device"].startswith("CPU")
    assert precision.number_format("fp32") == record.noted()["precision"] == "fp32"


def test_weights_stay_as_they_are_by_default():
    network = torch.nn.Linear(2, 2)
    before = network.weight.clone()
    assert torch.equal(precision.put(network).weight, before)


def test_values_go_where_a_network_is():
    network = precision.put(torch.nn.Linear(2, 2), "bf16")
    assert precision.beside(network, torch.zeros(3)).dtype == torch.bfloat16
    assert precision.beside(network, torch.zeros(3, dtype=torch.long)).dtype == torch.long
    assert precision.beside(torch.nn.Identity(), torch.zeros(3)).dtype == torch.float32


def test_fp16_needs_a_gpu():
    with pytest.raises(InputError, match="fp16 needs a GPU, but torch finds none"):
        precision.put(torch.nn.Linear(2, 2), "fp16")


def test_tf32_is_of_gpus_only():
    """What processors compute does not change."""
    a, b = torch.randn(64, 64), torch.randn(64, 64)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    product = a @ b
    try:
        for allowed in (True, False):
            precision.allow_tf32(allowed)
            assert torch.backends.cuda.matmul.allow_tf32 is allowed
            assert torch.backends.cudnn.allow_tf32 is allowed
            assert torch.equal(a @ b, product)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before[0] != "highest"
        torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize("name", sorted(stage_names()))
def test_every_stage_with_a_network_has_a_precision(name):
    stage = read_stage(name)
    settings = stage.settings_class
    has = {"precision", "tf32"} & set(settings.model_fields)
    if uses_a_gpu(stage) and name != "train_zoo":
        assert has == {"precision", "tf32"}, "Networks, and OnDevice"
        assert settings.model_fields["precision"].default == "fp32"
        assert "tf32" not in settings.model_construct().deciding()
    else:
        assert not has


def test_the_names_are_those_of_the_settings():
    names = [*get_args(Format), "auto"]
    for name in names:
        assert Networks(precision=name).precision == name
    assert len(names) == 4
    assert OnDevice().tf32 is True


HALF = ("captions", "latents", "embeddings", "reconstruction")
TRAININGS = ("pretraining", "mbm_tuning", "contrastive", "video_tuning", "cotraining")


@pytest.mark.parametrize("name", ["wen2018", "hcp7t", "studyforrest", "cinebrain", "algonauts2025"])
def test_real_data_are_computed_in_bf16_and_scored_exactly(name):
    config = load_config(Path(f"config/{name}.yaml"))
    assert {getattr(config, section).precision for section in HALF + TRAININGS} == {"bf16"}
    assert {config.scoring.precision, config.interpretation.precision} == {"fp32"}
    assert config.tf32


def test_the_released_code_is_computed_exactly():
    config = load_config(Path("config/released.yaml"))
    sections = (*HALF, *TRAININGS, "scoring", "interpretation")
    assert {getattr(config, section).precision for section in sections} == {"fp32"}


def test_the_demo_takes_bf16_for_its_long_stages_where_the_processor_has_it():
    config = load_config(Path("config/config.yaml"))
    long = {"latents", "embeddings", "contrastive", "video_tuning", "cotraining", "reconstruction"}
    sections = {*HALF, *TRAININGS, "scoring", "interpretation"}
    chosen = {section: getattr(config, section).precision for section in sections}
    assert chosen == dict.fromkeys(sections, "fp32") | dict.fromkeys(long, "auto")
