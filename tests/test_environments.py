"""Environments of conda: what Snakemake makes of ``envs/``, without conda."""

from __future__ import annotations

import os
import re
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "envs/requirements.lock"
SCRIPT = ROOT / "envs/mindvideo.post-deploy.sh"


@pytest.fixture
def installed(tmp_path):
    """Runs the script beside a pip that notes what it is asked for: (its calls, its lock)."""
    pip = tmp_path / "pip"
    pip.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n'
        f'while [ $# -gt 0 ]; do [ "$1" = -r ] && cp "$2" {tmp_path}/lock; shift; done\n'
    )
    pip.chmod(0o755)

    def run(folder: Path = ROOT, **variables: str) -> tuple[list[str], str]:
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **variables}
        subprocess.run(
            ["sh", SCRIPT], cwd=folder, env=environment, check=True, capture_output=True, text=True
        )
        return (tmp_path / "calls").read_text().splitlines(), (tmp_path / "lock").read_text()

    return run


def names(lock: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))


def test_a_new_lock_makes_the_environment_anew():
    digest = sha256(LOCK.read_bytes()).hexdigest()
    assert f"# sha256 of requirements.lock: {digest}\n" in SCRIPT.read_text(), "call `make lock`"


def test_with_cuda_it_is_the_lock(installed):
    calls, lock = installed()
    assert lock == LOCK.read_text()
    assert [call.split()[-1] for call in calls] == ["envs/requirements.lock", "."]
    assert "--require-hashes" in calls[0]


def test_for_the_cpu_it_is_the_lock_without_cuda(installed):
    calls, lock = installed(MINDVIDEO_TORCH="cpu")
    versions = dict(re.findall(r"^(torch|torchvision)==([\d.]+)", LOCK.read_text(), re.MULTILINE))
    assert calls[0].split()[-2:] == [f"{name}=={versions[name]}+cpu" for name in versions]
    left_out = names(LOCK.read_text()) - names(lock)
    assert left_out
    assert all(re.match("nvidia-|cuda-|triton", name) for name in left_out)
    assert not re.search("^(nvidia|cuda|triton)", lock, re.MULTILINE)


def test_elsewhere_it_says_where_to_call_it(installed, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        installed(tmp_path)
    assert "call it from the folder of mindvideo's pyproject.toml" in caught.value.stderr


def test_both_environments_are_alike():
    files = [
        yaml.safe_load((ROOT / f"envs/mindvideo{end}.yaml").read_text()) for end in ("", "-cpu")
    ]
    assert files[0]["dependencies"] == files[1]["dependencies"]
    assert files[1]["variables"] == {"MINDVIDEO_TORCH": "cpu"}
