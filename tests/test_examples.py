"""The examples in docstrings run, and the modules that people call themselves have some."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import mindvideo

ROOT = Path(mindvideo.__file__).parent
FOLDERS = ["io", "fmri", "metrics", "models", "stimuli"]

# Public modules that must have an example.
PUBLIC = {
    "fmri": [
        "atlas",
        "cleaning",
        "decoding",
        "networks",
        "reproducibility",
        "samples",
        "selection",
        "smoothing",
        "variation",
        "windows",
    ],
    "io": [
        "clip_names",
        "clips",
        "collection",
        "confounds",
        "films",
        "kept",
        "maps",
        "runs",
        "scenes",
        "shots",
        "spaces",
        "tables",
    ],
    "metrics": ["embedding", "flicker", "motion", "n_way", "pixel", "shifts", "statistics"],
    "models": ["film", "guidance", "noise", "pipeline", "positions"],
    "stimuli": ["paraphrases", "rates", "scenes"],
}


def modules_with_examples() -> list[str]:
    """Names of the modules whose source has a line that starts with ``>>>``."""
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    with_examples = [
        path
        for path in paths
        if any(line.lstrip().startswith(">>> ") for line in path.read_text("utf-8").splitlines())
    ]
    return [".".join(p.relative_to(ROOT.parent).with_suffix("").parts) for p in with_examples]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples may write files
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(import_module(name), optionflags=flags)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    "name",
    [f"mindvideo.{folder}.{module}" for folder, modules in PUBLIC.items() for module in modules],
)
def test_public_modules_have_an_example(name):
    assert name in modules_with_examples()


def test_examples_of_the_page_run(tmp_path, monkeypatch):
    page = ROOT.parent / "docs/reference/api/index.md"
    monkeypatch.chdir(tmp_path)
    code = "".join(re.findall(r"^```pycon\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), 0)
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test)
    assert result.attempted > 30
    assert result.failed == 0
