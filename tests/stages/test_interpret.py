"""Interpretation of the encoder: maps return to their voxels, in volumes and in CIFTI."""

import shutil
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.io.maps import read_map, write_map
from mindvideo.io.spaces import Space
from mindvideo.io.tables import save_table
from mindvideo.settings.interpretation import InterpretationFigureSettings
from mindvideo.stages import attention
from mindvideo.stages import interpretation_figure as figure_stage
from tests.stages.encoders import DEPTH, PATCH, PATCHES, STAGES_OF_TRAINING, TABLES, N


@pytest.fixture(scope="module")
def computed(cases):
    """Call it with volume or cifti: a case of which all three stages have run."""

    @cache
    def of(kind):
        case = cases(kind)
        case.run_all()
        return case

    return of


@pytest.fixture(params=["volume", "cifti"])
def case(request, computed, tmp_path):
    return computed(request.param).in_folder(tmp_path)


@pytest.fixture
def volume(computed, tmp_path):
    return computed("volume").in_folder(tmp_path)


def test_given_attention_is_mapped_to_its_voxels(case, monkeypatch):
    attention_of_patches = np.random.default_rng(1).dirichlet(np.ones(PATCHES), size=(14, DEPTH))

    first_values = np.load(case.inputs["windows"])[:, 0, 0]

    def received(model, windows, layers, batch_size):
        of_batch = attention_of_patches[np.isin(first_values, windows[:, 0, 0])]
        yield of_batch[:, : len(layers)], np.full((len(windows), len(layers), 2, 2), 0.5)

    monkeypatch.setattr(attention, "attention_received", received)
    for stage in STAGES_OF_TRAINING:
        case.run("attention", stage, case.folder / "methods" / stage, case.folder / "state" / stage)
    out = case.interpret()
    density = np.repeat(attention_of_patches[:, 1], PATCH, axis=1)[:, :N]
    expected = (density / density.sum(1, keepdims=True)).mean(0) * N
    values, grid = read_map(out["maps"] / f"attention_cotraining_middle{case.ending}")
    assert grid.same(case.space.grid)
    places = np.flatnonzero(case.space.mask.ravel())
    # Voxel v of the windows is column order[v] of the runs, which is place places[order[v]].
    np.testing.assert_allclose(values.ravel()[places[case.order]], expected, rtol=1e-5)
    assert not values[~case.space.mask].any()

    ceiling = read_map(out["maps"] / f"noise_ceiling{case.ending}")[0][case.space.mask]
    np.testing.assert_allclose(ceiling, np.sqrt(3 * case.r / (1 + 2 * case.r)), rtol=1e-5)


def test_tables_and_figure(case, tmp_path):
    out = case.interpret()
    networks = pd.read_csv(out["networks"], sep="\t", keep_default_na=False)
    assert set(networks["layer"]) == {"first", "middle", "last", "n/a"}
    fractions = networks[networks["method"] != "contribution"]
    sums = fractions.groupby(["method", "stage", "layer", "grouping"])[["value", "uniform"]].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert (networks["ci_low"] <= networks["value"] + 1e-9).all()
    assert (networks["value"] <= networks["ci_high"] + 1e-9).all()

    temporal = pd.read_csv(out["temporal"], sep="\t")
    assert set(temporal["stage"]) == {"contrastive", "cotraining"}
    rows = temporal.groupby(["stage", "layer", "volume"])["value"].sum()
    np.testing.assert_allclose(rows, 1, atol=1e-5)
    assert (temporal["uniform"] == 0.5).all()
    occlusion = pd.read_csv(out["occlusion"], sep="\t")
    assert occlusion["full"].between(0, 1).all()
    assert set(occlusion["grouping"]) == {"network", "area"}
    agreements = pd.read_csv(out["agreements"], sep="\t")
    tested = agreements.dropna(subset="p")
    assert len(tested)
    assert tested["p_min"].to_numpy() == pytest.approx(1 / tested["n_areas"])
    assert (tested["p"] >= tested["p_min"]).all()
    assert set(agreements["method"]) == {
        "attention",
        "attribution",
        "contribution",
        "occlusion",
        "noise ceiling",
    }

    picture = tmp_path / "interpretation.png"
    figure_stage.main(
        **{name: out[name] for name in TABLES},
        mask=case.inputs["mask"],
        figure=[picture],
        settings=InterpretationFigureSettings(tr=2),
    )
    with Image.open(picture) as image:
        assert min(image.size) > 1000
        assert np.ptp(np.asarray(image.convert("L"))) > 100


def test_drops_are_those_of_the_scores(volume):
    out = volume.interpret()
    place = volume.folder / "methods" / "contrastive"
    sets = pd.read_csv(place / "occlusion.tsv", sep="\t")
    means = np.load(place / "occlusion.npy").mean(axis=1)
    drops = pd.read_csv(out["occlusion"], sep="\t")
    drops = drops[(drops["stage"] == "contrastive") & (drops["grouping"] == "network")]
    for row in drops.itertuples():
        of_group = (sets["grouping"] == "network") & (sets["group"] == row.group)
        kinds = {kind: means[rows.index] for kind, rows in sets[of_group].groupby("occluded")}
        assert row.full == pytest.approx(means[0])
        assert row.drop_value == pytest.approx(means[0] - kinds["group"][0])
        assert row.random_low == pytest.approx(means[0] - kinds["random"].max())
        assert row.random_high == pytest.approx(means[0] - kinds["random"].min())
        assert row.alone == pytest.approx(kinds["others"][0])


def test_native_volumes_without_truth_have_neither_agreements_nor_surface_maps(volume, tmp_path):
    out = volume.interpret(truth=None)
    assert pd.read_csv(out["agreements"], sep="\t").empty
    mask = Path(shutil.copy(volume.inputs["mask"], tmp_path))
    for path in (*out["maps"].iterdir(), mask):
        image = nib.load(path)
        image.set_sform(image.affine, 1)
        image.to_filename(path)
    picture = tmp_path / "interpretation.png"
    figure_stage.main(
        **{name: out[name] for name in TABLES},
        mask=mask,
        figure=[picture],
        settings=InterpretationFigureSettings(tr=2),
    )
    assert picture.stat().st_size > 50_000


def test_mask_of_another_selection(case):
    few = case.space.mask.copy()
    few.ravel()[np.flatnonzero(few.ravel())[0]] = False
    path = case.inputs["mask"].with_name(f"few{case.ending}")
    write_map(path, np.ones(N - 1, bool), Space(case.space.grid, few), name="mask")
    with pytest.raises(InputError, match="one run of `select`"):
        case.interpret(mask=path)


def test_truth_must_be_numeric(volume):
    path = volume.inputs["truth"].with_name("words.tsv")
    save_table(path, pd.DataFrame({"area": ["V1"], "content": ["much"]}))
    with pytest.raises(InputError, match="column content is not numeric"):
        volume.interpret(truth=path)


def test_sums_of_other_windows(volume, tmp_path):
    few = pd.read_csv(volume.inputs["table"], sep="\t")[:9]
    save_table(tmp_path / "few.tsv", few)
    with pytest.raises(
        InputError, match=r"has shape \(14, 3, .*need \(9, 3, .*Run its stage again"
    ):
        volume.interpret(table=tmp_path / "few.tsv")
    save_table(tmp_path / "one.tsv", few[:1])
    with pytest.raises(InputError, match="1 windows, but at least 2"):
        volume.interpret(table=tmp_path / "one.tsv")
