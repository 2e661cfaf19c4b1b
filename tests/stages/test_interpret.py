"""What the encoder learned: maps made by hand come back to their places, in volumes and CIFTI."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.fmri.atlas import (
    area_of,
    cortex_vertices,
    grayordinate_labels,
    project,
)
from mindvideo.io.maps import read_map, write_map
from mindvideo.io.spaces import Grayordinates, Grid, Space
from mindvideo.io.tables import save_table
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_clip
from mindvideo.settings import InterpretationFigureSettings, InterpretationSettings
from mindvideo.stages import interpret as stage
from mindvideo.stages import interpretation_figure as figure_stage

N, PATCH, DEPTH = 70, 8, 3
PATCHES = -(-N // PATCH)
OUTPUTS = "networks", "temporal", "occlusion", "agreements", "maps"


def volume_space():
    affine = nib.affines.from_matvec(np.eye(3) * 4, (-80, -116, -76))
    labels = project(affine, (41, 50, 45), 4.0)
    grid = Grid(affine, labels.shape)
    where = np.flatnonzero(labels)[::150][:N]
    mask = np.zeros(labels.size, bool)
    mask[where] = True
    return Space(grid, mask.reshape(labels.shape)), labels.ravel()[where]


def cifti_space():
    left, right, n_vertices = cortex_vertices()
    sides = [("CIFTI_STRUCTURE_CORTEX_LEFT", left), ("CIFTI_STRUCTURE_CORTEX_RIGHT", right)]
    first, second = (
        BrainModelAxis.from_surface(vertices, n_vertices, name=name) for name, vertices in sides
    )
    grid = Grayordinates(first + second)
    mask = np.zeros(grid.shape, bool)
    mask[100 : 100 + 800 * N : 800] = True
    assert mask.sum() == N
    return Space(grid, mask), grayordinate_labels()[np.flatnonzero(mask)]


@pytest.fixture(params=["volume", "cifti"])
def case(request, test_set):
    """A stage's inputs: the voxels' order is shuffled against the grid's."""
    space, labels = {"volume": volume_space, "cifti": cifti_space}[request.param]()
    folder, rng = test_set.folder, np.random.default_rng(0)
    ending = {"volume": ".nii.gz", "cifti": ".dscalar.nii"}[request.param]
    r = rng.uniform(0.1, 0.9, N)
    write_map(folder / f"r{ending}", r, space, name="r")
    write_map(folder / f"mask{ending}", np.ones(N, bool), space, name="mask")
    order = rng.permutation(N)
    networks = rng.integers(1, 18, N)
    table = {
        "column": order,
        "area": [area_of(label) for label in labels[order]],
        "network": networks[order],
    }
    save_table(folder / "voxels.tsv", pd.DataFrame(table))
    n = len(test_set.rows)
    windows = rng.standard_normal((n, 2, PATCHES * PATCH)).astype(np.float32)
    windows[..., N:] = 0
    np.save(folder / "windows.npy", windows)
    np.save(folder / "null.npy", np.zeros((2, PATCHES * PATCH), np.float32))
    save_table(folder / "runs.tsv", pd.DataFrame({"run": ["a", "b", "c"]}))
    width = load_clip("zoo:clip").model.encode_text(load_clip("zoo:clip").tokenizer(["a"])).shape[1]
    shape = {"num_voxels": PATCHES * PATCH, "patch_size": PATCH, "embed_dim": 16, "depth": DEPTH}
    shape |= {"num_heads": 2}
    for name in ("contrastive", "cotraining/fmri_encoder"):
        FmriEncoder(**shape, out_dim=width, out_channel=4).save_pretrained(folder / name)
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    MaskedAutoencoder(**shape, **decoder).save_pretrained(folder / "mbm")
    areas = sorted({area for area in table["area"] if area})
    known = pd.DataFrame({"area": areas, "content": np.arange(len(areas), dtype=float)})
    save_table(folder / "truth.tsv", known)
    inputs = {
        "windows": folder / "windows.npy",
        "table": test_set.table,
        "null_window": folder / "null.npy",
        "voxels": folder / "voxels.tsv",
        "mask": folder / f"mask{ending}",
        "r": folder / f"r{ending}",
        "runs": [folder / "runs.tsv"],
        **{name: folder / name for name in ("mbm", "contrastive", "cotraining")},
        "clips": test_set.clips,
        "truth": folder / "truth.tsv",
    }
    outputs = {name: folder / "out" / name for name in OUTPUTS}
    (folder / "out").mkdir()
    settings = InterpretationSettings(
        clip="zoo:clip",
        resamples=20,
        random_draws=1,
        path_steps=2,
        smallest_area=1,
        occlude=["network", "area"],
    )

    def main(**changed):
        stage.main(**inputs | changed, **outputs, settings=settings)
        return outputs

    return main, space, order, r, ending, inputs


