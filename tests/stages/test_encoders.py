"""Attention, attribution, occlusion of one encoder: their outputs, and how they resume."""

import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri.networks import Grouping
from mindvideo.io import kept
from mindvideo.io.kept import KeptRows
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.settings.interpretation import OcclusionSettings
from mindvideo.stages.occlusion import occlusion_sets
from tests.stages.encoders import DEPTH, OUTPUTS, SETTINGS, N


@pytest.fixture(scope="module")
def case(cases):
    return cases("volume")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stop:
    """Stops the process at a call of KeptRows.put, or after all rows (if `at` is None)."""

    def __init__(self, monkeypatch, at, saved):
        self.calls, self.at = 0, at
        put, array = KeptRows.put, KeptRows.array

        def stopping_put(rows, *arguments, **values):
            if self.calls == at:
                raise SystemExit(143)
            self.calls += 1
            put(rows, *arguments, **values)

        def stopping_array(*arguments):
            if at is None:
                raise SystemExit(143)
            return array(*arguments)

        monkeypatch.setattr(KeptRows, "put", stopping_put)
        monkeypatch.setattr(KeptRows, "array", stopping_array)
        monkeypatch.setattr(KeptRows, "__exit__", lambda *_: None)  # as after kill -9
        monkeypatch.setattr(kept, "SECONDS", 0.0 if saved else 1e9)


def run_small(case, method, folder, state):
    small = SETTINGS[method]
    if method == "occlusion":
        small = small.model_copy(update={"occlude": ["network"], "random_draws": 1})
    return case.run(method, "cotraining", folder, state, settings=small)


