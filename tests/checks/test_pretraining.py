"""Pre-training runs against their description: every planted fault is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ScalarAxis, SeriesAxis

from mindvideo import checks
from mindvideo.cli import main
from mindvideo.demo.rest import layout
from mindvideo.findings import Finding
from mindvideo.io.cifti import write_dtseries
from mindvideo.pretraining_data import Pretraining
from tests.checks.few import values


def said_of(findings: list[Finding]) -> dict[str, list[str]]:
    """What is said of each place."""
    places = dict.fromkeys(f.place for f in findings)
    return {p: [f"{f.level}: {f.message}" for f in findings if f.place == p] for p in places}


REST = Pretraining(
    tr=0.72, subjects="*", runs=["one", "two"], run="hcp/{subject}/{run}.nii", absent="skip"
)


@pytest.fixture(scope="session")
def whole_rest(tmp_path_factory):
    """Two runs of three subjects on the 91k layout, and one more subject without any."""
    folder = tmp_path_factory.mktemp("rest")
    rng = np.random.default_rng(0)
    for subject in ("9", "10", "11"):
        for path in (folder / name for name in REST.run_paths(subject)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_dtseries(path, rng.standard_normal((3, 91282)), layout(), 0.72)
    (folder / "hcp/12").mkdir()
    return folder


@pytest.fixture
def rest(whole_rest, tmp_path, monkeypatch):
    """A copy to be broken, which is the working folder."""
    shutil.copytree(whole_rest, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return REST


def test_nothing_is_wrong_with_pretraining_runs(rest):
    assert checks.check_pretraining(rest, 2.16, deep=True) == []


def test_what_can_be_wrong_with_pretraining_runs(rest):
    def write(name, axes, values=None):
        shape = tuple(map(len, axes))
        nib.save(Cifti2Image(np.zeros(shape, np.float32) if values is None else values, axes), name)

    models = BrainModelAxis.from_mask(np.ones(5), "CORTEX_LEFT")
    write("hcp/9/one.nii", (SeriesAxis(0, 0.72, 3), models))
    write("hcp/9/two.nii", (ScalarAxis(["a", "b"]), models))
    Path("hcp/10/one.nii").write_bytes(Path("hcp/10/one.nii").read_bytes()[:-1000])
    write_dtseries(Path("hcp/10/two.nii"), np.ones((2, 91282)), layout(), 2.0)
    values = np.random.default_rng(1).standard_normal((3, 91282), dtype=np.float32)
    values[:, 7], values[1, 8] = 3, np.nan
    write_dtseries(Path("hcp/11/one.nii"), values, layout(), 0.72)
    shutil.copy("hcp/11/one.nii", "hcp/11/two.nii")
    said = said_of(checks.check_pretraining(rest, 2.16, deep=True))
    assert said["hcp/9/one.nii"][0].startswith("error: 5 grayordinates, 5 + 0 of them cortical;")
    assert said["hcp/9/two.nii"][0].startswith("error: is not a dense series (.dtseries")
    assert said["hcp/10/one.nii"][0].startswith("error: cut short: ")
    assert [m[:47] for m in said["hcp/10/two.nii"]] == [
        "error: the TR in its header is 2 s, but pretrai",
        "error: 2 volumes, but a sample averages 3",
        "error: all voxels are constant over time",
    ]
    assert said["hcp/11/two.nii"][0].startswith("error: has the same content as hcp/11/one.nii")
    assert said["hcp/11/one.nii"] == [
        "warning: 1 of 91282 voxels are not finite numbers; they will be masked",
        "warning: 1 of 91282 grayordinates are constant",
    ]


def test_pretraining_runs_that_are_one_recording_or_partly_outside_the_brain(rest):
    values = np.random.default_rng(1).normal(1e4, 80, (20, 91282)).astype(np.float32)
    write_dtseries(Path("hcp/9/one.nii"), values, layout(), 0.72)
    image = Cifti2Image.from_filename("hcp/9/one.nii")
    half = np.round(values / 9).astype(np.int16)
    nib.save(Cifti2Image(half, image.header, dtype=np.int16), "hcp/11/two.nii")
    values = np.random.default_rng(2).normal(1e4, 80, (20, 91282)).astype(np.float32)
    values[:, 100:150] *= 1e-6
    write_dtseries(Path("hcp/10/two.nii"), values, layout(), 0.72)
    said = said_of(checks.check_pretraining(rest, 2.16, deep=True))
    (copy,), (outside,) = said.pop("hcp/11/two.nii"), said.pop("hcp/10/two.nii")
    assert copy.startswith("error: is the same recording as hcp/9/one.nii")
    assert outside.startswith("warning: 50 of 91282 grayordinates vary far less")
    assert not said


def test_the_advice_on_headers_with_another_tr_can_be_followed(rest):
    wrong = rest.model_copy(update={"tr": 0.8})
    problems = checks.check_pretraining(wrong, 2.16)
    assert {f.level for f in problems} == {"error"}
    assert all(
        f.message.endswith("If pretraining_data.tr is correct, set trust_header_tr: false")
        for f in problems
    )
    followed = Pretraining.model_validate(wrong.model_dump() | {"trust_header_tr": False})
    problems = checks.check_pretraining(followed, 2.16)
    assert {(f.level, f.message) for f in problems} == {
        (
            "warning",
            "the TR in its header is 0.72 s, but pretraining_data.tr is 0.8 s, which is used",
        )
    }


def test_subjects_that_are_named_and_have_no_run(rest):
    said = said_of(
        checks.check_pretraining(rest.model_copy(update={"subjects": ["9", "12"]}), 2.16)
    )
    assert list(said) == ["pretraining_data: 12"]
    every = rest.model_copy(update={"subjects": ["9", "12"], "absent": "error"})
    assert list(said_of(checks.check_pretraining(every, 2.16))) == [
        "hcp/12/one.nii",
        "hcp/12/two.nii",
    ]


def test_a_configuration_without_pretraining_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    alone = values()
    del alone["pretraining_data"]
    Path("alone.yaml").write_text(yaml.safe_dump(alone))
    main(["check-dataset", "alone.yaml"])
    said = capsys.readouterr().out
    assert "No pretraining_data: masked brain modelling starts from random weights, on each" in said
    assert "\npretraining" not in said
    assert main(["check-dataset", "alone.yaml", "--only", "pretraining_data"]) != 0
    assert "alone.yaml: there is no pretraining_data to check: set it" in capsys.readouterr().err
    Path("given.yaml").write_text(yaml.safe_dump(alone | {"given": {"pretraining": "mae"}}))
    main(["check-dataset", "given.yaml"])
    assert "No pretraining_data" not in capsys.readouterr().out
