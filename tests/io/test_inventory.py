"""Headers, lengths and samples of files, and broken files."""

from __future__ import annotations

import gzip
import os

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, Cifti2Image, ParcelsAxis, SeriesAxis

from mindvideo.errors import InputError
from mindvideo.io.inventory import inspect, read_values, sampled_digest

AFFINE = np.array([[2.0, 0, 0, -9], [0, 2, 0, -8], [0, 0, 2, -7], [0, 0, 0, 1]])
MODELS = BrainModelAxis.from_mask(np.ones(40), "CORTEX_LEFT")


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal((3, 4, 5, 12)).astype(np.float32)


@pytest.fixture
def path(tmp_path, values):
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((2, 2, 2, 1500))
    nib.save(image, tmp_path / "run.nii.gz")
    return tmp_path / "run.nii.gz"


def test_a_volumes_header(path):
    header = inspect(path)
    assert (header.n_volumes, header.tr, header.is_cifti) == (12, 1.5, False)
    assert str(header.grid) == "3×4×5 voxels of 2×2×2 mm, origin (-9, -8, -7) mm"


@pytest.mark.parametrize("kind", [nib.Nifti2Image, nib.Nifti1Image])
@pytest.mark.parametrize("order", ["<", ">"])
def test_all_forms_of_header(tmp_path, values, kind, order):
    image = kind(values, AFFINE, kind.header_class(endianness=order))
    nib.save(image, tmp_path / "run.nii")
    header = inspect(tmp_path / "run.nii")
    assert header.n_volumes == 12
    np.testing.assert_array_equal(header.grid.affine, AFFINE)


def test_a_dense_series_header(tmp_path):
    path = tmp_path / "a.dtseries.nii"
    nib.save(Cifti2Image(np.zeros((7, 40), np.float32), (SeriesAxis(0, 2, 7), MODELS)), path)
    header = inspect(path)
    assert (header.n_volumes, header.tr, header.is_cifti) == (7, 2.0, True)
    assert header.grid.shape == (40,)
    assert len(header.grid.vertices[0]) == 40
    assert not len(header.grid.vertices[1])
    nib.save(
        Cifti2Image(np.zeros((7, 40), np.float32), (SeriesAxis(0, 2, 7, "HERTZ"), MODELS)), path
    )
    assert inspect(path).tr == 0


def test_other_axes(tmp_path):
    parcels = ParcelsAxis.from_brain_models([("a", MODELS[:4]), ("b", MODELS[4:])])
    image = Cifti2Image(np.zeros((7, 2), np.float32), (SeriesAxis(0, 2, 7), parcels))
    nib.save(image, tmp_path / "a.ptseries.nii")
    assert inspect(tmp_path / "a.ptseries.nii").n_volumes == 7
    image = Cifti2Image(np.zeros((2, 2), np.float32), (parcels, parcels))
    nib.save(image, tmp_path / "a.pconn.nii")
    with pytest.raises(InputError, match="axes are parcels × parcels"):
        inspect(tmp_path / "a.pconn.nii")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"<html>not found</html>", "is not a NIfTI or CIFTI file"),
        ((348).to_bytes(4, "little") + b"x" * 40, "cut short: only 44 bytes of a header"),
    ],
)
def test_no_image(tmp_path, content, match):
    for name, packed in (("a.nii", content), ("a.nii.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(packed)
        with pytest.raises(InputError, match=match):
            inspect(tmp_path / name)


@pytest.mark.parametrize("fraction", [0, 0.01, 0.5, 0.999])
def test_a_truncated_file(path, fraction):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(InputError, match=r"cut short|cannot be read|is empty"):
        inspect(path)
    unpacked = path.with_suffix("")
    content = gzip.decompress(whole)
    unpacked.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(InputError, match=r"cut short|is empty"):
        inspect(unpacked)


def test_a_file_packed_in_blocks_is_whole(path):
    content = gzip.decompress(path.read_bytes())
    blocks = [content[i : i + 1000] for i in range(0, len(content), 1000)]
    path.write_bytes(b"".join(map(gzip.compress, [*blocks, b""])))
    assert inspect(path).n_volumes == 12
    path.write_bytes(b"".join(map(gzip.compress, blocks[:-1])))
    with pytest.raises(InputError, match=r"cut short or damaged"):
        inspect(path)


def test_equal_files_have_equal_samples(tmp_path):
    content = bytearray(os.urandom(3_000_000))
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(content)
    content[-1] ^= 1
    (tmp_path / "c").write_bytes(content)
    digests = [sampled_digest(tmp_path / name) for name in ("a", "b", "c")]
    assert digests[0] == digests[1] != digests[2]


def test_odd_values_are_counted(tmp_path, values):
    values[0, 0, 0, 3], values[1, :, 0] = np.inf, 4
    nib.save(nib.Nifti1Image(values, AFFINE), tmp_path / "a.nii.gz")
    summary = read_values(inspect(tmp_path / "a.nii.gz"), 8, 5)
    assert (summary.n_voxels, summary.not_finite, summary.constant) == (60, 1, 4)
    flat = values.reshape(60, 12).T
    np.testing.assert_array_equal(summary.sample, flat[-5:, [0, 8, 16, 25, 33, 42, 50, 59]])
    alive = np.isfinite(flat).all(axis=0) & (flat != flat[0]).any(axis=0)
    np.testing.assert_allclose(summary.sd, flat[:, alive].std(axis=0), rtol=1e-5)
