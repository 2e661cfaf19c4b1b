"""check-dataset on runs of all forms, and settings that do not fit them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mindvideo import checks
from mindvideo.checks.settings import check_settings
from mindvideo.config import check_config
from mindvideo.errors import InputError

HCP = {"tr": 0.72, "subjects": ["x"], "runs": ["y"], "run": "{subject}_{run}.dtseries.nii"}
DATASET = {
    "name": "mine",
    "tr": 2.0,
    "lag": 0,
    "clips_per_segment": {"default": 20},
    "subjects": {"one": "01"},
    "train": ["film1", "film2"],
    "test": ["film3"],
    "repetitions": {"train": 2, "test": 2},
    "film": "{segment}.mp4",
    "timing": {"default": {"drop_start": 0, "drop_end": 0}},
}
ARRAY = {"space": "array", "run": "{subject}.npz::{segment}_{repetition}", "voxels": "table.tsv"}


def config_of(changes, **sections):
    values = {"dataset": DATASET | changes, "pretraining_data": HCP}
    return check_config(values | sections, "config")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    keys = [f"film{film}_{repetition}" for film in (1, 2, 3) for repetition in (1, 2)]
    np.savez("01.npz", **{key: rng.standard_normal((20, 300)) for key in keys})
    lines = ["area\tnetwork", *(f"{'V1' if n < 9 else 'spot'}\tVis" for n in range(300))]
    (tmp_path / "table.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def messages(changes, **options):
    found = checks.check_dataset(config_of(changes).dataset, **options)
    of_runs = [finding for finding in found if not finding.place.endswith(".mp4")]
    return [
        f"{finding.place}: {finding.message}" for finding in of_runs if finding.level == "error"
    ]


def test_arrays_of_an_archive_are_runs(folder):
    assert not messages(ARRAY, deep=True)
    (folder / "table.tsv").write_text("area\nV1\n")
    assert len(messages(ARRAY)) == 6
    assert "20×300 (volumes × columns), but the columns described are 1" in messages(ARRAY)[0]
    wrong = messages(ARRAY | {"run": "{subject}.npz::{segment}-{repetition}"})
    assert "01.npz::film1-1: has no array 'film1-1'; did you mean 'film1_1'" in wrong[0]
    (folder / "table.tsv").unlink()
    assert any("table.tsv: is missing" in message for message in messages(ARRAY))


def test_areas_of_arrays_are_those_of_their_table(folder):
    def found(**selection):
        config = config_of(ARRAY, selection={"criterion": "threshold", "min_r": 0.3} | selection)
        return [
            finding.message
            for finding in check_settings(config)
            if finding.place.startswith(("selection", "regions"))
        ]

    assert not found(areas=["V1", "spot"])
    assert any("'spt' is not an area of these runs" in message for message in found(areas=["spt"]))
    (folder / "table.tsv").write_text("x\n" + "1\n" * 300)
    assert any("none has an area by its name" in message for message in found(areas=["V1"]))


@pytest.mark.parametrize(
    ("changes", "sections", "match"),
    [
        ({"space": "gifti", "run": "{subject}{segment}{repetition}.gii"}, {}, "write {hemi}"),
        ({"run": "{subject}{segment}{repetition}{hemi}.nii"}, {}, "is for dataset.space: gifti"),
        ({"run": "{subject}.h5::{segment}{repetition}"}, {}, "needs dataset.space: array"),
        (ARRAY | {"run": "{subject}{segment}{repetition}.mat"}, {}, "a run is one of .h5"),
        (ARRAY | {"run": "{subject}.npy::{segment}{repetition}"}, {}, "an array in one of .h5"),
        ({"run": "{subject}{segment}{repetition}.nii", "voxels": "x"}, {}, "space is volume"),
        (ARRAY, {"clean": {"smooth": 4}}, "clean.smooth: 4 mm, but the runs are array, which have"),
        (
            {"space": "gifti", "run": "{subject}{segment}{repetition}{hemi}.gii"},
            {"clean": {"smooth": 4}},
            "wb_command -metric-smoothing",
        ),
        (
            {"run": "{subject}{segment}{repetition}.nii"},
            {"regions": {"labels": "x.dlabel.nii"}},
            "regions.labels: x.dlabel.nii, but the runs are volumes",
        ),
    ],
)
def test_settings_that_do_not_fit_the_form(changes, sections, match):
    with pytest.raises(InputError, match=re.escape(match)):
        config_of(changes, **sections)
