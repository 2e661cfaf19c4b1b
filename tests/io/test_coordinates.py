"""Whether a volume is in MNI152 space, by its name, its codes and its grid."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest

from mindvideo import checks
from mindvideo.errors import InputError
from mindvideo.io.coordinates import outside_mni
from mindvideo.io.headers import read_header
from mindvideo.settings.fmri import RegionSettings
from mindvideo.stages import regions

MNI_GRID = np.array([[8.0, 0, 0, -80], [0, 8, 0, -116], [0, 0, 8, -76], [0, 0, 0, 1]])
SHAPE = (21, 25, 22, 3)
TILT = nib.affines.from_matvec(nib.eulerangles.euler2mat(x=np.radians(12)))
FMRIPREP = "sub-01_task-film_run-1_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"


def write(folder, name="run.nii.gz", sform=(MNI_GRID, 4), qform=(MNI_GRID, 4)):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
    image = nib.Nifti1Image(values, sform[0] if sform[0] is not None else qform[0])
    image.set_qform(*qform)
    image.set_sform(*sform)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


NONE = (None, 0)
PASS = [
    ("HCP", "MNINonLinear/Results/tfMRI_WM_LR/tfMRI_WM_LR.nii.gz", (MNI_GRID, 4), (MNI_GRID, 4)),
    ("HCP by ITK", "MNINonLinear/Results/r/r.nii.gz", (MNI_GRID, 1), (MNI_GRID, 1)),
    ("Purdue", "seg1/mni/seg1_1_mni.nii.gz", (MNI_GRID, 2), NONE),
    ("Purdue, exception", "seg1/mni/test1_9.mni.nii.gz", (MNI_GRID, 1), (MNI_GRID, 1)),
    ("fMRIPrep", FMRIPREP, (MNI_GRID, 4), (MNI_GRID, 4)),
    ("fMRIPrep, older", FMRIPREP, (MNI_GRID, 1), (MNI_GRID, 1)),
    ("fMRIPrep, aligned", FMRIPREP, (MNI_GRID, 2), (MNI_GRID, 2)),
    ("FSL", "filtered_func_data.nii.gz", (MNI_GRID, 4), (MNI_GRID, 4)),
    ("sform of MNI, qform of the scanner", "run.nii.gz", (MNI_GRID, 4), (TILT @ MNI_GRID, 1)),
    ("AFNI", "sub-1_space-MNI152NLin6Asym_bold.nii.gz", (MNI_GRID, 3), NONE),
    ("SPM", "wrun_space-IXI549Space_bold.nii", (MNI_GRID, 2), (MNI_GRID, 2)),
    ("a qform alone", "run.nii.gz", NONE, (MNI_GRID, 4)),
]


@pytest.mark.parametrize(
    ("name", "sform", "qform"), [p[1:] for p in PASS], ids=[p[0] for p in PASS]
)
def test_volumes_in_mni_space_as_programs_write_them(tmp_path, name, sform, qform):
    assert outside_mni(read_header(write(tmp_path, name, sform, qform))) is None


ODD = [
    ("sub-01_space-T1w_bold.nii.gz", 4, MNI_GRID, "error", r"native space by its name \(space-T1w"),
    ("sub-01_space-T1w_bold.nii.gz", 1, TILT @ MNI_GRID, "error", r"sform_code 1: the scanner's"),
    ("sub-01_space-boldref_bold.nii.gz", 1, MNI_GRID, "error", "native space by its name"),
    ("sub-01_space-fsnative_bold.nii.gz", 1, MNI_GRID, "error", "native space by its name"),
    ("run.nii.gz", 1, TILT @ MNI_GRID, "error", r"its grid is tilted by 12.0°"),
    ("run.nii.gz", 2, TILT @ MNI_GRID, "error", r"sform_code 2: those of another image"),
    ("run.nii.gz", 1, MNI_GRID, "warning", "nothing says that it lies in MNI152 space"),
    ("run.nii.gz", 2, MNI_GRID, "warning", "fslorient -setsformcode 4"),
    ("run.nii.gz", 3, MNI_GRID, "warning", "sform_code 3: Talairach's"),
    ("run_mni.nii.gz", 3, MNI_GRID, "warning", "Talairach's"),
    ("run_mni.nii.gz", 1, TILT @ MNI_GRID, "warning", "tilted"),
    ("s1_space-MNIPediatricAsym_cohort-1_bold.nii.gz", 4, MNI_GRID, "warning", "is not known to"),
    ("s1_space-MNIInfant_cohort-2_bold.nii.gz", 4, MNI_GRID, "warning", "is not known to"),
    ("sub-01_space-UNCInfant_bold.nii.gz", 2, MNI_GRID, "warning", "space-UNCInfant is not known"),
]


@pytest.mark.parametrize(("name", "code", "affine", "level", "match"), ODD)
def test_what_speaks_against_mni_space(tmp_path, name, code, affine, level, match, caplog):
    path = write(tmp_path, name, (affine, code), (affine, code))
    problem, message = outside_mni(read_header(path))
    assert problem == level
    assert "regions.atlas: false" in message
    assert match.replace("\\", "") in message
    header, _ = checks.runs.inspect_run(str(path), "volume")
    (finding,) = checks.runs.coordinates(str(path), header)
    assert (finding.level, finding.place, finding.message) == (level, str(path), message)

    def label(**settings):
        out = {name: tmp_path / f"{name}.nii.gz" for name in ("regions", "networks")}
        regions.main(run=path, settings=RegionSettings(space="volume", **settings), **out)

    if level == "error":
        with pytest.raises(InputError, match=rf"{name}: .*regions.atlas: false"):
            label()
    else:
        with caplog.at_level(logging.WARNING):
            label()
        assert message in caplog.text


def test_a_header_without_coordinates(tmp_path):
    path = write(tmp_path, "run_mni.nii.gz", NONE, (MNI_GRID, 0))
    level, message = outside_mni(read_header(path))
    assert level == "error"
    assert "sform_code and qform_code are 0" in message
    assert "fslcpgeom" in message


def test_two_positions(tmp_path):
    path = write(tmp_path, FMRIPREP, (TILT @ MNI_GRID, 1), (MNI_GRID, 4))
    level, message = outside_mni(read_header(path))
    assert level == "error"
    assert message.startswith("has two positions: its qform is MNI152's (qform_code 4)")
    assert "fslorient -copyqform2sform" in message
    same = write(tmp_path, FMRIPREP, (MNI_GRID, 1), (MNI_GRID, 4))
    assert outside_mni(read_header(same)) is None


def test_the_check_asks_only_where_an_atlas_is_laid_on_volumes(purdue, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = purdue.described(
        "volume",
        train=["seg1", "seg2"],
        test=["test1"],
        exclude=[],
        exceptions={},
        run="{subject}/{segment}_{repeat}_space-T1w_bold.nii.gz",
        subjects={"sub1": "subject1"},
    )
    purdue.write_tree(tmp_path, dataset)

    def places(**settings):
        findings = checks.check_dataset(dataset, **settings)
        return {f.place for f in findings if "native space by its name" in f.message}

    assert places() == {run.path for run in dataset.rows}
    assert places(atlas=False) == set()
