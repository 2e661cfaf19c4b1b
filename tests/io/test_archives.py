"""Archives zipped twice: read in place, unpacked whole or not at all, never out of their folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from mindvideo.cli import main
from mindvideo.errors import InputError
from mindvideo.io import archives

FILES = {
    "subject1/fmri/seg1/mni/seg1_1_mni.nii.gz": os.urandom(200_000),
    "subject1/fmri/test1/mni/test1_9.mni.nii.gz": b"odd name" * 1000,
    "stimuli/seg1.mp4": b"film" * 50_000,
}


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def twice(path: Path, files: dict[str, bytes], how: int, prefix: str = "") -> Path:
    inner = zipped({prefix + name: content for name, content in files.items()})
    path.write_bytes(zipped({"10.4231/readme.txt": b"read me", "10.4231/bundle.zip": inner}, how))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


STORED_AND_DEFLATED = pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


@STORED_AND_DEFLATED
@pytest.mark.parametrize("prefix", ["", "video_fmri_dataset/", "x/video_fmri_dataset/", "x/y/"])
def test_an_archive_is_unpacked_to_the_described_tree(tmp_path, capsys, how, prefix):
    archive = twice(tmp_path / "purdue.zip", FILES, how, prefix)
    assert main(["unpack", str(archive), "--to", str(tmp_path / "here")]) == 0
    expected = {f"video_fmri_dataset/{name}": content for name, content in FILES.items()}
    unpacked = tree(tmp_path / "here")
    assert unpacked.pop("video_fmri_dataset/10.4231/readme.txt") == b"read me"
    assert unpacked == expected
    assert ": 4; already there: 0" in capsys.readouterr().out


def test_a_stored_inner_zip_is_not_written_to_disk(tmp_path, monkeypatch):
    def refuse(**_):
        raise AssertionError("a spill file was made")

    monkeypatch.setattr(archives.tempfile, "TemporaryFile", refuse)
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    with archives.members(archive) as members:
        assert [m.name for m in members][1:] == list(FILES)
        assert members[1].open().read() == FILES[members[1].name]
    twice(archive, FILES, zipfile.ZIP_DEFLATED)
    with pytest.raises(AssertionError, match="spill"), archives.members(archive):
        pass


def test_an_inner_zip_with_the_headers_of_large_files(tmp_path):
    inner = zipped(FILES)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as outer:
        with outer.open("bundle.zip", "w", force_zip64=True) as member:
            member.write(inner)
    with archives.members(tmp_path / "a.zip") as members:
        assert {m.name: m.open().read() for m in members} == FILES


def test_an_archive_of_one_subject_goes_to_that_subject(tmp_path):
    archive = tmp_path / "subject2_fmri.zip"
    archive.write_bytes(zipped({"bundle.zip": zipped({"fmri/seg1/mni/seg1_1_mni.nii.gz": b"1"})}))
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 0
    assert list(tree(tmp_path / "to")) == [
        "video_fmri_dataset/subject2/fmri/seg1/mni/seg1_1_mni.nii.gz"
    ]


def test_listing_writes_nothing(tmp_path, capsys):
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    assert main(["unpack", "--list", str(archive), "--to", str(tmp_path / "to")]) == 0
    assert "200,000  " in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["a.zip"]


def test_only_missing_or_incomplete_files_are_unpacked(tmp_path, capsys):
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    command = ["unpack", str(archive), "--to", str(tmp_path)]
    assert main(command) == 0
    data = tmp_path / "video_fmri_dataset"
    cut, kept = data / "stimuli/seg1.mp4", data / "subject1/fmri/seg1/mni/seg1_1_mni.nii.gz"
    cut.write_bytes(b"fil3" * 50_000)
    before = kept.stat().st_mtime_ns
    assert main(command) == 0
    assert ": 1; already there: 3" in capsys.readouterr().out
    assert cut.read_bytes() == FILES["stimuli/seg1.mp4"]
    assert kept.stat().st_mtime_ns == before


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.99])
@STORED_AND_DEFLATED
def test_a_truncated_archive(tmp_path, capsys, how, fraction):
    archive = twice(tmp_path / "a.zip", FILES, how)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(fraction * len(whole))])
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 1
    message = capsys.readouterr().err
    assert "a.zip cannot be read (BadZipFile" in message
    assert "cut short or damaged: fetch it again" in message
    assert not tree(tmp_path / "to")


@STORED_AND_DEFLATED
def test_a_truncated_inner_archive(tmp_path, capsys, how):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"bundle.zip": zipped(FILES)[:-5000]}, how))
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 1
    assert "a.zip › bundle.zip cannot be read" in capsys.readouterr().err


def test_a_damaged_member_leaves_no_half_file(tmp_path, capsys):
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[100_000:100_100] = bytes(100)
    archive.write_bytes(content)
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 1
    message = capsys.readouterr().err
    assert "a.zip › 10.4231/bundle.zip: subject1/fmri/seg1/mni/seg1_1_mni.nii.gz" in message
    assert list(tree(tmp_path / "to")) == ["video_fmri_dataset/10.4231/readme.txt"]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil"])
def test_names_that_lead_out_of_the_folder(tmp_path, capsys, name):
    archive = tmp_path / "a.zip"
    info = zipfile.ZipInfo()
    info.filename = name
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as outer:
        outer.writestr("good", b"1")
        outer.writestr(info, b"2")
    archive.write_bytes(zipped({"b.zip": inner.getvalue()}))
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 1
    assert "leads out of the folder: nothing of this archive is unpacked" in capsys.readouterr().err
    assert not tree(tmp_path / "to")


def test_a_link_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as outer:
        outer.writestr(info, "/etc/passwd")
    with pytest.raises(InputError, match="'link' is a link"), archives.members(tmp_path / "a.zip"):
        pass


def test_two_files_for_one_place(tmp_path, capsys):
    inner = {"a/subject1/x": b"1", "b/subject1/x": b"2"}
    (tmp_path / "a.zip").write_bytes(zipped(inner))
    assert main(["unpack", str(tmp_path / "a.zip"), "--to", str(tmp_path)]) == 1
    assert "two files would be" in capsys.readouterr().err


def test_too_little_room(tmp_path, capsys, monkeypatch):
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    assert main(["unpack", str(archive), "--to", str(tmp_path / "to")]) == 1
    assert "are needed, 0.0 GB are free" in capsys.readouterr().err


def test_no_archive(tmp_path, capsys):
    assert main(["unpack", str(tmp_path / "a.zip")]) == 1
    assert "no such file" in capsys.readouterr().err
    (tmp_path / "a.zip").write_text("<html>Not found</html>")
    assert main(["unpack", str(tmp_path / "a.zip")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(tmp_path, capsys):
    archive = twice(tmp_path / "a.zip", FILES, zipfile.ZIP_STORED)
    assert main(["unpack", str(archive), "--to", str(archive)]) == 1
    assert "a.zip: File exists" in capsys.readouterr().err
