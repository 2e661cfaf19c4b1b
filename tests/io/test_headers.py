"""Headers are checked in one place: whatever they hold, the file is named and the check goes on."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, Cifti2MetaData, ScalarAxis, SeriesAxis

from mindvideo.checks import runs as checks
from mindvideo.demo.rest import layout
from mindvideo.errors import InputError
from mindvideo.io.cifti import write_dtseries
from mindvideo.io.headers import read_header, read_run_header
from mindvideo.io.runs import read_dtseries, read_run
from mindvideo.io.spaces import Grid, Space
from mindvideo.settings.fmri import RegionSettings, SampleSettings
from mindvideo.stages import regions, samples

AFFINE = np.array([[3.0, 0, 0, -7], [0, 3, 0, -9], [0, 0, 3, -6], [0, 0, 0, 1]])
SHAPE = (5, 6, 4, 12)
SPACE = Space(Grid(AFFINE, SHAPE[:3]), np.ones(SHAPE[:3], bool))
MODELS = BrainModelAxis.from_mask(np.ones(40), "CORTEX_LEFT")
# Offsets of the fields of a NIfTI-1 header: its C structure.
FIELDS = {
    "dim": (40, "8h"),
    "datatype": (70, "h"),
    "pixdim": (76, "8f"),
    "vox_offset": (108, "f"),
    "scl_slope": (112, "f"),
    "scl_inter": (116, "f"),
    "xyzt_units": (123, "B"),
    "intent_code": (68, "h"),
    "qform_code": (252, "h"),
    "sform_code": (254, "h"),
    "quatern": (256, "3f"),
    "srow": (280, "12f"),
    "extension": (348, "4B"),
}


def values() -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 20, SHAPE).astype(np.float32)


@pytest.fixture
def path(tmp_path) -> Path:
    image = nib.Nifti1Image(values(), AFFINE)
    image.set_sform(AFFINE, 4)
    image.set_qform(AFFINE, 4)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((3, 3, 3, 2))
    nib.save(image, tmp_path / "seg1_1.nii")
    return tmp_path / "seg1_1.nii"


def put(path: Path, **fields) -> None:
    """Change bytes of a header, as a broken program does."""
    content = bytearray(path.read_bytes())
    for name, new in fields.items():
        place, kind = FIELDS[name]
        struct.pack_into(f"<{kind}", content, place, *np.atleast_1d(new))
    path.write_bytes(content)


def common_message(path: Path, space: str = "volume") -> str:
    """Message of check-dataset and of the stages about a file: the same, with its name."""
    header, findings = checks.inspect_run(str(path), space)
    assert header is None
    (finding,) = findings
    assert (finding.level, finding.place) == ("error", str(path))
    read = {
        "volume": lambda: read_run(path, SPACE, start=0, keep=12, tr=2),
        "cifti": lambda: read_dtseries(path, np.arange(3), (np.arange(40), np.arange(0)), tr=2),
    }
    with pytest.raises(InputError) as raised:
        read[space]()
    assert str(raised.value) == f"{path}: {finding.message}"
    return finding.message


def test_a_qform_that_is_no_rotation(path):
    put(path, sform_code=0, quatern=(0.9, 0.8, 0.1))
    message = common_message(path)
    assert message.startswith("its qform is not a rotation (quaternion b, c, d = 0.9, 0.8, 0.1")
    assert "fslcpgeom" in message
    assert "fslorient" in message
    assert "etch it again" not in message
    with pytest.raises(InputError, match=r"seg1_1.nii: its qform is not a rotation"):
        regions.main(
            run=path,
            regions=path.with_name("regions.nii.gz"),
            networks=path.with_name("networks.nii.gz"),
            settings=RegionSettings(space="volume"),
        )


NO = float("nan")
ROWS = AFFINE[:3].ravel()


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"srow": np.where(np.arange(12) == 5, NO, ROWS)}, "its sform has values that are not fin"),
        ({"srow": ROWS * (np.arange(12) > 3)}, r"its sform gives voxels without a volume"),
        ({"srow": ROWS[[0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11]]}, "voxels without a volume"),
        ({"srow": np.full(12, np.inf)}, "not finite numbers"),
        (
            {"sform_code": 0, "pixdim": (1, 0, 3, 3, 2, 1, 1, 1)},
            r"its pixdim gives voxels of 0×3×3 mm",
        ),
        ({"sform_code": 0, "quatern": (NO, 0, 0)}, "its qform"),
        ({"dim": (4, 5, -6, 4, 12, 1, 1, 1)}, "its header states 5×-6×4×12 voxels"),
        ({"dim": (4, 5, 6, 0, 12, 1, 1, 1)}, "its header states 5×6×0×12 voxels"),
        ({"dim": (0, 5, 6, 4, 12, 1, 1, 1)}, "header"),
        ({"dim": (9, 5, 6, 4, 12, 1, 1, 1)}, "header"),
        ({"dim": (5, 5, 6, 4, 12, 1, 1, 1)}, "is 5×6×4×12×1: neither a 4-D.*numpy.squeeze"),
        ({"dim": (5, 5, 6, 4, 1, 12, 1, 1)}, "is 5×6×4×1×12: neither a 4-D.*numpy.squeeze"),
        ({"dim": (2, 30, 48, 1, 1, 1, 1, 1)}, "is 30×48: neither a 4-D run"),
        ({"dim": (3, 5, 6, 4, 1, 1, 1, 1)}, "is 5×6×4, a 3-D map; expected a 4-D run"),
        ({"datatype": 9999}, "its header is damaged.*data code 9999"),
        ({"datatype": 0}, "its header is damaged"),
        ({"datatype": 32}, "contains complex numbers"),
        ({"datatype": 128}, "contains colours"),
        ({"scl_slope": 2, "scl_inter": np.inf}, "its header is damaged.*intercept"),
        ({"vox_offset": NO}, "its header is damaged"),
        ({"vox_offset": -80}, "header"),
        ({"extension": (1, 0, 0, 0), "vox_offset": 400}, "extension"),
    ],
)
def test_invalid_headers_are_refused(path, fields, match):
    put(path, **fields)
    assert re.search(match, common_message(path)), common_message(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"qform_code": 1, "quatern": (0.9, 0.8, 0.1)},  # the sform goes first
        {"intent_code": 9999},
        {"scl_slope": NO, "scl_inter": NO},
        {"scl_slope": 0},
        {"sform_code": 77, "qform_code": 4},
        {"xyzt_units": 255},
        {"pixdim": (1, 3, 3, 3, NO, 1, 1, 1)},
        {"pixdim": (1, -3, 3, 3, 0, 1, 1, 1)},
        {"pixdim": (0, 0, 0, 0, 2, 1, 1, 1)},
    ],
)
def test_harmless_oddities_are_accepted(path, fields):
    put(path, **fields)
    header, findings = checks.inspect_run(str(path), "volume")
    assert not findings
    assert header.grid.same(SPACE.grid)
    run = read_run(path, SPACE, start=0, keep=12, tr=2)
    np.testing.assert_array_equal(run, values().reshape(-1, 12).T)


def test_an_extension_of_odd_size_is_skipped(path):
    content = path.read_bytes()
    note = b"\x01\0\0\0" + struct.pack("<2i", 35, 6) + b"n" * 27 + bytes(13)
    put(path, vox_offset=400)
    path.write_bytes(path.read_bytes()[:348] + note + content[352:])
    header, findings = checks.inspect_run(str(path), "volume")
    assert (findings, header.n_volumes) == ([], 12)
    run = read_run(path, SPACE, start=0, keep=12, tr=2)
    np.testing.assert_array_equal(run, values().reshape(-1, 12).T)


def test_any_header_is_read_or_named(path):
    """Random bytes in random places of the header: an InputError at most."""
    rng = np.random.default_rng(0)
    whole = path.read_bytes()
    named = 0
    for _ in range(400):
        content = bytearray(whole)
        places = rng.integers(40, 348, rng.integers(1, 12))
        content[:348] = bytes(
            rng.integers(256) if i in places else b for i, b in enumerate(content[:348])
        )
        path.write_bytes(content)
        header, findings = checks.inspect_run(str(path), "volume")
        assert (header is None) == bool(findings)
        named += bool(findings)
    assert 50 < named < 350


# --- other formats --------------------------------------------------------------------------------


def gifti() -> bytes:
    array = nib.gifti.GiftiDataArray(np.zeros(4, np.float32), intent="NIFTI_INTENT_TIME_SERIES")
    return nib.GiftiImage(darrays=[array]).to_bytes()


def minc() -> bytes:
    return b"CDF\x01" + bytes(200)


def analyze() -> bytes:
    return nib.AnalyzeHeader().binaryblock


MGZ = struct.pack(">i", 1) + bytes(300)
FOREIGN = [
    ("seg1_1.func.gii", gifti(), r"but a GIFTI file, the surface.*dataset.space: cifti"),
    ("seg1_1.nii", gifti(), r"but a GIFTI file"),
    ("seg1_1.func.gii.gz", gzip.compress(gifti(), mtime=0), r"but a GIFTI file"),
    ("seg1_1.mgz", gzip.compress(MGZ, mtime=0), r"FreeSurfer.*mri_convert"),
    ("seg1_1.mgh", struct.pack(">i", 1) + bytes(300), r"FreeSurfer volume"),
    ("seg1_1.hdr", analyze(), r"half of an Analyze or NIfTI pair.*fslchfiletype"),
    ("seg1_1.hdr", analyze()[:344] + b"ni1\0", r"half of an Analyze or NIfTI pair"),
    ("seg1_1.mnc", minc(), r"a MINC file.*mnc2nii"),
    ("seg1_1.dcm", bytes(128) + b"DICM" + bytes(60), r"a DICOM file.*dcm2niix"),
    ("seg1_1+tlrc.BRIK", bytes(range(256)), r"an AFNI data set.*3dAFNItoNIFTI"),
    ("seg1_1.nii", b"onset\tduration\n0\t480\n", r"but a text file"),
    ("seg1_1.nii.gz", b"<!DOCTYPE html><html>404</html>", r"web page.*Fetch it again"),
    ("seg1_1.nii.gz", b"version https://git-lfs.github.com/spec/v1\n", r"git lfs pull"),
    ("seg1_1.nii.gz", b"/annex/objects/MD5E-s5--1.nii.gz\n", r"datalad get"),
    ("seg1_1.nii.gz", b"PK\x03\x04" + bytes(60), r"zip archive.*mindvideo unpack"),
    ("seg1_1.npy", b"\x93NUMPY\x01\x00v" + bytes(60), r"NumPy array"),
    ("seg1_1.nii", b"\x07\x06\x05\x04" * 99, r"is not a NIfTI or CIFTI file \(it starts with"),
    ("seg1_1.nii", b"", r"^is empty"),
]


@pytest.mark.parametrize(("name", "content", "match"), FOREIGN)
@pytest.mark.parametrize("space", ["volume", "cifti"])
def test_other_formats_are_named_with_the_way_to_convert_them(
    tmp_path, name, content, match, space
):
    (tmp_path / name).write_bytes(content)
    assert re.search(match, common_message(tmp_path / name, space)), common_message(tmp_path / name)


def test_a_folder_where_a_file_was_needed(tmp_path):
    assert common_message(tmp_path) == "is a folder; expected a file."


@pytest.mark.parametrize("packed", [True, False])
def test_a_name_that_does_not_say_whether_the_file_is_packed(path, packed):
    content = path.read_bytes()
    wrong = path.with_name("wrong.nii" if packed else "wrong.nii.gz")
    wrong.write_bytes(gzip.compress(content) if packed else content)
    assert "packed (gzip), and its name" in common_message(wrong)


# --- CIFTI ----------------------------------------------------------------------------------------


@pytest.fixture
def cifti(tmp_path) -> Path:
    path = tmp_path / "seg1_1_Atlas.dtseries.nii"
    write_dtseries(path, np.random.default_rng(0).normal(1e4, 50, (12, 40)), MODELS, 2)
    return path


def test_a_cifti_1_file_is_called_that(cifti):
    content = cifti.read_bytes()
    assert content.count(b'Version="2.0"') == 1
    cifti.write_bytes(content.replace(b'Version="2.0"', b'Version="1.0"'))
    message = common_message(cifti, "cifti")
    assert message.startswith("is a CIFTI-1 file (version 1.0), an older form")
    assert "wb_command -file-convert -cifti-version-convert" in message
    assert "etch" not in message
    assert common_message(cifti, "volume") == message


def test_a_cifti_file_without_its_axes(cifti, path):
    nib.save(nib.Nifti2Image(np.zeros((1, 1, 1, 1, 12, 40), np.float32), np.eye(4)), path)
    assert "like a CIFTI file, but does not describe its axes" in common_message(path, "cifti")
    content = cifti.read_bytes()
    cifti.write_bytes(content.replace(b"<Vertex", b"<Vertfx", 1))
    assert "description of the axes is damaged" in common_message(cifti, "cifti")


def test_cifti_where_a_volume_was_needed_and_the_other_way_round(cifti, path, tmp_path):
    assert "is a CIFTI file; expected a 4-D run" in common_message(cifti, "volume")
    said = common_message(path, "cifti")
    assert "is a volume (5×6×4×12), not a dense series (.dtseries.nii). Use the CIFTI files" in said
    scalar = tmp_path / "map.dscalar.nii"
    nib.save(Cifti2Image(np.zeros((1, 40), np.float32), (ScalarAxis(["a"]), MODELS)), scalar)
    assert "but a map (scalar × grayordinates)" in common_message(scalar, "cifti")


def test_a_garbled_intent_does_not_make_a_series_a_volume(cifti):
    content = bytearray(cifti.read_bytes())
    struct.pack_into("<i", content, 504, 9999)  # intent_code of NIfTI-2
    cifti.write_bytes(content)
    header = read_run_header(cifti, "cifti")
    assert (header.n_volumes, header.tr) == (12, 2.0)


def test_axes_of_another_length_than_the_data(cifti):
    content = cifti.read_bytes()
    cifti.write_bytes(content.replace(b'NumberOfSeriesPoints="12"', b'NumberOfSeriesPoints="13"'))
    assert "its data are 12×40, but its axes are 13×40" in common_message(cifti, "cifti")


DENSE = BrainModelAxis.from_surface(np.arange(60), 100, "CIFTI_STRUCTURE_CORTEX_LEFT")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("MOVIE1_7T_AP_Atlas_1.6mm_MSMAll.dtseries.nii", "MOVIE1_7T_AP_Atlas_MSMAll.dtseries.nii"),
        ("a_space-fsLR_den-170k_bold.dtseries.nii", "a_space-fsLR_den-91k_bold.dtseries.nii"),
    ],
)
def test_a_dense_file_whose_91k_version_is_in_its_folder(tmp_path, name, other):
    path = tmp_path / name
    write_dtseries(path, np.ones((3, 60)), DENSE, 1.0)
    message = checks.inspect_run(str(path), "cifti")[1][0].message
    assert message.startswith("60 grayordinates, 60 + 0 of them cortical; expected the 91k layout")
    assert "wb_command -cifti-resample" in message
    assert "without _1.6mm" in message
    (tmp_path / other).write_bytes(path.read_bytes())  # the name alone is not enough
    assert "-cifti-resample" in checks.inspect_run(str(path), "cifti")[1][0].message
    write_dtseries(tmp_path / other, np.ones((3, 91282)), layout(), 1.0)
    message = checks.inspect_run(str(path), "cifti")[1][0].message
    assert f"{other} in the same folder is on it: name that one." in message
    with pytest.raises(InputError, match=f"{name}: 60 .*{other} in the same folder"):
        samples.main(
            runs=[path],
            samples=tmp_path / "s.npy",
            index=tmp_path / "s.tsv",
            settings=SampleSettings(tr=1, seconds=2, patch_size=16),
        )


def test_headers_of_runs_on_the_same_grayordinates_are_parsed_once(cifti, tmp_path):
    paths = [tmp_path / f"{name}.dtseries.nii" for name in ("one", "other")]
    for path in paths:
        image = Cifti2Image.from_filename(cifti)
        image.header.matrix.metadata = Cifti2MetaData({"Provenance": path.name})
        nib.save(image, path)
    headers = [read_header(path) for path in paths]
    assert paths[0].read_bytes() != paths[1].read_bytes()
    assert headers[0].grid is headers[1].grid
    assert headers[1].rows == SeriesAxis(0, 2, 12)
