"""Selection against a loop, and what it says when nothing is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy_order, labels_of
from mindvideo.fmri.reproducibility import Reproducibility, over_segments
from mindvideo.fmri.selection import select


def result(n: int = 400, effect: float = 1.0, seed: int = 0) -> Reproducibility:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(18, n)) * 0.18 + np.where(np.arange(n) % 4 == 0, 0.5 * effect, 0)
    return over_segments(z, "greater")


LABELS = np.random.default_rng(1).choice([1, 181, 4, 184, 23, 203, 120], 400)
SETTINGS = {"alpha": 0.01, "correction": "bonferroni", "share": 0.5}


@pytest.mark.parametrize("correction", ["bonferroni", "fdr_bh"])
@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_matches_a_plain_computation(correction, share):
    found = select(result(), LABELS, alpha=0.01, correction=correction, share=share)
    r = result()
    if correction == "bonferroni":
        significant = np.flatnonzero(r.p * 400 <= 0.01)
    else:
        significant = np.flatnonzero(multipletests(r.p, 0.01, "fdr_bh")[0])
    best = sorted(significant, key=lambda v: -r.t[v])[: round(share * len(significant))]
    assert set(found.columns) == set(best)
    assert (found.n_tested, found.n_significant) == (400, len(significant))


def test_columns_follow_the_hierarchy():
    found = select(result(), LABELS, **SETTINGS)
    chosen = LABELS[found.columns]
    np.testing.assert_array_equal(hierarchy_order(chosen), np.arange(len(chosen)))
    assert chosen[0] == 1
    assert chosen[-1] == 120


def test_only_the_areas_asked_for_are_tested():
    found = select(result(), LABELS, **SETTINGS, areas=["V1"])
    v1 = np.isin(LABELS, labels_of("V1"))
    assert v1[found.columns].all()
    assert found.n_tested == v1.sum()


def test_untested_voxels_do_not_count():
    whole = result()
    p = whole.p.copy()
    p[:100] = np.nan
    found = select(Reproducibility(whole.r, whole.z, whole.t, p), LABELS, **SETTINGS)
    assert found.n_tested == 300
    assert found.columns.min() >= 100


def test_a_share_near_zero_keeps_the_best_voxel():
    found = select(result(), LABELS, alpha=0.01, correction="bonferroni", share=0.0)
    assert found.columns.tolist() == [result().t.argmax()]


def test_nothing_significant_says_the_best_p_and_what_to_change():
    noise = result(effect=0)
    assert stats.rankdata(noise.p).max() == 400
    with pytest.raises(InputError) as error:
        select(noise, LABELS, alpha=1e-9, correction="bonferroni", share=0.5)
    assert f"p = {noise.p.min():.2g}" in str(error.value)
    for hint in ("dataset.timing", "selection.alpha", "fdr_bh", "selection.areas"):
        assert hint in str(error.value)


def test_nothing_testable_is_an_error():
    dead = np.full(400, np.nan)
    with pytest.raises(InputError, match="None of 400 voxels can be tested"):
        select(Reproducibility(dead, dead, dead, dead), LABELS, **SETTINGS)
