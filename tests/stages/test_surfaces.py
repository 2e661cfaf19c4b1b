"""The page of surface maps, from maps in volume and in CIFTI space."""

import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis

from mindvideo.demo.rest import layout
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import N_GRAYORDINATES, grayordinates, mesh_points
from mindvideo.fmri.surface import flat_map
from mindvideo.io.maps import write_map
from mindvideo.io.spaces import CORTEX, Columns, Grayordinates, Grid, Space
from mindvideo.settings.evaluation import SurfaceSettings
from mindvideo.stages import surfaces
from tests.surfaces import page_data, values_of

RECORDED = ["r", "t", "selected", "tsnr"]


class Case:
    """Maps of r = 0.4 in V1, of 0.2 elsewhere where something was measured."""

    def __init__(self, folder, kind):
        endings = {"cifti": ".dscalar.nii", "fsaverage6": ".dscalar.nii", "array": ".tsv"}
        self.folder, self.ending = folder, endings.get(kind, ".nii.gz")
        if kind == "cifti":
            grid = Grayordinates(layout())
            measured = np.ones(N_GRAYORDINATES, bool)
            measured[grayordinates(["MT"])] = False
            self.r = np.full(N_GRAYORDINATES, 0.2)
            self.r[grayordinates(["V1"])] = 0.4
        elif kind == "fsaverage6":
            sides = (BrainModelAxis.from_surface(np.arange(40_962), 40_962, s) for s in CORTEX)
            grid = Grayordinates(sum(sides, next(sides)))
            measured, self.r = np.ones(2 * 40_962, bool), np.full(2 * 40_962, 0.4)
        elif kind == "array":
            grid = Columns(pd.DataFrame({"name": ["a", "b", "c"]}))
            measured, self.r = np.ones(3, bool), np.array([0.4, 0.2, 0.2])
        else:
            affine = np.diag([6.0, 6, 6, 1])
            affine[:3, 3] = (-90, -126, -72)
            grid = Grid(affine, (31, 37, 31), mni=kind == "volume")
            measured = np.ones(grid.shape, bool)
            measured[:, 30:] = False  # the front
            self.r = np.full(grid.shape, 0.2)
            self.r[:, :10] = 0.4  # the back
        self.space = Space(grid, measured)
        selected = self.r > 0.3
        self.write("r", self.r)
        self.write("t", 10 * self.r)
        self.write("mask", selected)
        self.write("tsnr", 100 * self.r)
        (folder / "maps").mkdir()
        for name in ("attention_cotraining_first", "contribution_cotraining", "noise_ceiling"):
            self.write(f"maps/{name}", np.where(selected, 1.5, 0))

    def write(self, name, values):
        write_map(self.path(name), values[self.space.mask], self.space, name=name)

    def path(self, name):
        return self.folder / f"{name}{self.ending}"

    def run(self, model="sub1", **changes):
        inputs = {name: self.path(name) for name in ("r", "t", "mask")}
        page = self.folder / "page.html"
        surfaces.main(
            model=model,
            **inputs | {"tsnr": [self.path("tsnr")] * 3} | changes,
            page=page,
            settings=SurfaceSettings(dataset="tiny"),
        )
        return page.read_text(encoding="utf-8")


@pytest.fixture(params=["volume", "cifti"])
def case(request, tmp_path):
    return Case(tmp_path, request.param)


def test_maps_are_on_the_surface_in_their_place(case):
    page = case.run()
    assert [entry["key"] for entry in page_data(page)["maps"]] == RECORDED
    areas = flat_map()[1]
    r = values_of(page, "r")
    assert np.nanmedian(r[areas == "V1"]) == pytest.approx(0.4, abs=1e-3)
    assert np.nanmedian(r[areas == "4"]) == pytest.approx(0.2, abs=1e-3)
    assert np.nanmedian(values_of(page, "t")[areas == "V1"]) == pytest.approx(4, abs=1e-2)
    assert np.nanmedian(values_of(page, "tsnr")[areas == "V1"]) == pytest.approx(40, abs=1e-2)
    assert np.nanmedian(values_of(page, "selected")[areas == "V1"]) == 1
    front = mesh_points("midthickness_MSMAll")[:, 1] > 60
    unmeasured = areas == "MT" if case.ending == ".dscalar.nii" else front
    assert np.isnan(r[unmeasured]).all()
    assert np.isnan(r[areas == ""]).all()
    assert "2 degrees of freedom" in page_data(page)["maps"][1]["unit"]
    assert "<h1>tiny, sub1: maps on the cortex</h1>" in page


def test_maps_of_the_encoder_are_added_where_they_are_given(case):
    page = case.run(model="sub1/variants/window-1", maps=case.folder / "maps")
    maps = page_data(page)["maps"][len(RECORDED) :]
    assert [entry["name"] for entry in maps] == [
        "Attention after co-training, first layer",
        "Contribution after co-training",
        "Noise ceiling",
    ]
    assert [entry["unit"] for entry in maps] == ["times uniform", "cosine", "correlation"]
    areas = flat_map()[1]
    for entry in maps:
        values = values_of(page, entry["key"])
        assert np.nanmedian(values[areas == "V1"]) == pytest.approx(1.5, abs=1e-3)
        assert np.isnan(values[areas == "4"]).all()  # not selected
    assert "<h1>tiny, sub1, variant window-1: maps on the cortex</h1>" in page


def test_a_page_is_small_enough_to_send(case):
    recorded = len(case.run())
    every = len(case.run(maps=case.folder / "maps"))
    assert recorded < 6e6
    assert (every - recorded) / 3 < 0.2e6  # of a map


def test_native_volumes_are_told_what_they_need(tmp_path):
    page = Case(tmp_path, "native").run()
    data = page_data(page)
    assert "resample the runs to MNI152 space" in data["notice"]
    assert "maps" not in data
    assert len(page) < 50_000


def test_maps_on_fsaverage_are_shown_on_fsaverage5(tmp_path):
    case = Case(tmp_path, "fsaverage6")
    page = case.run(maps=tmp_path / "maps")
    assert len(page_data(page)["maps"]) == len(RECORDED) + 3
    r = values_of(page, "r")
    assert r.shape == (2 * 10_242,)
    assert r == pytest.approx(0.4, abs=1e-3)


def test_the_page_of_arrays_says_that_they_are_on_no_surface(tmp_path):
    case = Case(tmp_path, "array")
    data = page_data(case.run(maps=tmp_path / "maps"))
    assert "(3 columns (name)) are on no surface" in data["notice"]
    assert "maps" not in data


def test_maps_must_be_on_one_grid(tmp_path):
    case = Case(tmp_path, "volume")
    grid = Grid(np.diag([9.0, 9, 9, 1]), (5, 5, 5), mni=True)
    other = tmp_path / "other.nii.gz"
    write_map(other, np.ones(125), Space(grid, np.ones(grid.shape, bool)), name="t")
    with pytest.raises(InputError, match=r"other\.nii\.gz .* are not on the same grid"):
        case.run(t=other)
