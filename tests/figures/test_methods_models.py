"""How a methods section names pretrained models, and their versions."""

import re
from pathlib import Path

import pytest

from mindvideo.config import load_config
from mindvideo.models.hub import parse
from mindvideo.settings.base import Pretrained
from mindvideo.stages.methods import describe_model

CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize(
    ("name", "commits", "described"),
    [
        ("org/sd@v1", ["451f4fe16113bff5"], "org/sd, revision v1, commit 451f4fe16113"),
        ("org/sd@451f4fe16113bff5", ["451f4fe16113bff5"], "org/sd, commit 451f4fe16113"),
        ("org/sd@v1", [], "org/sd, revision v1"),
        ("hf-hub:org/clip", [], "org/clip"),
        ("org/sd", ["a" * 40, "b" * 40], f"org/sd, commits {'a' * 12} and {'b' * 12}"),
        ("zoo:blip", [], "zoo:blip, a small model that is part of mindvideo"),
    ],
)
def test_a_pretrained_model_has_its_name_and_its_version(name, commits, described):
    assert describe_model(name, commits) == described


def test_the_papers_configuration_pins_each_default_model_at_a_commit():
    pinned = load_config(CONFIG / "wen2018.yaml").pretrained
    defaults = Pretrained().model_dump(exclude_none=True)
    assert len(defaults) == 5
    for setting, name in defaults.items():
        model = parse(getattr(pinned, setting))
        assert model.repo == parse(name).repo
        assert re.fullmatch("[0-9a-f]{40}", model.revision or "")


def test_a_local_folder_is_named_without_its_path(tmp_path):
    (tmp_path / "my-sd").mkdir()
    described = describe_model(str(tmp_path / "my-sd"), [])
    assert described == "weights in a local folder, my-sd"