@pytest.fixture(scope="module", params=OUTPUTS)
def whole(request, case, tmp_path_factory):
    """A method, its files if nothing stops it, and how often it keeps rows."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:
        counted = Stop(patched, "never", saved=True)
        files = contents(run_small(case, request.param, folder / "out", folder / "state"))
    return request.param, files, counted.calls


@pytest.mark.parametrize("at", [0, 1, 3, None])
def test_stopped_anywhere_and_resumed_the_files_are_the_same(
    case, tmp_path, monkeypatch, whole, at
):
    method, expected, calls = whole

    def run(folder, state):
        return run_small(case, method, folder, state)

    for saved in (True, False):
        place, state = tmp_path / f"out-{saved}", tmp_path / f"state-{saved}"
        with monkeypatch.context() as patched:
            stopped = Stop(patched, at, saved)
            with pytest.raises(SystemExit):
                run(place, state)
        assert not contents(place)
        with monkeypatch.context() as patched:
            resumed = Stop(patched, "never", saved)
            run(place, state)
        assert contents(place) == expected
        assert resumed.calls == calls - (stopped.calls if saved else 0)


def test_attention_of_each_window_sums_to_one(case, tmp_path):
    folder = case.run("attention", "contrastive", tmp_path / "out", tmp_path / "state")
    table = pd.read_csv(folder / "attention.tsv", sep="\t")
    assert table["layer"].tolist() == ["first", "middle", "last"]
    assert set(table["stage"]) == {"contrastive"}
    maps, sums = np.load(folder / "attention.npy"), np.load(folder / "attention_groups.npy")
    assert maps.shape == (DEPTH, N)
    np.testing.assert_allclose(maps.sum(axis=1), 1)
    np.testing.assert_allclose(sums.sum(axis=2), 3, rtol=1e-6)  # one for each grouping
    temporal = pd.read_csv(folder / "temporal.tsv", sep="\t")
    assert len(temporal) == len(sums) * DEPTH * 2 * 2
    of_query = temporal.groupby(["layer", "window", "volume"])["value"].sum()
    np.testing.assert_allclose(of_query, 1, rtol=1e-6)


def test_masked_brain_modelling_has_its_weights_and_no_temporal_attention(case, tmp_path):
    folder = case.run("attention", "mbm", tmp_path / "mbm", tmp_path / "state1")
    assert pd.read_csv(folder / "temporal.tsv", sep="\t").empty
    before = np.load(folder / "attention.npy")
    other = MaskedAutoencoder.from_pretrained(case.inputs["mbm"])
    other.patch_embed.proj.weight.data *= -3
    other.save_pretrained(tmp_path / "model")
    case = case.in_folder(tmp_path, mbm=tmp_path / "model")
    changed = case.run("attention", "mbm", tmp_path / "other", tmp_path / "state2")
    assert np.abs(np.load(changed / "attention.npy") - before).max() > 1e-6


def test_contributions_sum_to_the_gain_and_attributions_to_one(case, tmp_path):
    folder = case.run("attribution", "contrastive", tmp_path / "out", tmp_path / "state")
    table = pd.read_csv(folder / "attribution.tsv", sep="\t")
    assert table["method"].tolist() == ["attribution", "contribution"]
    attribution, contribution = np.load(folder / "attribution.npy")
    assert (attribution >= 0).all()
    np.testing.assert_allclose(attribution.sum(), 1, rtol=1e-6)
    sums = np.load(folder / "attribution_groups.npy")
    np.testing.assert_allclose(sums[:, 0].sum(axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(sums[:, 1].mean(axis=0).sum(), 3 * contribution.sum(), rtol=1e-5)


def test_occlusion_scores_each_set_of_voxels(case, tmp_path):
    folder = case.run("occlusion", "contrastive", tmp_path / "out", tmp_path / "state")
    table = pd.read_csv(folder / "occlusion.tsv", sep="\t")
    scores = np.load(folder / "occlusion.npy")
    assert scores.shape == (len(table), 14)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert table.loc[0, ["occluded", "n_voxels"]].tolist() == ["nothing", 0]
    of_network = table[table["grouping"] == "network"].groupby("group")["occluded"]
    expected = sorted(["group", "random", "random", "others"])
    assert all(sorted(kinds) == expected for _, kinds in of_network)
    assert set(table.loc[table["grouping"] == "area", "occluded"]) == {"group"}


GROUPINGS = [
    Grouping("network", ("a", "b"), np.array([0] * 4 + [1] * 16)),
    Grouping("hierarchy", ("c", "d"), np.array([0] * 13 + [1] * 7)),
]


def random_sets(**changed):
    settings = OcclusionSettings(clip="zoo:clip", **changed)
    table, masks = occlusion_sets(GROUPINGS, settings)
    assert table["n_voxels"].tolist() == masks.sum(axis=1).tolist()
    random = table["occluded"] == "random"
    return {group: masks[rows.index] for group, rows in table[random].groupby("group")}


def test_random_voxels_depend_on_the_seed_and_the_group_alone():
    both, one = random_sets(), random_sets(occlude=["hierarchy"])
    assert {group: len(masks) for group, masks in both.items()} == dict.fromkeys("abcd", 5)
    assert (both["a"].sum(axis=1) == 4).all()
    np.testing.assert_array_equal(one["d"], both["d"])
    np.testing.assert_array_equal(random_sets(random_draws=2)["d"], both["d"][:2])
    assert (random_sets(seed=1)["d"] != both["d"]).any()
    assert len({mask.tobytes() for masks in both.values() for mask in masks}) == 20


def test_another_clip_than_the_encoder_was_trained_with(case, tmp_path, monkeypatch):
    embed = "mindvideo.stages._encoders.embed_in_batches"
    monkeypatch.setattr(embed, lambda *_: np.zeros((14, 5), np.float32))
    with pytest.raises(InputError, match="have 5 dimensions"):
        case.run("occlusion", "contrastive", tmp_path / "out", tmp_path / "state")


def test_a_null_window_of_another_size(case, tmp_path):
    np.save(tmp_path / "null.npy", np.zeros((3, 9), np.float32))
    case = case.in_folder(tmp_path, null_window=tmp_path / "null.npy")
    with pytest.raises(InputError, match=r"has shape \(3, 9\)"):
        case.run("attribution", "contrastive", tmp_path / "out", tmp_path / "state")


def test_each_stage_has_only_its_settings():
    assert set(SETTINGS["attention"].model_dump()) == {
        *("layers", "batch_size", "precision", "tf32")
    }
    expected = {"smallest_area", "resamples", "block", "seed", "by"}
    assert set(SETTINGS["interpret"].model_dump()) == expected
