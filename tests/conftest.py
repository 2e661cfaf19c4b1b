"""What tests of several rooms share."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def purdue() -> ModuleType:
    """The writer of trees that look like the Purdue data set (tests/purdue.py)."""
    spec = importlib.util.spec_from_file_location("purdue", Path(__file__).with_name("purdue.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["purdue"] = module
    spec.loader.exec_module(module)
    return module
