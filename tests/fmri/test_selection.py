"""Selection against a loop, and what it says when nothing is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import NO_AREA, hierarchy_order, labels_of
from mindvideo.fmri.reproducibility import Reproducibility, over_segments, segment_z
from mindvideo.fmri.selection import select


def result(n: int = 400, effect: float = 1.0, seed: int = 0) -> Reproducibility:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(18, n)) * 0.18 + np.where(np.arange(n) % 4 == 0, 0.5 * effect, 0)
    return over_segments(z, "greater")


LABELS = np.random.default_rng(1).choice([1, 181, 4, 184, 23, 203, 120], 400)
SETTINGS = {"alpha": 0.01, "correction": "bonferroni", "fraction": 0.5}


@pytest.mark.parametrize("correction", ["bonferroni", "fdr_bh"])
@pytest.mark.parametrize("fraction", [0.25, 0.5, 1.0])
def test_matches_a_plain_computation(correction, fraction):
    selected = select(result(), LABELS, alpha=0.01, correction=correction, fraction=fraction)
    r = result()
    if correction == "bonferroni":
        significant = np.flatnonzero(r.p * 400 <= 0.01)
    else:
        significant = np.flatnonzero(multipletests(r.p, 0.01, "fdr_bh")[0])
    best = sorted(significant, key=lambda v: -r.t[v])[: round(fraction * len(significant))]
    assert set(selected.columns) == set(best)
    assert (selected.n_tested, selected.n_passed) == (400, len(significant))


def test_columns_follow_the_hierarchy():
    selected = select(result(), LABELS, **SETTINGS)
    chosen = LABELS[selected.columns]
    np.testing.assert_array_equal(hierarchy_order(chosen), np.arange(len(chosen)))
    assert chosen[0] == 1
    assert chosen[-1] == 120


def test_only_the_requested_areas_are_tested():
    selected = select(result(), LABELS, **SETTINGS, areas=["V1"])
    v1 = np.isin(LABELS, labels_of("V1"))
    assert v1[selected.columns].all()
    assert selected.n_tested == v1.sum()


def test_untested_voxels_do_not_count():
    whole = result()
    p = whole.p.copy()
    p[:100] = np.nan
    selected = select(Reproducibility(whole.r, whole.z, whole.t, p), LABELS, **SETTINGS)
    assert selected.n_tested == 300
    assert selected.columns.min() >= 100


def test_a_fraction_near_zero_keeps_the_best_voxel():
    selected = select(result(), LABELS, alpha=0.01, correction="bonferroni", fraction=0.0)
    assert selected.columns.tolist() == [result().t.argmax()]


def test_nothing_significant_says_the_best_p_and_what_to_change():
    noise = result(effect=0)
    assert stats.rankdata(noise.p).max() == 400
    with pytest.raises(InputError) as error:
        select(noise, LABELS, alpha=1e-9, correction="bonferroni", fraction=0.5)
    assert f"p = {noise.p.min():.2g}" in str(error.value)
    for hint in ("dataset.timing", "selection.alpha", "fdr_bh", "selection.areas"):
        assert hint in str(error.value)


def test_nothing_testable_is_an_error():
    dead = np.full(400, np.nan)
    with pytest.raises(InputError, match="None of 400 voxels can be tested"):
        select(Reproducibility(dead, dead, dead, dead), LABELS, **SETTINGS)


def test_repetitions_to_selection_agree_with_a_loop_over_voxels():
    """scipy and statsmodels, voxel by voxel, on the cleaned float32 runs of 18 segments."""
    rng = np.random.default_rng(4)
    n_voxels, strength = 60, np.linspace(0, 1.2, 60)
    segments = []
    for _ in range(18):
        film = rng.normal(size=(50, n_voxels)) * strength
        segments.append((film + rng.normal(size=(2, 50, n_voxels))).astype(np.float32))
    reproducibility = over_segments([segment_z(repetitions) for repetitions in segments], "greater")
    z = np.empty((18, n_voxels))
    for voxel in range(n_voxels):
        for row, (first, second) in enumerate(segments):
            z[row, voxel] = np.arctanh(
                stats.pearsonr(first[:, voxel].astype(float), second[:, voxel]).statistic
            )
        test = stats.ttest_1samp(z[:, voxel], 0, alternative="greater")
        assert reproducibility.z[voxel] == pytest.approx(z[:, voxel].mean(), abs=1e-6)
        assert reproducibility.r[voxel] == pytest.approx(np.tanh(z[:, voxel].mean()), abs=1e-6)
        assert reproducibility.t[voxel] == pytest.approx(test.statistic, rel=1e-6)
        assert reproducibility.p[voxel] == pytest.approx(test.pvalue, rel=1e-6, abs=1e-300)
    ours = DescrStatsW(z).ttest_mean(0, alternative="larger")
    np.testing.assert_allclose(reproducibility.t, ours[0], rtol=1e-6)
    np.testing.assert_allclose(reproducibility.p, ours[1], rtol=1e-6)
    selected = select(reproducibility, np.ones(n_voxels, int), **SETTINGS)
    significant = [v for v in range(n_voxels) if min(1, reproducibility.p[v] * n_voxels) < 0.01]
    best = sorted(significant, key=lambda v: -reproducibility.t[v])[: round(len(significant) / 2)]
    assert 5 < len(best) < n_voxels / 2
    assert sorted(selected.columns) == sorted(best)


def test_voxels_without_an_area_keep_their_order():
    selected = select(result(), np.full(400, NO_AREA), **SETTINGS)
    assert (np.diff(selected.columns) > 0).all()
