"""The version is stated in `mindvideo.__version__`, and whatever else states it agrees."""

import ast
import re
import tomllib
from pathlib import Path

import yaml

import mindvideo

ROOT = Path(__file__).parents[1]


def test_the_package_is_built_with_the_version_of_the_module():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    dynamic = project["tool"]["setuptools"]["dynamic"]
    assert dynamic == {"version": {"attr": "mindvideo.__version__"}}


def test_the_version_can_be_read_without_importing_anything():
    """Setuptools takes a literal from the source; for anything else it would import the package."""
    body = ast.parse((ROOT / "mindvideo/__init__.py").read_text()).body
    values = [node.value for node in body if isinstance(node, ast.Assign)]
    assert [ast.literal_eval(value) for value in values] == [mindvideo.__version__]
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in body)


def test_the_citation_and_the_changelog_have_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == mindvideo.__version__
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == mindvideo.__version__