def test_attention_made_by_hand_is_found_where_its_voxels_are(case, monkeypatch):
    main, space, order, r, ending, _ = case
    by_hand = np.random.default_rng(1).dirichlet(np.ones(PATCHES), size=(14, DEPTH))

    def attention(model, windows, layers, batch_size):
        rows = by_hand[:, : len(layers)]
        uniform = np.full((14, len(layers), 2, 2), 0.5)
        yield rows[:9], uniform[:9]
        yield rows[9:], uniform[9:]

    monkeypatch.setattr(stage, "attention_received", attention)
    out = main()
    density = np.repeat(by_hand[:, 1], PATCH, axis=1)[:, :N]
    expected = (density / density.sum(1, keepdims=True)).mean(0) * N
    values, grid = read_map(out["maps"] / f"attention_cotraining_middle{ending}")
    assert grid.same(space.grid)
    places = np.flatnonzero(space.mask.ravel())
    # Voxel v of the windows is column order[v] of the runs, which is place places[order[v]].
    np.testing.assert_allclose(values.ravel()[places[order]], expected, rtol=1e-5)
    assert not values[~space.mask].any()

    ceiling = read_map(out["maps"] / f"noise_ceiling{ending}")[0][space.mask]
    np.testing.assert_allclose(ceiling, np.sqrt(3 * r / (1 + 2 * r)), rtol=1e-5)


def test_tables_and_figure(case, tmp_path):
    main, *_, inputs = case
    out = main()
    networks = pd.read_csv(out["networks"], sep="\t", keep_default_na=False)
    assert set(networks["layer"]) == {"first", "middle", "last", "n/a"}
    shares = networks[networks["method"] != "contribution"]
    sums = shares.groupby(["method", "stage", "layer", "grouping"])[["value", "uniform"]].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert (networks["ci_low"] <= networks["value"] + 1e-9).all()
    assert (networks["value"] <= networks["ci_high"] + 1e-9).all()

    temporal = pd.read_csv(out["temporal"], sep="\t")
    assert set(temporal["stage"]) == {"contrastive", "cotraining"}
    rows = temporal.groupby(["stage", "layer", "volume"])["value"].sum()
    np.testing.assert_allclose(rows, 1, atol=1e-5)
    occlusion = pd.read_csv(out["occlusion"], sep="\t")
    assert occlusion["full"].between(0, 1).all()
    assert set(occlusion["grouping"]) == {"network", "area"}
    agreements = pd.read_csv(out["agreements"], sep="\t")
    assert set(agreements["method"]) == {
        "attention",
        "attribution",
        "contribution",
        "occlusion",
        "noise ceiling",
    }

    picture = tmp_path / "interpretation.png"
    figure_stage.main(
        **{name: out[name] for name in OUTPUTS},
        mask=inputs["mask"],
        figure=picture,
        settings=InterpretationFigureSettings(tr=2),
    )
    with Image.open(picture) as image:
        assert min(image.size) > 1000
        assert np.ptp(np.asarray(image.convert("L"))) > 100


def test_volumes_in_native_space_have_no_place_on_the_surface(case, tmp_path):
    main, *_, ending, inputs = case
    if ending != ".nii.gz":
        pytest.skip("grayordinates are the surface's own")
    out = main(truth=None)
    for path in (*out["maps"].iterdir(), inputs["mask"]):
        image = nib.load(path)
        image.set_sform(image.affine, 1)
        image.to_filename(path)
    picture = tmp_path / "interpretation.png"
    figure_stage.main(
        **{name: out[name] for name in OUTPUTS},
        mask=inputs["mask"],
        figure=picture,
        settings=InterpretationFigureSettings(tr=2),
    )
    assert picture.stat().st_size > 50_000


def test_without_a_truth_there_are_no_agreements(case):
    main, *_ = case
    assert pd.read_csv(main(truth=None)["agreements"], sep="\t").empty


def test_maps_of_another_selection(case):
    main, space, _, _, ending, inputs = case
    few = space.mask.copy()
    few.ravel()[np.flatnonzero(few.ravel())[0]] = False
    path = inputs["mask"].with_name(f"few{ending}")
    write_map(path, np.ones(N - 1, bool), Space(space.grid, few), name="mask")
    with pytest.raises(InputError, match="one run of `select`"):
        main(mask=path)


def test_a_truth_in_words(case):
    main, *_, inputs = case
    path = inputs["truth"].with_name("words.tsv")
    save_table(path, pd.DataFrame({"area": ["V1"], "content": ["much"]}))
    with pytest.raises(InputError, match="column content is not of numbers"):
        main(truth=path)
