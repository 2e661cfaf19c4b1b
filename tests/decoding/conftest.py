"""The tiny folder of results that all tests of decoding read."""

import contextlib

import pytest

from tests.decoding.tiny import write_results


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """The folder in which the workflow ran: runs/, results/sub1, untrained/sd."""
    folder = tmp_path_factory.mktemp("place")
    with contextlib.chdir(folder):
        write_results()
    return folder


@pytest.fixture(scope="session")
def results(place):
    return place / "results/sub1"
