import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis
from PIL import Image

from mindvideo.demo.rest import layout
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import N_GRAYORDINATES, grayordinates
from mindvideo.fmri.surface import flat_map
from mindvideo.io.maps import write_map
from mindvideo.io.spaces import CORTEX, Columns, Grayordinates, Grid, Space
from mindvideo.io.tables import save_table
from mindvideo.settings.evaluation import BrainFigureSettings, StripSettings
from mindvideo.stages import brain_figure
from mindvideo.stages import figures as stage
from mindvideo.stages._cortex import on_cortex, surface_of
from tests.stages.outputs import figure_paths


@pytest.fixture
def run(test_set):
    folder = test_set.folder
    scores = pd.DataFrame(test_set.rows, columns=["segment", "clip"]).assign(ssim=0.25)
    save_table(folder / "per_clip.tsv", scores)
    metrics = {"metric": ["ssim", "video_2_way"], "value": [0.2, 0.9]}
    metrics |= {"chance": [np.nan, 0.75], "null_mean": [0.1, 0.76]}
    metrics["n_clips"] = len(test_set.rows)
    save_table(folder / "metrics.tsv", pd.DataFrame(metrics))

    def main():
        out = figure_paths(folder, "strip")
        stage.main(
            reconstructions=test_set.reconstructions,
            table=test_set.table,
            clips=test_set.clips,
            metrics=folder / "metrics.tsv",
            per_clip=folder / "per_clip.tsv",
            preview=folder / "preview.webp",
            settings=StripSettings(every=5, fps=3),
            **out,
        )
        return out["strip"][0]

    return main


@pytest.fixture
def brain(tmp_path):
    """Draws the figure of the brain, from these maps or from small ones of a volume."""
    r = np.zeros((10, 12, 10), np.float32)
    r[3:6, 3:6, 3:6] = 0.4
    affine = np.diag([18.0, 18, 18, 1])
    affine[:3, 3] = (-90, -126, -72)
    for name, values in (
        ("r", r),
        ("mask", (r > 0).astype(np.uint8)),
        ("other", r[1:]),
        ("tsnr", np.full_like(r, 50)),
    ):
        image = nib.Nifti1Image(values, affine)
        image.set_sform(affine, "mni")
        image.to_filename(tmp_path / f"{name}.nii.gz")

    def main(**changed):
        maps = {
            "r": tmp_path / "r.nii.gz",
            "mask": tmp_path / "mask.nii.gz",
            "tsnr": [tmp_path / "tsnr.nii.gz"] * 2,
        }
        out = figure_paths(tmp_path, "brain")
        brain_figure.main(**maps | changed, **out, settings=BrainFigureSettings())
        return out["brain"][0]

    return main


def test_two_pictures(run, brain):
    for path in (run(), brain()):
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert np.ptp(np.asarray(picture.convert("L"))) > 100


def test_the_preview_plays_the_clips_at_their_rate(run, test_set):
    run()
    n_frames = np.load(test_set.reconstructions).shape[1]
    with Image.open(test_set.folder / "preview.webp") as preview:
        assert preview.n_frames == n_frames > 1
        assert preview.info["loop"] == 0
        frames = []
        for number in range(n_frames):
            preview.seek(number)
            frames.append(np.asarray(preview.convert("L"), float))
            assert preview.info["duration"] == 333
    assert np.abs(frames[0] - frames[1]).max() > 20


def test_maps_of_grayordinates_are_drawn_on_the_same_surface(brain, tmp_path):
    values = np.zeros(N_GRAYORDINATES)
    values[grayordinates(["V1", "MT"])] = 0.4
    space = Space(Grayordinates(layout()), np.ones(N_GRAYORDINATES, bool))
    maps = {"r": values, "mask": values > 0, "tsnr": values + 50}
    paths = {name: tmp_path / f"{name}.dscalar.nii" for name in maps}
    for name, map_values in maps.items():
        write_map(paths[name], map_values, space, name=name)
    with Image.open(brain(**paths | {"tsnr": [paths["tsnr"]]})) as picture:
        cifti = np.asarray(picture.convert("RGB"), dtype=float)
    with Image.open(brain()) as picture:
        assert np.abs(cifti - np.asarray(picture.convert("RGB"))).mean() > 1
    on_surface = on_cortex(values, values > 0, space.grid)
    areas = flat_map()[1]
    assert set(areas[on_surface > 0]) == {"V1", "MT"}
    assert np.isfinite(on_surface[areas == "V1"]).all()
    assert np.isnan(on_surface[~np.isin(areas, ["V1", "MT"])]).all()


def test_native_volumes_have_no_place_on_the_group_surface():
    grid = Grid(np.eye(4), (4, 4, 4), mni=False)
    assert np.isnan(on_cortex(np.ones((4, 4, 4)), np.ones((4, 4, 4), bool), grid)).all()


def test_maps_on_fsaverage_are_drawn_on_fsaverage5():
    for n_vertices in (10_242, 40_962):
        left, right = (
            BrainModelAxis.from_surface(np.arange(n_vertices), n_vertices, side) for side in CORTEX
        )
        grid = Grayordinates(left + right)
        values = np.tile(np.arange(1.0, n_vertices + 1), 2)
        drawn = on_cortex(values, values > 3, grid).reshape(2, -1)
        assert drawn.shape == (2, 10_242)
        assert np.isnan(drawn[:, :3]).all()
        np.testing.assert_array_equal(drawn[:, 3:], values[3:10_242][None].repeat(2, 0))
        surface = surface_of(grid)
        assert surface.meshes["inflated"].shape == (2, 10_242, 3)
        assert surface.faces.max() < 10_242
        laid = np.isfinite(surface.flat).all(axis=1).reshape(2, -1)
        assert (laid.mean(axis=1) > 0.9).all()
        assert surface.flat[:10_242][laid[0], 0].max() < surface.flat[10_242:][laid[1], 0].min()


def test_columns_of_arrays_have_no_place_on_a_surface():
    grid = Columns(pd.DataFrame({"name": ["a", "b"]}))
    drawn = on_cortex(np.ones(2), np.ones(2, bool), grid)
    assert drawn.shape == (len(flat_map()[0]),)
    assert np.isnan(drawn).all()


@pytest.mark.parametrize("name", ["mask", "tsnr"])
def test_maps_must_be_on_the_same_grid(brain, tmp_path, name):
    other = tmp_path / "other.nii.gz"
    with pytest.raises(InputError, match="not on the same grid"):
        brain(**{name: [other] if name == "tsnr" else other})


def test_results_stand_beside_chance_or_null():
    row = {"metric": "ssim", "value": 0.2, "chance": np.nan, "null_mean": 0.1}
    assert stage._result(row).replace("\xa0", " ") == "SSIM 0.20 (null 0.10)"
    row |= {"metric": "video_2_way", "chance": 0.75}
    assert stage._result(row).replace("\xa0", " ") == "video 2-way 0.20 (chance 0.75)"
