"""Revisions of models on the hub: loaded from a cache as the hub's client leaves it, and noted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from safetensors.torch import load_file, save_file

from mindvideo.errors import InputError
from mindvideo.models import pretrained
from mindvideo.models.folders import CLIP_MODEL, STABLE_DIFFUSION, ZOO, cached_folder, resolve
from mindvideo.models.hub import HubModel, parse
from tests.hub_cache import add_revision

OLD, NEW = "0" * 40, "1" * 40
MODELS = {
    "org/sd": "stable-diffusion",
    "org/clip": "clip",
    "org/blip": "blip",
    "org/vit": "image-classifier",
    "org/videomae": "video-classifier",
}
COMMITS = {"": NEW, "@v1": OLD, f"@{OLD}": OLD}
WITH_SLASHES = ["hf-hub:org/clip@refs/pr/1", "org/vit@refs/pr/1"]
ABSENT = ["org/sd@v2", "org/clip@v2", "org/vit@v2"]
LOAD = """
import json, sys
from mindvideo.errors import InputError
from mindvideo.models import pretrained
from mindvideo.models.hub import commits_loaded, forget_loaded

LOADERS = {
    "sd": lambda name: pretrained.load_stable_diffusion(name, "unet"),
    "clip": lambda name: pretrained.load_clip(name).model,
    "blip": lambda name: pretrained.load_captioner(name)[1],
    "vit": lambda name: pretrained.load_image_classifier(name)[1],
    "videomae": lambda name: pretrained.load_video_classifier(name)[1],
}
for name in sys.argv[1:]:
    forget_loaded()
    try:
        model = LOADERS[name.split("/")[1].split("@")[0]](name)
        total = sum(float(p.double().abs().sum()) for p in model.parameters())
        print(json.dumps([name, total, commits_loaded()]))
    except InputError as error:
        print(json.dumps([name, str(error), commits_loaded()]))
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache with an old revision, tagged v1, and a new one, main, whose weights are doubled."""
    folder = tmp_path_factory.mktemp("hub")
    for repo, name in MODELS.items():
        add_revision(folder, repo, OLD, ZOO / name, "v1", "refs/pr/1")
        new = shutil.copytree(ZOO / name, folder / "new" / name)
        for path in new.rglob("*.safetensors"):
            doubled = {key: 2 * weight for key, weight in load_file(path).items()}
            save_file(doubled, path, metadata={"format": "pt"})
        add_revision(folder, repo, NEW, new, "main")
    return folder


@pytest.fixture(scope="module")
def loaded(cache):
    """By name, in a process without the hub: a sum of weights or a message, and the commits."""
    names = [f"{repo}{revision}" for repo in MODELS for revision in COMMITS]
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *names, *WITH_SLASHES, *ABSENT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    return {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("repo", MODELS)
def test_a_model_is_loaded_at_its_revision_and_its_commit_noted(loaded, repo):
    newest, *old = [loaded[f"{repo}{revision}"][0] for revision in COMMITS]
    assert old == [pytest.approx(newest / 2, rel=1e-3)] * 2
    for revision, commit in COMMITS.items():
        name = f"{repo}{revision}"
        assert loaded[name][1] == {name: commit}


@pytest.mark.parametrize("name", WITH_SLASHES)
def test_a_prefix_and_a_branch_with_slashes_are_read(loaded, name):
    assert loaded[name][1] == {name: OLD}


@pytest.mark.parametrize("name", ABSENT)
def test_a_revision_that_is_not_in_the_cache_is_an_error_that_names_it(loaded, name):
    said, commits = loaded[name]
    assert said.startswith(f"{name}: could not load ")
    assert "check the name, the revision and the connection" in said
    assert commits == {}


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("org/model", HubModel("org/model")),
        ("org/model@v1.0", HubModel("org/model", "v1.0")),
        ("hf-hub:org/model@refs/pr/1", HubModel("org/model", "refs/pr/1")),
        ("bert-base-uncased@main", HubModel("bert-base-uncased", "main")),
    ],
)
def test_a_name_is_split_at_its_revision(name, model):
    assert parse(name) == resolve(name) == model


def test_a_folder_may_have_an_at_in_its_name(tmp_path):
    folder = shutil.copytree(ZOO / "image-classifier", tmp_path / "me@home")
    assert resolve(str(folder)) == folder
    assert pretrained.load_image_classifier(str(folder))[1].config.model_type == "vit"
    with pytest.raises(InputError, match="no such folder"):
        resolve(str(tmp_path / "me@work"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zoo:clip@v1", "zoo:clip is a model of the zoo, and only .* leave @v1 out"),
        ("zoo:klip@v1", "no such model in the zoo"),
        ("{folder}@v1", "sd is a model of a local folder, and only a model of the .* hub has"),
        ("org/model@", "a branch, tag or commit was needed after the @"),
        ("no such name@v1", "no name on the hub"),
        ("a/b/c@v1", "no such folder"),
    ],
)
def test_a_revision_of_what_has_none_is_an_error(name, said, tmp_path):
    (tmp_path / "sd").mkdir()
    with pytest.raises(InputError, match=said):
        resolve(name.format(folder=tmp_path / "sd"))


def test_weights_that_open_clip_lists_have_no_revision():
    with pytest.raises(InputError, match="ViT-L-14 is one of open_clip's own, and only a model of"):
        pretrained.load_clip("ViT-L-14/openai@v1")


def test_a_snapshot_in_the_cache_has_the_hubs_name_and_its_revision(cache, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    snapshots = cache / "models--org--sd/snapshots"
    unet = STABLE_DIFFUSION["unet"]
    assert cached_folder(parse("org/sd"), unet) == snapshots / NEW
    assert cached_folder(parse("org/sd@v1"), unet) == snapshots / OLD
    assert cached_folder(parse(f"org/sd@{OLD}"), unet) == snapshots / OLD
    assert cached_folder(parse("org/sd@v2"), unet) is None
    assert cached_folder(parse("org/other"), CLIP_MODEL) is None
