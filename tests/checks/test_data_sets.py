"""Data sets against their descriptions: a whole tree is whole, and every planted fault is named."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from nibabel.cifti2 import BrainModelAxis

from mindvideo import checks
from mindvideo.checks.files import absent
from mindvideo.cli import main
from mindvideo.contents import Digests
from mindvideo.dataset import Dataset
from mindvideo.findings import report, warning
from mindvideo.io.cifti import write_dtseries

DATA = Path("video_fmri_dataset")
FEW = {"train": ["seg1", "seg10"], "test": ["test1"], "exclude": []}


@pytest.fixture(scope="session")
def whole(purdue, tmp_path_factory):
    """All names of the Purdue data set, with a few voxels."""
    folder = tmp_path_factory.mktemp("purdue")
    purdue.write_tree(folder, purdue.described("volume"))
    purdue.write_films(folder, purdue.described("volume"))
    return folder


@pytest.fixture
def tree(whole, tmp_path, monkeypatch):
    """A copy to be broken, which is the working folder."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(subject: int, segment: str, repetition: int) -> Path:
    return DATA / f"subject{subject}/fmri/{segment}/mni/{segment}_{repetition}_mni.nii.gz"


def by_place(findings) -> dict[str, str]:
    """What is said of each place; a place is named once here, or the test is wrong."""
    assert len({f.place for f in findings}) == len(findings), findings
    return {f.place: f"{f.level}: {f.message}" for f in findings}


def change(path: Path, **changes) -> None:
    """Write a run anew with another header, affine or number of volumes."""
    image = nib.load(path)
    values = np.asarray(image.dataobj)[..., : changes.get("n")].copy()
    values[0, 0, 0, 1] += 1
    affine = image.affine.copy()
    affine[0, 3] += changes.get("shift", 0)
    new = nib.Nifti1Image(changes.get("values", values), affine)
    new.header.set_xyzt_units("mm", "sec")
    new.header.set_zooms((*image.header.get_zooms()[:3], changes.get("tr", 2)))
    nib.save(new, path)


def test_nothing_is_wrong_with_the_whole_tree(purdue, whole, monkeypatch):
    monkeypatch.chdir(whole)
    dataset = purdue.described("volume")
    assert sum(1 for _ in whole.rglob("*.nii.gz")) == 3 * (18 * 2 + 5 * 10)
    assert (whole / DATA / "subject1/fmri/test1/mni/test1_9.mni.nii.gz").is_file()
    shapes = {nib.load(run(1, s, 1)).shape[3] for s in ("seg18", "test1")}
    assert (shapes, nib.load(run(2, "test5", 10)).shape[3]) == ({245}, 246)
    assert checks.check_dataset(dataset, deep=True) == []


def test_deep_puts_all_runs_on_record_so_that_no_job_hashes_them(purdue, tree, monkeypatch):
    dataset = purdue.described("volume", **FEW)
    config = {
        "results": "found",
        "dataset": dataset.model_dump(mode="json", exclude={"runs"}),
        "pretraining_data": {"tr": 0.72, "subjects": "*", "runs": ["a"], "run": "{subject}/{run}"},
    }
    Path("config.yaml").write_text(yaml.safe_dump(config))
    main(["check-dataset", "config.yaml", "--deep", "--only", "dataset"])
    monkeypatch.setattr("mindvideo.contents.file_digest", lambda path: pytest.fail(f"reads {path}"))
    job = Digests(Path("found/digests"), "job")
    assert all(job.of(Path(run.path)) for run in dataset.rows)
    assert len(dataset.rows) > 40


