"""What tests of several rooms share."""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

# As the command line does, before torch is loaded: threads that busy-wait for each other slow down
# tests that run at the same time several times. It changes no result.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOMS_OF_ONE_THREAD = {"decoding", "demo", "models", "stages", "training"}
"""Their small networks are fastest in one thread. Other rooms compare bytes with processes that
have as many threads as there are cores."""


FIRST = (
    *("workflow/test_chain.py", "demo/test_zoo.py", "test_losses.py", "training/test_nodes.py"),
    *("training/test_processes.py", "workflow/test_adding_a_stage.py", "workflow/test_targets.py"),
    *("workflow/test_reruns.py", "stages/test_tables.py", "workflow/test_slurm.py"),
    "workflow/test_kills.py",
)
"""Files with few tests that take long. Without `make test`'s `--no-loadscope-reorder`, pytest-xdist
would begin with the files of many tests, and one worker would be alone with these at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of such files first, so that all workers end at about the same time.

    The others that need the chain come when it is built, so that no worker waits for it.
    """
    places = {name: place for place, name in enumerate(FIRST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: places.get(str(item.path.relative_to(here)), len(FIRST)))


THREADS: list[int] = []
"""Torch's number of threads before the first change."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A thread for torch where tests run side by side.

    It is set before any fixture of the test, since rounding may depend on it.
    """
    few = item.path.parent.name in ROOMS_OF_ONE_THREAD
    if "PYTEST_XDIST_WORKER" not in os.environ or not (few or THREADS):
        return
    import torch

    THREADS[:] = THREADS or [torch.get_num_threads()]
    torch.set_num_threads(1 if few else THREADS[0])


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
