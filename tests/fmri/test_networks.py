"""Weights of patches are distributed over their voxels, and summed over groups of voxels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    VISUAL_AREAS,
    grayordinate_labels,
    grayordinate_networks,
    labels_of,
    network_names,
)
from mindvideo.fmri.networks import (
    NETWORKS,
    STREAMS,
    agreement,
    group_sums,
    groupings,
    in_grid_order,
    noise_ceiling,
    split_groups,
    to_voxels,
)

VOXELS = pd.DataFrame(
    {
        "column": [7, 1, 4, 9, 2],
        "area": ["V1", "V1", "FFC", "TPOJ1", np.nan],
        "network": [1, 2, 1, 14, 0],
    }
)


def test_each_patch_goes_to_the_voxels_it_was_cut_from():
    # Two patches of three voxels, the last voxel is padding.
    weights = to_voxels(np.array([0.25, 0.75]), 5, 3)
    density = np.array([0.25, 0.25, 0.25, 0.75, 0.75])
    np.testing.assert_allclose(weights, density / density.sum())


def test_even_attention_is_uniform_over_voxels_whatever_the_padding():
    np.testing.assert_allclose(to_voxels(np.full((2, 4), 0.25), 10, 3), 0.1)
    # The released code pads a whole patch where the count is a multiple already.
    np.testing.assert_allclose(to_voxels(np.full(4, 0.25), 9, 3), 1 / 9)


@pytest.mark.parametrize("n_voxels", [6, 13])
def test_voxels_of_another_selection(n_voxels):
    with pytest.raises(InputError, match="another selection"):
        to_voxels(np.full(4, 0.25), n_voxels, 3)


def test_sums_and_the_sums_of_uniform_attention():
    network, stream, area = groupings(VOXELS)
    assert network.groups == ("VisCent", "VisPeri", "TempPar", "none")
    assert stream.groups == ("V1", "ventral", "beyond", "none")
    assert area.groups == ("V1", "FFC", "TPOJ1", "none")
    np.testing.assert_allclose(network.uniform, [0.4, 0.2, 0.2, 0.2])
    values = np.array([1.0, 2, 4, 8, 16])
    np.testing.assert_allclose(network.sums(values), [5, 2, 8, 16])
    np.testing.assert_allclose(stream.sums(np.stack([values, 2 * values]))[1], [6, 8, 16, 32])
    for grouping in (network, stream, area):
        np.testing.assert_allclose(grouping.sums(np.full(5, 0.2)), grouping.uniform)


def test_sums_of_all_groupings_are_separated_again():
    all_groups = groupings(VOXELS)
    values = np.random.default_rng(0).normal(size=(3, 2, len(VOXELS)))
    together = group_sums(all_groups, values)
    parts = split_groups(all_groups, together)
    assert list(parts) == ["network", "hierarchy", "area"]
    for grouping in all_groups:
        np.testing.assert_array_equal(parts[grouping.name], grouping.sums(values))


def test_values_in_the_order_of_the_grid():
    by_column = dict(zip([7, 1, 4, 9, 2], "abcde"))
    ordered = in_grid_order(np.array(list("abcde")), VOXELS["column"].to_numpy())
    assert list(ordered) == [by_column[column] for column in sorted(by_column)]


def test_every_visual_area_is_in_one_stream():
    assert sorted(VISUAL_AREAS) == sorted(area for areas in STREAMS.values() for area in areas)


@pytest.mark.parametrize(
    ("area", "network"),
    [
        ("V1", "VisPeri"),
        ("4", "SomMotA"),
        ("VIP", "DorsAttnA"),
        ("AIP", "DorsAttnB"),
        ("TGd", "LimbicA"),
        ("OFC", "LimbicB"),
        ("RSC", "ContC"),
        ("PHA1", "DefaultC"),
        ("STSdp", "TempPar"),
        ("10r", "DefaultA"),
        ("a24", "DefaultA"),
        ("46", "SalVentAttnB"),
    ],
)
def test_names_of_networks_agree_with_anatomy(area, network):
    here = grayordinate_networks()[np.isin(grayordinate_labels(), labels_of(area))]
    if area == "RSC":  # the cingulate part
        assert network in {NETWORKS[n - 1] for n in np.unique(here[here > 0])}
    else:
        assert NETWORKS[np.bincount(here).argmax() - 1] == network


def test_networks_have_the_colours_of_their_names():
    # Of the parcellation's own table, e.g. 120 18 134 for the first visual network.
    colours = {
        NETWORKS[n - 1]: np.multiply(colour[:3], 255).round()
        for n, (_, colour) in network_names().items()
    }
    np.testing.assert_allclose(colours["VisCent"], [120, 18, 134], atol=1)
    np.testing.assert_allclose(colours["ContA"], [230, 148, 34], atol=1)
    np.testing.assert_allclose(colours["DefaultB"], [205, 62, 78], atol=1)


def test_the_noise_ceiling_is_what_the_true_signal_reaches():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal(20000)
    repetitions = signal + 1.5 * rng.standard_normal((11, 20000))
    r = np.corrcoef(repetitions[:2])[0, 1]
    for k in (1, 10):
        reached = np.corrcoef(signal, repetitions[1 : 1 + k].mean(0))[0, 1]
        assert noise_ceiling(np.array([r]), k)[0] == pytest.approx(reached, abs=0.02)
    np.testing.assert_array_equal(noise_ceiling(np.array([-0.2, np.nan, 0, 1]), 4), [0, 0, 0, 1])


def test_agreement_is_spearmans_and_its_p_counts_shifts():
    rng = np.random.default_rng(1)
    a, b = rng.random(9), rng.random(9)
    rho, p = agreement(a, b)
    assert rho == pytest.approx(spearmanr(a, b).statistic)
    shifted = [spearmanr(np.roll(a, s), b).statistic for s in range(9)]
    assert p == pytest.approx(np.mean(np.array(shifted) >= shifted[0] - 1e-9))
    assert agreement(b, b) == (pytest.approx(1), pytest.approx(1 / 9))
    assert np.isnan(agreement(np.ones(9), b)).all()


def test_areas_of_one_patch_tie_although_their_sums_are_rounded():
    """Voxels of a patch are equal; means over 1, 2, 3 … of them differ in the last digit."""
    rng = np.random.default_rng(2)
    patches, truth = np.repeat(rng.random(4), 5), rng.random(20)
    means = np.array([sum([value] * n) / n for n, value in enumerate(patches, start=1)])
    assert len(set(means)) > 4
    assert agreement(means, truth) == agreement(patches, truth)
    assert agreement(means, truth)[0] == pytest.approx(spearmanr(patches, truth).statistic)
