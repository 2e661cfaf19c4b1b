"""Snakemake compares inputs by content, folders too, and reads hardly any of them."""

import asyncio
import os
import shutil
from types import SimpleNamespace

import pytest
import snakemake.api  # first: its other modules import each other in a circle
from snakemake.io import _IOFile

from mindvideo.contents import Digests
from mindvideo.workflow import check_beyond_ancient, compare_by_content


@pytest.fixture
def checksum(tmp_path, monkeypatch):
    for name in ("checksum", "is_checksum_eligible"):
        monkeypatch.setattr(_IOFile, name, getattr(_IOFile, name))
    monkeypatch.setenv("MINDVIDEO_DIGESTS", "")
    compare_by_content(tmp_path / "digests")

    def of(path):
        iocache = SimpleNamespace(active=False, checksum={}, exists_local={}, exists={})
        workflow = SimpleNamespace(iocache=iocache)
        rule = SimpleNamespace(workflow=workflow, pathvars=SimpleNamespace(apply=str))
        return asyncio.run(_IOFile(str(path), rule).checksum(1))

    return of


def test_files_of_any_size_and_folders_have_a_checksum(tmp_path, checksum):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_text("much more than one byte")
    for path in (tmp_path / "model", tmp_path / "model/weights"):
        assert checksum(path) == f"sha256:{Digests(None, '').of(path)}"
    assert checksum(tmp_path / "absent") is None


def test_the_copy_of_a_folder_is_the_same(tmp_path, checksum):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_text("weights")
    before = checksum(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "copy")
    os.utime(tmp_path / "copy/weights", (1, 1))
    assert checksum(tmp_path / "copy") == before


def test_another_snakemake_is_refused_by_name(monkeypatch, tmp_path):
    monkeypatch.delattr(_IOFile, "is_checksum_eligible")
    with pytest.raises(RuntimeError, match=r"this version of Snakemake .*envs/requirements.lock"):
        compare_by_content(tmp_path)
    monkeypatch.delattr(snakemake.dag.DAG, "bfs")
    with pytest.raises(RuntimeError, match="decides which jobs run in a way that"):
        check_beyond_ancient()
