"""Runs on surfaces, dense series and parcels through the stages, with a known answer."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ParcelsAxis, SeriesAxis

from mindvideo.checks.runs import inspect_run
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import NO_AREA, cortex_vertices, grayordinate_labels, on_vertices
from mindvideo.io.cifti import save_dense, write_dtseries
from mindvideo.io.maps import read_label_names, read_labels, read_map
from mindvideo.io.runs import read_run
from mindvideo.io.spaces import CORTEX, Grayordinates, Parcels
from mindvideo.run_files import files_of
from mindvideo.settings.fmri import RegionSettings
from mindvideo.stages import regions
from tests.fmri.forms import N_KEPT, N_VOLUMES, SEGMENTS, through_the_stages, values_of


def write_gifti(path: Path, sides: list[np.ndarray], tr: float = 2.0) -> None:
    for file, values, side in zip(files_of(path), sides, ("CortexLeft", "CortexRight")):
        meta = {"AnatomicalStructurePrimary": side, "TimeStep": str(tr)}
        arrays = [
            nib.gifti.GiftiDataArray(
                volume.astype(np.float32),
                intent="NIFTI_INTENT_TIME_SERIES",
                datatype="NIFTI_TYPE_FLOAT32",
                meta=nib.gifti.GiftiMetaData(meta),
            )
            for volume in values
        ]
        nib.save(nib.GiftiImage(darrays=arrays), file)


# --- surfaces -------------------------------------------------------------------------------------


def gifti_runs(folder, seeing, sizes, space):
    def run_of(segment, repetition):
        path = folder / f"{SEGMENTS[segment]}_{repetition}_hemi-{{hemi}}_space-{space}.func.gii"
        values = values_of(sum(sizes), seeing, segment, repetition)
        write_gifti(path, np.split(values, [sizes[0]], axis=1))
        return path

    return run_of


def test_pairs_of_gifti_files_on_fslr_32k_have_glassers_areas(tmp_path):
    labels = on_vertices(grayordinate_labels())
    v1 = np.flatnonzero(np.isin(labels, [1, 181]))
    run_of = gifti_runs(tmp_path, v1, (32_492, 32_492), "fsLR")
    chosen, table, grid = through_the_stages(tmp_path, "gifti", run_of, areas=["V1", "V2"])
    np.testing.assert_array_equal(np.flatnonzero(chosen), v1)
    assert set(table["area"]) == {"V1"}
    assert set(table["structure"]) == {"CORTEX_LEFT", "CORTEX_RIGHT"}
    assert set(table["network"]) <= {1, 2, 5, 6, 8, 15}
    assert len(grid.models) == 2 * 32_492
    assert not chosen[labels == 0].any()
    assert nib.load(tmp_path / "mask.dscalar.nii").header.get_axis(1).nvertices == dict.fromkeys(
        CORTEX, 32492
    )


def test_fsaverage5_has_no_areas_until_labels_are_named(tmp_path, caplog):
    seeing = np.array([5, 77, 10_242 + 9, 10_242 + 400])
    run_of = gifti_runs(tmp_path, seeing, (10_242, 10_242), "fsaverage5")
    chosen, table, _ = through_the_stages(tmp_path, "gifti", run_of)
    np.testing.assert_array_equal(np.flatnonzero(chosen), seeing)
    assert table["area"].isna().all()
    assert (table["label"] == NO_AREA).all()
    assert "no areas are known on fsaverage5: all 20484 vertices" in caplog.text
    assert "regions.labels" in caplog.text

    pair = tmp_path / "{hemi}.label.gii"
    for file, side, named in zip(files_of(pair), ("L", "R"), ("V1", "place")):
        keys = np.zeros(10_242, np.int32)
        keys[[5, 9, 77]] = 3
        table = nib.gifti.GiftiLabelTable()
        for key, name in ((0, "???"), (3, f"{side}_{named}")):
            entry = nib.gifti.GiftiLabel(key, 1, 1, 1, 1)
            entry.label = name
            table.labels.append(entry)
        array = nib.gifti.GiftiDataArray(
            keys, intent="NIFTI_INTENT_LABEL", datatype="NIFTI_TYPE_INT32"
        )
        nib.save(nib.GiftiImage(labeltable=table, darrays=[array]), file)
    labels = [Path(file) for file in files_of(pair)]
    chosen, table, _ = through_the_stages(tmp_path, "gifti", run_of, labels=labels, areas=["place"])
    assert np.flatnonzero(chosen).tolist() == [10_242 + 9]
    assert table["area"].tolist() == ["place"]
    assert read_label_names(tmp_path / "regions.dlabel.nii")[NO_AREA + 1] == "place"
    values = read_map(tmp_path / "regions.dlabel.nii")[0]
    assert (values[5], values[10_242 + 9], values[6]) == (1, NO_AREA + 1, NO_AREA)
    with pytest.raises(InputError, match=r"'MT2' is not an area of these runs.*place"):
        through_the_stages(tmp_path, "gifti", run_of, labels=labels, areas=["MT2"])


def test_what_is_wrong_with_a_pair(tmp_path):
    path = tmp_path / "run_hemi-{hemi}.func.gii"
    left, right = (np.zeros((4, 10), np.float32) for _ in range(2))
    write_gifti(path, [left, right])
    header, problems = inspect_run(str(path), "gifti")
    assert (header.n_volumes, header.tr, len(header.grid.models), problems) == (4, 2.0, 20, [])
    files = [Path(file) for file in files_of(path)]
    kept = files[1].read_bytes()
    files[1].write_bytes(files[0].read_bytes())
    assert (
        "AnatomicalStructurePrimary CortexLeft, but"
        in inspect_run(str(path), "gifti")[1][0].message
    )
    files[1].unlink()
    assert (
        "the hemisphere right of this run is missing"
        in inspect_run(str(path), "gifti")[1][0].message
    )
    write_gifti(path, [left, right[:3]])
    assert "4 volumes, and" in inspect_run(str(path), "gifti")[1][0].message
    files[0].write_bytes(kept[: len(kept) // 2])
    assert "damaged" in inspect_run(str(path), "gifti")[1][0].message
    files[0].write_bytes(bytes(400))
    assert "is not a GIFTI file" in inspect_run(str(path), "gifti")[1][0].message


def test_other_meshes_are_other_grids(tmp_path):
    run_of = gifti_runs(tmp_path, np.array([1]), (10, 10), "own")
    path = run_of(0, 1)
    space = read_labels_space(tmp_path, path)
    other = gifti_runs(tmp_path, np.array([1]), (12, 10), "other")(0, 1)
    how = {"start": 1, "keep": N_KEPT, "tr": 2}
    assert read_run(path, space, **how).shape == (N_KEPT, 20)
    with pytest.raises(InputError, match=r"another grid.*12 \+ 10 .*10 \+ 10"):
        read_run(other, space, **how)


def read_labels_space(folder, path):
    out = {name: folder / f"{name}.dlabel.nii" for name in ("regions", "networks")}
    left, right = map(Path, files_of(path))
    regions.main(run=left, right=right, settings=RegionSettings(space="gifti"), **out)
    return read_labels(out["regions"])[1]


def models_59k(left: np.ndarray, right: np.ndarray) -> BrainModelAxis:
    return BrainModelAxis.from_surface(left, 59_292, CORTEX[0]) + BrainModelAxis.from_surface(
        right, 59_292, CORTEX[1]
    )


def test_dense_series_of_the_59k_meshes(tmp_path, caplog):
    models = models_59k(np.arange(0, 59_292, 40), np.arange(1, 59_292, 40))
    models += BrainModelAxis(
        name="CIFTI_STRUCTURE_THALAMUS_LEFT",
        voxel=np.array([[1, 2, 3]]),
        affine=np.eye(4),
        volume_shape=(5, 5, 5),
    )
    seeing = np.array([3, len(models) - 2])

    def run_of(segment, repetition):
        path = tmp_path / f"{SEGMENTS[segment]}_{repetition}_1.6mm.dtseries.nii"
        write_dtseries(path, values_of(len(models), seeing, segment, repetition), models, 2.0)
        return path

    chosen, table, _ = through_the_stages(tmp_path, "cifti", run_of)
    np.testing.assert_array_equal(np.flatnonzero(chosen), seeing)
    assert table["vertex"].tolist() == [120, int(models.vertex[-2])]
    assert read_map(tmp_path / "regions.dlabel.nii")[0][-1] == 0  # subcortical
    assert "no areas are known on fsLR 59k" in caplog.text

    labels = tmp_path / "areas.dlabel.nii"
    every = models_59k(np.arange(59_292), np.arange(59_292))
    numbers = np.zeros((1, len(every)))
    numbers[0, 120] = 7
    names = {0: ("???", (0, 0, 0, 0)), 7: ("L_MT_ROI", (1, 1, 1, 1))}
    save_dense(labels, numbers, LabelAxis(["areas"], [names]), Grayordinates(every))
    chosen, table, _ = through_the_stages(tmp_path, "cifti", run_of, labels=[labels], areas=["MT"])
    assert np.flatnonzero(chosen).tolist() == [3]
    assert table["area"].tolist() == ["MT"]
    few = BrainModelAxis.from_surface(np.arange(9), 9, CORTEX[0])
    save_dense(labels, np.ones((1, 9)), LabelAxis(["areas"], [names]), Grayordinates(few))
    with pytest.raises(InputError, match=r"labels on meshes of 9 .*resample the labels"):
        through_the_stages(tmp_path, "cifti", run_of, labels=[labels])


def test_91k_is_named_where_it_lies_next_to_170k(tmp_path, caplog):
    left, right, n = cortex_vertices()
    sparse = BrainModelAxis.from_surface(left, n, CORTEX[0])
    sparse += BrainModelAxis.from_surface(right, n, CORTEX[1])
    write_dtseries(tmp_path / "m.dtseries.nii", np.zeros((2, len(sparse))), sparse, 2.0)
    dense = models_59k(np.arange(5), np.arange(5))
    write_dtseries(tmp_path / "m_1.6mm.dtseries.nii", np.zeros((2, 10)), dense, 2.0)
    out = {name: tmp_path / f"{name}.dlabel.nii" for name in ("regions", "networks")}
    run = tmp_path / "m_1.6mm.dtseries.nii"
    regions.main(run=run, settings=RegionSettings(space="cifti"), **out)
    assert "name m.dtseries.nii, in the same folder" in caplog.text


# --- parcels --------------------------------------------------------------------------------------


def parcels(names: list[str]) -> ParcelsAxis:
    vertices = [{CORTEX[0]: np.array([number])} for number in range(len(names))]
    voxels = [np.zeros((0, 3), int)] * len(names)
    return ParcelsAxis(names, voxels, vertices, np.eye(4), (5, 5, 5), {CORTEX[0]: 32_492})


def test_parcellated_series(tmp_path):
    names = [f"7Networks_LH_{name}_1" for name in ("Vis", "Cont", "Default")] + ["R_V1_ROI", "mine"]
    names += ["L_A1_ROI", "L_4_ROI"]
    axis = parcels(names)

    def run_of(segment, repetition):
        path = tmp_path / f"{SEGMENTS[segment]}_{repetition}.ptseries.nii"
        values = values_of(7, np.array([0, 3, 4]), segment, repetition)
        save_dense(path, values, SeriesAxis(0, 2.0, N_VOLUMES), Parcels(axis))
        return path

    chosen, table, grid = through_the_stages(tmp_path, "parcels", run_of)
    assert np.flatnonzero(chosen).tolist() == [0, 3, 4]
    assert grid.axis == axis
    assert table["name"].tolist() == ["R_V1_ROI", "mine", names[0]]  # along the hierarchy
    assert table["network"].tolist() == [0, 0, 18]
    assert table["area"].fillna("").tolist() == ["V1", "mine", ""]
    labels = nib.load(tmp_path / "networks.plabel.nii").header.get_axis(0).label[0]
    assert labels[18][0].endswith("Visual") or "Vis" in labels[18][0]
    message = inspect_run(str(tmp_path / "seg1_1.ptseries.nii"), "cifti")[1][0].message
    assert "Set dataset.space: parcels" in message
    write_dtseries(
        tmp_path / "dense.dtseries.nii",
        np.zeros((3, 4)),
        BrainModelAxis.from_surface(np.arange(4), 9, CORTEX[0]),
        2.0,
    )
    message = inspect_run(str(tmp_path / "dense.dtseries.nii"), "parcels")[1][0].message
    assert "Set dataset.space: cifti" in message