def test_every_fault_is_named_in_one_report(purdue, tree, capsys):
    run(1, "seg1", 2).unlink()
    run(1, "test2", 9).rename(run(1, "test2", 9).with_name("test2_9.mni.nii.gz"))
    shutil.rmtree(DATA / "subject2/fmri/seg3")
    change(run(1, "seg4", 1), n=238)
    change(run(1, "seg5", 1), shift=3)
    shutil.copy(run(2, "seg6", 1), run(2, "seg6", 2))
    packed = run(1, "seg7", 1).read_bytes()
    run(1, "seg7", 1).write_bytes(packed[: len(packed) // 2])
    run(1, "seg8", 1).write_text("<html>not found</html>")
    nib.save(nib.Nifti1Image(np.ones((3, 4, 3), np.uint8), np.eye(4)), run(1, "seg9", 1))
    change(run(1, "seg10", 1), tr=1.5)
    models = BrainModelAxis.from_mask(np.ones(3), "CORTEX_LEFT")
    write_dtseries(Path("cifti.nii"), np.zeros((245, 3)), models, 2)
    run(1, "seg11", 1).write_bytes(gzip.compress(Path("cifti.nii").read_bytes()))
    shutil.copy(run(3, "seg12", 1), run(3, "seg12", 3))
    change(run(3, "seg12", 3))
    run(1, "seg13", 1).unlink()
    run(1, "seg13", 1).symlink_to("../.git/annex/objects/key")
    films = DATA / "stimuli"
    (films / "seg1.mp4").unlink()
    purdue.write_film(films / "seg2.mp4", 400, 30)
    purdue.write_film(films / "seg3.mp4", 490, 30)
    purdue.write_film(films / "seg4.mp4", 480, 25)
    (films / "seg5.mp4").write_text("no film")
    dataset = purdue.described("volume", exclude=["subject3 test2_9", "subject1 test2_11"])

    findings = checks.check_dataset(dataset)
    said = by_place(findings)
    for place, words in {
        run(1, "seg1", 2): "error: is missing",
        run(
            1, "test2", 9
        ): "error: is missing; did you mean test2_9.mni.nii.gz, which is not used?",
        "video_fmri_dataset/subject2/fmri/seg3/": "; 2 files expected in it: seg3_1_mni.nii.gz, …",
        run(1, "seg4", 1): "238 volumes, but 245 expected (1 before the film, 240 during it",
        run(1, "seg5", 1): "error: is on another grid (3×4×3 voxels",
        run(2, "seg6", 2): f"error: has the same content as {run(2, 'seg6', 1)}",
        run(1, "seg7", 1): "error: cut short or damaged",
        run(1, "seg8", 1): "error: is not a NIfTI or CIFTI file but a web page (HTML)",
        run(1, "seg9", 1): "error: is 3×4×3, a 3-D map; expected a 4-D run",
        run(
            1, "seg10", 1
        ): "warning: the TR in its header is 1.5 s, but dataset.tr is 2 s, which is used",
        run(1, "seg11", 1): "error: is a CIFTI file; expected a 4-D run",
        run(1, "seg13", 1): "error: is a link to ../.git/annex/objects/key, which does not exist",
        run(3, "seg12", 3): "warning: not in the description: is it another run of sub3?",
        films / "seg1.mp4": "error: is missing",
        films / "seg2.mp4": "error: the film ends after 400.00 s, 240 clips of 2 s need 480 s",
        films / "seg3.mp4": "warning: the film lasts 490.00 s, its runs 480 s",
        films / "seg4.mp4": "warning: 25 frames per second, but dataset.film_fps is 30",
        films / "seg5.mp4": "error: ffmpeg cannot decode it (",
        "dataset.exclude": "'subject1 test2_11' is not a run of this data set; did you mean",
    }.items():
        assert words in said.pop(str(place))
    assert not said

    text = report(findings)
    assert text.endswith("14 errors, 5 warnings.")
    for finding in findings:
        assert finding.place in text
        assert finding.message in text


def test_films_are_judged_by_their_pictures_as_the_stage_clips_does(purdue, tree):
    """A browser records without a duration; sound goes on after the picture, or the film before."""
    films, tone = DATA / "stimuli", ("-f", "lavfi", "-i", "sine=d=480")
    dataset = purdue.described("volume", **FEW, films={"seg10": str(films / "seg10.webm")})
    picture = ("-f", "lavfi", "-i", f"{purdue.GREY}:r=5:d=480")
    recorded = purdue.ffmpeg(*picture, "-c:v", "libvpx", "-f", "webm", "pipe:1")
    (films / "seg10.webm").write_bytes(recorded)
    purdue.write_film(films / "short.mp4", 470, 30)
    purdue.ffmpeg("-i", str(films / "short.mp4"), *tone, "-c:v", "copy", str(films / "seg1.mp4"))
    said = by_place(checks.check_dataset(dataset))
    assert said == {
        str(films / "seg1.mp4"): "error: the film ends after 470.00 s (the file states 480.00 s, "
        "as its sound may last), 240 clips of 2 s need 480 s: is the download complete, and does "
        "dataset.clips_per_segment count the clips of this segment?",
        str(films / "seg10.webm"): "warning: 5 frames per second, but dataset.film_fps is 30: is "
        "this the film of the experiment? Clips are cut by time stamps, so the rate does not "
        "matter if the duration is right",
    }
    said = by_place(checks.check_dataset(dataset.model_copy(update={"film_fps": {}}), clips=(2, 6)))
    assert said[str(films / "seg10.webm")].startswith(
        "error: 5 pictures per second, but clips.fps is 6"
    )


def test_values_are_read_when_asked_for(purdue, tree):
    few, many = (
        np.asarray(nib.load(run(1, segment, 1)).dataobj).astype(np.float32)
        for segment in ("seg1", "seg2")
    )
    few[0, 0, 0, 100] = np.nan
    many[..., 7] = np.inf
    change(run(1, "seg1", 1), values=few)
    change(run(1, "seg2", 1), values=many)
    change(run(1, "seg3", 1), values=np.ones_like(few))
    damaged = bytearray(run(1, "seg4", 1).read_bytes())
    damaged[-8] ^= 255  # the checksum
    run(1, "seg4", 1).write_bytes(damaged)
    dataset = purdue.described("volume", subjects={"sub1": "subject1"})
    assert checks.check_dataset(dataset) == []
    said = by_place(checks.check_dataset(dataset, deep=True))
    assert said.pop(str(run(1, "seg1", 1))).startswith("warning: 1 of 36 voxels are not finite")
    assert said.pop(str(run(1, "seg2", 1))) == "error: 36 of 36 voxels are not finite numbers"
    assert said.pop(str(run(1, "seg3", 1))) == "error: all voxels are constant over time"
    assert "damaged" in said.pop(str(run(1, "seg4", 1)))
    assert not said


def test_a_recording_that_is_there_twice_in_other_clothes(purdue, tree):
    def recode(source: Path, target: Path, scale: float, kind: type) -> None:
        image = nib.load(source)
        values = image.get_fdata()
        new = nib.Nifti1Image(np.round(values * scale).astype(kind), image.affine)
        new.header.set_slope_inter(1 / scale, 0)
        new.header.set_xyzt_units("mm", "sec")
        new.header.set_zooms((2, 2, 2, 2))
        nib.save(new, target)

    recode(run(1, "seg1", 1), run(1, "seg1", 2), 0.2, np.uint8)  # as its repetition
    recode(run(1, "seg2", 1), run(1, "test1", 3), 10, np.int32)  # in the test set
    recode(run(1, "seg3", 1), run(2, "seg4", 2), 3, np.float32)  # of another subject
    dataset = purdue.described(
        "volume", subjects={"sub1": "subject1", "sub2": "subject2"}, test=["test1"], exclude=[]
    )
    assert checks.check_dataset(dataset) == []
    said = by_place(checks.check_dataset(dataset, deep=True))
    for original, copy in (
        (run(1, "seg1", 1), run(1, "seg1", 2)),
        (run(1, "seg2", 1), run(1, "test1", 3)),
        (run(1, "seg3", 1), run(2, "seg4", 2)),
    ):
        assert said.pop(str(copy)).startswith(f"error: is the same recording as {original}, saved")
    assert not said


def test_headers_that_hold_anything_do_not_stop_the_walk(purdue, tree):
    broken = bytearray(gzip.decompress(run(1, "seg1", 1).read_bytes()))
    broken[252:256] = b"\1\0\0\0"  # qform_code 1, sform_code 0
    broken[256:268] = np.array([0.9, 0.8, 0.1], "<f4").tobytes()
    run(1, "seg1", 1).write_bytes(gzip.compress(broken))
    run(1, "seg10", 2).write_bytes(b"<?xml version='1.0'?><!DOCTYPE GIFTI><GIFTI>")
    change(run(2, "seg1", 1), n=200)
    said = by_place(checks.check_dataset(purdue.described("volume", **FEW | {"exceptions": {}})))
    assert "its qform is not a rotation" in said[str(run(1, "seg1", 1))]
    assert "a GIFTI file" in said[str(run(1, "seg10", 2))]
    assert "200 volumes, but 245 expected" in said[str(run(2, "seg1", 1))]


def test_what_many_files_share_is_said_once(purdue, tree):
    for segment in range(1, 7):
        change(run(1, f"seg{segment}", 1), tr=1)
    dataset = purdue.described("volume", subjects={"sub1": "subject1"}, trust_header_tr=True)
    findings = checks.check_dataset(dataset)
    assert {f.level for f in findings} == {"error"}
    text = report(findings)
    assert text.count("the TR in its header is 1 s") == 1
    assert "6 files" in text
    assert "… and 3 more (--all names them)" in text
    assert str(run(1, "seg6", 1)) not in text
    assert str(run(1, "seg6", 1)) in report(findings, everything=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(purdue, tree):
    run(1, "seg1", 1).chmod(0)
    dataset = purdue.described("volume", **FEW)
    assert "no permission" in by_place(checks.check_dataset(dataset))[str(run(1, "seg1", 1))]


def test_permissions_as_the_system_reports_them(purdue, tree, monkeypatch):
    closed = str(run(1, "seg1", 1))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != closed and may(path, mode))
    said = by_place(checks.check_dataset(purdue.described("volume", **FEW)))
    assert said == {closed: "error: no permission to read it (chmod u+r seg1_1_mni.nii.gz)"}


def test_masks_and_confounds(purdue, tree):
    affine = nib.load(run(1, "seg1", 1)).affine
    for subject, (shape, fill) in enumerate([((3, 4, 3), 1), ((3, 4, 3), 0), ((3, 3, 3), 1)], 1):
        image = nib.Nifti1Image(np.full(shape, fill, np.uint8), affine)
        nib.save(image, f"subject{subject}_mask.nii.gz")
    table = "a\tb\n" + "1\t2\n" * 245
    Path("confounds").mkdir()
    dataset = purdue.described(
        "volume",
        mask="{subject}_mask.nii.gz",
        confounds="confounds/{subject}_{segment}_{repetition}.tsv",
        train=["seg1", "seg2"],
        test=["test1"],
        exclude=[],
    )
    for row in dataset.rows:
        Path(row.confounds).write_text(table)
    Path("confounds/subject1_seg1_1.tsv").write_text(table[:-4])
    Path("confounds/subject1_seg1_2.tsv").write_text("none")
    Path("confounds/subject1_seg2_1.tsv").unlink()
    said = by_place(checks.check_dataset(dataset))
    assert said == {
        "confounds/subject1_seg1_1.tsv": "error: 244 rows, but the run has 245 volumes: "
        "does the table belong to another run? Check dataset.confounds.",
        "confounds/subject1_seg1_2.tsv": "error: 0 rows, but the run has 245 volumes: "
        "does the table belong to another run? Check dataset.confounds.",
        "confounds/subject1_seg2_1.tsv": "error: is missing",
        "subject2_mask.nii.gz": "error: this mask is empty. Set dataset.mask to "
        "the subject's mask.",
        "subject3_mask.nii.gz": "error: this mask has 3×3×3 voxels of 2×2×2 mm, origin (0, 0, 0) "
        "mm, but the runs have 3×4×3 voxels of 2×2×2 mm, origin (0, 0, 0) mm. Resample it to the "
        "runs' grid (nearest neighbour), e.g. with nilearn.image.resample_to_img.",
    }


@pytest.mark.parametrize(
    ("missing", "there", "hint"),
    [
        ("a_bold.nii.gz", ["a_bold.json"], ""),
        ("a_bold.nii.gz", ["a_bold.json", "a_bolt.nii.gz"], "; did you mean a_bolt.nii.gz"),
        ("a_bold.nii.gz", ["a_bold.json", "a_bold.nii"], "; did you mean a_bold.nii, "),
        (
            "a_bold.dtseries.nii",
            ["a_bold.dtseries.json", "a_1_bold.dtseries.nii"],
            "did you mean a_1_bold.d",
        ),
        (
            "a_timeseries.tsv",
            ["a_timeseries.json", "a_timeserie.tsv"],
            "; did you mean a_timeserie.tsv",
        ),
        ("seg1.mp4", ["seg1.tsv", "seg1.txt"], ""),
    ],
)
def test_a_missing_file_is_not_confused_with_what_lies_beside_it(tmp_path, missing, there, hint):
    for name in there:
        (tmp_path / name).touch()
    (finding,) = absent([str(tmp_path / missing)])
    assert hint in finding.message
    assert ("did you mean" in finding.message) == bool(hint)


# --- the command ----------------------------------------------------------------------------------


def test_the_command_says_how_it_went(purdue, whole, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(whole)
    segments = {"train": ["seg9", "seg10"], "test": ["test1"]}
    dataset = purdue.described("volume", **segments).model_dump(mode="json", exclude={"runs"})
    values = {
        "dataset": dataset,
        "pretraining_data": {
            "tr": 0.72,
            "subjects": ["1"],
            "runs": ["a"],
            "run": "{subject}.nii",
        },
    }
    config = tmp_path / "config.yaml"

    def command(*arguments: str) -> tuple[int, str]:
        config.write_text(yaml.safe_dump(values))
        status = main([arguments[0], str(config), *arguments[1:]])
        return status, capsys.readouterr().out

    status, said = command("check-dataset", "--only", "dataset")
    assert (status, "Nothing is missing or unusual." in said) == (0, True)
    status, said = command("check-dataset", "--only", "pretraining_data")
    assert (status, "1 error." in said) == (1, True)
    dataset["film_fps"] = {"default": 30, "seg10": 25}
    status, said = command("check-dataset", "--only", "dataset")
    assert (status, "1 warning: the workflow can run." in said) == (0, True)
    status, said = command("runs")
    assert len(said.splitlines()) == 1 + 3 * (2 + 2 + 10)


def test_a_first_run_on_another_grid_is_the_only_one_named(purdue, tree):
    mask = nib.Nifti1Image(np.ones((3, 4, 3), np.uint8), np.diag([2.0, 2, 2, 1]))
    nib.save(mask, tree / "mask.nii.gz")
    change(run(1, "seg1", 1), shift=4)
    few = FEW | {"subjects": {"sub1": "subject1"}, "mask": "mask.nii.gz"}
    findings = by_place(checks.check_dataset(purdue.described("volume", **few)))
    assert list(findings) == [str(run(1, "seg1", 1))]
    assert "than 13 other runs of sub1" in findings[str(run(1, "seg1", 1))]


def test_segments_that_only_their_numbers_tell_from_others_are_a_warning(
    purdue, whole, monkeypatch
):
    monkeypatch.chdir(whole)
    values = purdue.described("volume", **FEW).model_dump(mode="json", exclude={"runs"})
    values["timing"]["seg100"] = {"drop_start": 3, "drop_end": 2}
    values["film_fps"]["test7"] = 25
    findings = by_place(checks.check_dataset(Dataset.model_validate(values)))
    assert set(findings) == {"dataset.timing", "dataset.film_fps"}
    assert findings["dataset.timing"].startswith("warning: there is no segment 'seg100':")


def test_places_that_are_no_files_are_not_called_so():
    alike = [warning(f"dataset.timing: film{n}", "is odd") for n in range(5)]
    assert report(alike).startswith("5 places\n  warning: is odd\n  dataset.timing: film0\n")
    assert report([warning(f"a/{n}.nii", "is odd") for n in range(5)]).startswith("5 files\n")
