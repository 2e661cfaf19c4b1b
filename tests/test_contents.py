"""What files contain is read once, and then known by size and time."""

import json
import os
import shutil
from pathlib import Path

import pytest

from mindvideo.contents import Digests, content_of, file_digest, touch_recorded
from mindvideo.io.sidecars import sidecar_path


@pytest.fixture
def reads(monkeypatch):
    """Files that are opened to be hashed."""
    opened = []

    def counted(path):
        opened.append(Path(path).name)
        return file_digest(path)

    monkeypatch.setattr("mindvideo.contents.file_digest", counted)
    return opened


def write_output(path, text="content"):
    """A file or folder as a stage leaves it, with its sidecar."""
    if text is None:
        (path / "deep").mkdir(parents=True)
        (path / "a").write_text("a")
        (path / "deep" / "b").write_text("b")
    else:
        path.write_text(text)
    sidecar_path(path).write_text(json.dumps({"content": content_of(path)}))
    return path


def test_a_folder_is_its_names_and_contents(tmp_path):
    (tmp_path / "x").write_text("1")
    first = file_digest(tmp_path)
    (tmp_path / "x").write_text("2")
    second = file_digest(tmp_path)
    (tmp_path / "x").rename(tmp_path / "y")
    third = file_digest(tmp_path)
    assert len({first, second, third}) == 3
    (tmp_path / ".snakemake_timestamp").touch()
    assert file_digest(tmp_path) == third


@pytest.mark.parametrize("text", ["content", None])
def test_what_a_stage_made_is_known_by_its_sidecar(tmp_path, reads, text):
    path = write_output(tmp_path / "made", text)
    reads.clear()
    digest = Digests(None, "").of(path)
    assert reads == []
    assert digest == file_digest(path)


@pytest.mark.parametrize("text", ["content", None])
def test_an_edit_is_noticed_in_spite_of_the_sidecar(tmp_path, text):
    path = write_output(tmp_path / "made", text)
    before = Digests(None, "").of(path)
    (path if text else path / "a").write_text("of the same size"[: len(text or "a")])
    assert Digests(None, "").of(path) != before


def test_a_file_more_in_a_folder_is_noticed(tmp_path):
    path = write_output(tmp_path / "made", None)
    before = Digests(None, "").of(path)
    (path / "c").write_text("c")
    assert Digests(None, "").of(path) != before


def test_a_copied_folder_has_its_content_and_is_read_once(tmp_path, reads):
    """cp -r model copy; rm -r model; mv copy model."""
    path, kept = write_output(tmp_path / "model", None), tmp_path / "digests"
    before = Digests(None, "").of(path)
    shutil.copytree(path, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(path)
    (tmp_path / "copy").rename(path)
    reads.clear()
    digests = Digests(kept, "snakemake")
    assert digests.of(path) == before
    digests.save()
    assert sorted(set(reads)) == ["a", "b"]
    reads.clear()
    assert Digests(kept, "snakemake").of(path) == before
    assert reads == []


def test_a_raw_file_that_one_process_has_read_is_known_to_all(tmp_path, reads):
    raw, kept = tmp_path / "run.nii.gz", tmp_path / "digests"
    raw.write_text("2 GB")
    job = Digests(kept, "job")
    digest = job.of(raw)
    job.save()
    assert reads == ["run.nii.gz"]
    waiting = Digests(kept, "snakemake")
    assert waiting.of(raw) == digest
    assert job.of(raw) == digest
    assert reads == ["run.nii.gz"]


def test_a_touched_raw_file_is_read_once_more(tmp_path, reads):
    raw, kept = tmp_path / "run.nii.gz", tmp_path / "digests"
    raw.write_text("2 GB")
    first = Digests(kept, "job")
    digest = first.of(raw)
    first.save()
    os.utime(raw, (1, 1))
    for _ in range(2):
        later = Digests(kept, "snakemake")
        assert later.of(raw) == digest
        later.save()
    assert reads == ["run.nii.gz"] * 2


def test_others_digests_that_come_later_are_found(tmp_path, reads):
    raw, kept = tmp_path / "run.nii.gz", tmp_path / "digests"
    waiting = Digests(kept, "snakemake")
    (tmp_path / "other").write_text("1")
    waiting.of(tmp_path / "other")
    raw.write_text("2 GB")
    job = Digests(kept, "job")
    job.of(raw)
    job.save()
    reads.clear()
    waiting.of(raw)
    assert reads == []


def test_a_full_disk_costs_a_reading_and_no_result(tmp_path, monkeypatch):
    (tmp_path / "run").write_text("1")

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    digests = Digests(tmp_path / "digests", "job")
    monkeypatch.setattr(Path, "write_text", refuse)
    assert digests.of(tmp_path / "run")
    digests.save()


def test_snakemakes_touch_of_an_output_leaves_its_sidecar_right(tmp_path, reads):
    path = write_output(tmp_path / "made")
    reads.clear()
    touch_recorded(path, lambda: os.utime(path, (5, 5)))
    assert Digests(None, "").of(path) == file_digest(path)
    assert reads == []
    path.write_text("other")
    touch_recorded(path, lambda: os.utime(path, (6, 6)))
    assert Digests(None, "").of(path) == file_digest(path)


def test_digests_lie_where_they_did_though_the_folder_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").write_text("1")
    digests = Digests(Path("digests"), "job")
    digests.of(Path("run"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    digests.save()
    assert (tmp_path / "digests/job.json").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_by_hand_the_digests_of_the_results_are_found(tmp_path, monkeypatch):
    monkeypatch.delenv("MINDVIDEO_DIGESTS", raising=False)
    (tmp_path / "results/digests").mkdir(parents=True)
    (tmp_path / "run").write_text("1")
    digests = Digests.near(tmp_path / "results/sub1/clean/seg1.npy", "job")
    digests.of(tmp_path / "run")
    digests.save()
    assert (tmp_path / "results/digests/job.json").exists()
