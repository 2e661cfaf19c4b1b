"""The wheel and the sdist contain what the package reads, and a wheel works on its own."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mindvideo import __version__
from mindvideo.io.films import write_video

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "envs/requirements.lock"
READ = (".safetensors", ".json", ".txt", ".tsv", ".yaml", ".html", ".css", ".js", ".gz")
"""Endings of files that the package reads."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of wheel and sdist, built from a copy: building leaves files in the source."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    shutil.copytree(ROOT / "mindvideo", source / "mindvideo")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta as b; b.build_sdist('..'); b.build_wheel('..')"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def package_files():
    files = {p.relative_to(ROOT) for p in (ROOT / "mindvideo").rglob("*") if p.suffix in READ}
    return {str(path) for path in files} | {"mindvideo/cli.py"}


def test_wheel_and_sdist_have_all_files_of_the_package(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.name == f"mindvideo-{__version__}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert package_files() <= names
    assert {name.partition("/")[0] for name in names} == {
        "mindvideo",
        f"mindvideo-{__version__}.dist-info",
    }
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files() <= inside


@pytest.mark.long
def test_a_wheel_in_an_empty_environment_scores_two_clips(built, tmp_path):
    """It finds the zoo, and nothing of this folder."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    clean = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}

    def run(*command):
        done = subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", str(LOCK))
    run(*pip, "--no-deps", str(next(built.glob("*.whl"))))

    mindvideo = str(tmp_path / "env/bin/mindvideo")
    assert "score-folder" in run(mindvideo, "--help")
    rng = np.random.default_rng(0)
    for folder in ("clips", "truth"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            frames = rng.integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
            write_video(tmp_path / folder / f"test1_{number}.mp4", frames, fps=3)
    zoo = [
        word
        for name in ("clip", "image-classifier", "video-classifier")
        for word in (f"--{name}", f"zoo:{name}")
    ]
    run(mindvideo, "score-folder", "clips", "--truth", "truth", "--to", "scores", *zoo)
    assert "identification" in (tmp_path / "scores/metrics.tsv").read_text()
