"""The simulated pre-training runs: the layout of HCP's, and something to be learned in them."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mindvideo.demo.rest import layout, visual_activity
from mindvideo.fmri.atlas import grayordinates
from mindvideo.settings.demo import DemoRestSettings
from mindvideo.settings.fmri import SampleSettings
from mindvideo.stages import demo_rest, samples

TR = 0.72
SETTINGS = DemoRestSettings(tr=TR, n_volumes=45)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("rest") / "rfMRI_REST1_LR.dtseries.nii"
    demo_rest.main(subject="hcp1", run="rfMRI_REST1_LR", dtseries=path, settings=SETTINGS)
    return path


def test_layout_is_the_91k_one(run):
    image = nib.load(run)
    series, models = (image.header.get_axis(axis) for axis in range(2))
    assert image.shape == (45, 91282)
    assert (series.step, series.unit) == (TR, "SECOND")
    assert models == layout()
    sizes = {name: where.stop or 91282 for name, where, _ in models.iter_structures()}
    assert len(sizes) == 21
    assert list(sizes)[:2] == ["CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"]
    assert list(sizes.values())[:2] == [29696, 59412]
    below = models.voxel[59412:]
    assert len(np.unique(below, axis=0)) == len(below) == 31870


def test_stage_computes_samples_of_v1_to_v4(run, tmp_path):
    out = tmp_path / "samples.npy"
    samples.main(
        runs=[run, run],
        samples=out,
        index=tmp_path / "samples.tsv",
        settings=SampleSettings(tr=TR, patch_size=16),
    )
    result = np.load(out)
    assert result.shape == (2 * 4, 4192)
    assert result.dtype == np.float32
    assert result[:4, :4183].std() == pytest.approx(1, abs=1e-3)
    assert not result[:, 4183:].any()
    columns = grayordinates(["V1", "V2", "V3", "V4"])
    values = np.asarray(nib.load(run).dataobj)[:, columns].astype(float)
    values -= values.mean(axis=0)
    means = values[:40].reshape(4, 10, -1).mean(1)
    np.testing.assert_allclose(result[:4, :4183], (means - means.mean()) / means.std(), atol=1e-3)


def test_without_centring_the_static_image_stays(run, tmp_path):
    out = tmp_path / "samples.npy"
    settings = SampleSettings(tr=TR, patch_size=16, centre=False)
    samples.main(runs=[run], samples=out, index=tmp_path / "samples.tsv", settings=settings)
    first, second = np.load(out)[:2, :4183]
    assert np.corrcoef(first, second)[0, 1] > 0.9


def test_drift_and_scale_of_samples_are_settings(run, tmp_path):
    out, drifting = tmp_path / "samples.npy", tmp_path / "rfMRI_REST1_LR.dtseries.nii"
    image = nib.load(run)
    slope = np.linspace(-1, 1, 45)[:, None] * np.linspace(0, 1e4, 91282)
    nib.save(nib.Cifti2Image(image.get_fdata() + slope, image.header), drifting)

    def rows(path, **changes):
        settings = SampleSettings(tr=TR, patch_size=16, **changes)
        samples.main(runs=[path], samples=out, index=tmp_path / "i.tsv", settings=settings)
        return np.load(out)[:, :4183]

    detrended = rows(run, detrend_order=1)
    np.testing.assert_allclose(rows(drifting, detrend_order=1), detrended, atol=1e-3)
    assert np.corrcoef(rows(drifting).ravel(), detrended.ravel())[0, 1] < 0.9
    voxels = rows(run, standardize="voxel")
    np.testing.assert_allclose(voxels.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(voxels.std(0), 1, atol=1e-5)
    assert rows(run).std(0).std() > 0.1  # by default, differences between grayordinates remain


def test_hidden_parts_of_the_cortex_can_be_predicted_from_the_rest():
    """A linear map from some of V1–V4 to others, learned on three runs, holds in a fourth."""
    runs = [visual_activity("hcp1", f"run{r}", 120, TR, seed=0) for r in range(4)]
    rng = np.random.default_rng(0)
    order = rng.permutation(4183)
    visible, hidden = order[:800], order[800:1600]
    x, y = (np.concatenate([r[part] for r in runs[:3]], axis=1) for part in (visible, hidden))
    basis = np.linalg.svd(x, full_matrices=False)[0][:, :60]
    weights = np.linalg.lstsq((basis.T @ x).T, y.T, rcond=None)[0]
    predicted = (basis.T @ runs[3][visible]).T @ weights
    assert np.corrcoef(predicted.ravel(), runs[3][hidden].T.ravel())[0, 1] > 0.9


def test_runs_and_subjects_differ_and_are_reproducible():
    def activity(subject: str, run: str) -> np.ndarray:
        return visual_activity(subject, run, 20, TR, seed=0)

    np.testing.assert_array_equal(activity("a", "x"), activity("a", "x"))
    for subject, run in (("b", "x"), ("a", "y")):
        assert (
            abs(np.corrcoef(activity("a", "x").ravel(), activity(subject, run).ravel())[0, 1]) < 0.5
        )
