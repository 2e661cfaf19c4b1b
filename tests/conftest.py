"""What tests of several rooms share."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def purdue() -> ModuleType:
    """The writer of trees that look like the Purdue data set (tests/purdue.py)."""
    return _module("purdue")


@pytest.fixture(scope="session")
def derivatives() -> ModuleType:
    """The writer of folders as fMRIPrep leaves them (tests/derivatives.py)."""
    return _module("derivatives")


@pytest.fixture(scope="session")
def layout() -> ModuleType:
    """Models as MinD-Video released them, and what they do (tests/layout.py)."""
    return _module("layout")
