"""The stage `select` on films that were shown once: areas, other subjects, prediction."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from mindvideo.demo.epi import head
from mindvideo.errors import InputError
from mindvideo.fmri.atlas import hierarchy, labels_of
from mindvideo.fmri.networks import NETWORKS
from mindvideo.io.maps import read_labels, read_map, write_map
from mindvideo.io.runs import write_run
from mindvideo.io.spaces import Grid, Space
from mindvideo.settings.fmri import LivingSettings, RegionSettings, SelectionSettings
from mindvideo.stages import living, regions, select

FILMS, N = tuple("abcdef"), 40
SUBJECTS = ("one", "two", "three")
SEEING = ("V1", "V2", "MT")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six films of 40 clips, each shown once to three subjects, who respond in three areas.

    Voxels of V1 respond to the brightness of the clip before.
    """
    folder = tmp_path_factory.mktemp("once")
    anatomy = head(6)
    grid = folder / "grid.nii.gz"
    write_run(grid, anatomy.brightness[..., None] * np.ones(2), anatomy.grid, 2, 0.1)
    names = {name: folder / f"{name}.nii.gz" for name in ("regions", "networks")}
    regions.main(run=grid, **names, settings=RegionSettings(space="volume"))
    labels, space = read_labels(names["regions"])
    sees = np.isin(labels, [label for area in SEEING for label in labels_of(area)])
    in_v1 = np.isin(labels, labels_of("V1"))
    rng = np.random.default_rng(0)
    rows = []
    for film in FILMS:
        light = rng.normal(size=N)
        frames = np.clip(128 + 50 * light, 0, 255).astype(np.uint8)[:, None, None, None, None]
        np.save(folder / f"{film}.npy", np.broadcast_to(frames, (N, 6, 16, 16, 3)))
        shared = rng.normal(size=(N, len(labels)))
        shared[1:, in_v1] = light[:-1, None]
        for subject in SUBJECTS:
            (folder / subject).mkdir(exist_ok=True)
            runs = sees * shared + 0.9 * rng.normal(size=(1, N, len(labels)))
            np.save(folder / subject / f"{film}.npy", runs.astype(np.float32))
            np.save(folder / subject / f"{film}_alive.npy", np.ones(len(labels), np.int16))
        tsnr = np.where(np.arange(len(labels)) % 2, 30.0, 60.0) + len(rows) / N
        write_map(folder / f"{film}_tsnr.nii.gz", tsnr, space, name="temporal SNR")
        pd.DataFrame({"run": [film]}).to_csv(folder / f"{film}_runs.tsv", sep="\t", index=False)
        rows += [{"segment": film, "clip": clip, "light": light[clip]} for clip in range(N)]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "table.tsv", sep="\t", index=False)
    embeddings = rng.normal(size=(len(table), 6, 8))
    embeddings[:, :, 0] += 3 * table["light"].to_numpy()[:, None]
    np.save(folder / "images.npy", embeddings.astype(np.float32))
    return folder


def run(folder, out, films=FILMS, subject="one", more=None, **settings):
    select.main(
        **{
            "cleaned": [folder / subject / f"{film}.npy" for film in films],
            "tables": [folder / f"{film}_runs.tsv" for film in films],
            "regions": folder / "regions.nii.gz",
            "networks": folder / "networks.nii.gz",
            "tsnr": [folder / f"{film}_tsnr.nii.gz" for film in films],
            "voxels": out / "voxels.tsv",
        }
        | {name: out / f"{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")}
        | (more or {}),
        settings=SelectionSettings(**{"correction": "fdr_bh"} | settings),
    )
    return pd.read_csv(out / "voxels.tsv", sep="\t")


def labels_in(folder):
    return read_labels(folder / "regions.nii.gz")[0]


def between(folder, subjects=SUBJECTS[1:], films=FILMS):
    """What the correlation with other subjects needs."""
    others = [folder / subject / f"{film}.npy" for subject in subjects for film in films]
    return {
        "more": {"others": others, "other_regions": [folder / "regions.nii.gz"] * len(subjects)},
        "others": {subject: list(films) for subject in subjects},
    }


def film(folder):
    """What prediction from the film needs."""
    names = {"latents_table": folder / "table.tsv", "images": folder / "images.npy"}
    clips = {"clips": [folder / f"{name}.npy" for name in FILMS]}
    return {"more": names | clips, "fps": 3.0, "components": 20}


# --- areas ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("films", [FILMS, FILMS[:1]])
def test_all_voxels_of_areas_are_selected_untested_in_the_order_of_the_hierarchy(
    folder, tmp_path, films
):
    voxels = run(folder, tmp_path, films, by="areas", areas=["MT", "V1"])
    labels = labels_in(folder)
    expected = np.isin(labels, [*labels_of("V1"), *labels_of("MT")])
    assert sorted(voxels["column"]) == np.flatnonzero(expected).tolist()
    ranks = [hierarchy().index(area) for area in voxels["area"]]
    assert ranks == sorted(ranks)
    assert set(voxels[["r", "t"]].to_numpy().ravel()) == {0}
    assert set(voxels["p"]) == {1}
    for name, value in {"r": 0, "z": 0, "t": 0, "p": 1}.items():
        values, _ = read_map(tmp_path / f"{name}.nii.gz")
        assert (values[read_labels(folder / "regions.nii.gz")[1].mask] == value).all()
    assert read_map(tmp_path / "mask.nii.gz")[0].sum() == expected.sum()


def test_restrictions_are_combined(folder, tmp_path):
    labels, space = read_labels(folder / "regions.nii.gz")
    half = np.zeros(space.grid.shape, bool)
    half[: space.grid.shape[0] // 2] = True
    write_map(
        tmp_path / "half.nii.gz", half[half], Space(space.grid, half), name="left or right half"
    )
    voxels = run(
        folder,
        tmp_path,
        by="areas",
        networks=["VisCent", "network_2"],
        mask="{subject}.nii.gz",
        min_tsnr=50,
        more={"within": tmp_path / "half.nii.gz"},
    )
    numbers = read_map(folder / "networks.nii.gz")[0][space.mask]
    expected = np.isin(numbers, [1, 2]) & half[space.mask] & (np.arange(len(labels)) % 2 == 0)
    assert expected.any()
    assert sorted(voxels["column"]) == np.flatnonzero(expected).tolist()
    assert {NETWORKS[n - 1] for n in voxels["network"]} <= {"VisCent", "VisPeri"}


def test_restrictions_apply_to_a_test_as_well(folder, tmp_path):
    voxels = run(folder, tmp_path, **between(folder), by="subjects", networks=["VisCent"])
    assert set(voxels["network"]) == {1}
    everywhere = run(folder, tmp_path, **between(folder), by="subjects")
    assert set(everywhere["network"]) > {1}


def test_a_floor_that_no_voxel_reaches_says_the_highest(folder, tmp_path):
    with pytest.raises(InputError, match=r"temporal SNR of 90 .*highest is 62.5. Lower"):
        run(folder, tmp_path, by="areas", areas=["V1"], min_tsnr=90)


def test_networks_and_areas_that_do_not_exist_or_meet(folder, tmp_path):
    with pytest.raises(InputError, match=r"'visperi' is not one of .* Did you mean VisPeri\?"):
        run(folder, tmp_path, by="areas", networks=["visperi"])
    with pytest.raises(InputError, match=r"None of \d+ voxels is in the areas V1 and has a signal"):
        run(folder, tmp_path, by="areas", areas=["V1"], networks=["SomMotA"])


def test_a_mask_on_another_grid_or_elsewhere(folder, tmp_path):
    grid = read_labels(folder / "regions.nii.gz")[1].grid
    for name, shape in (("other", (4, 4, 4)), ("elsewhere", grid.shape)):
        mask = np.zeros(shape, bool)
        mask[0, 0, 0] = True
        write_map(
            tmp_path / f"{name}.nii.gz",
            mask[mask],
            Space(Grid(grid.affine, shape), mask),
            name="mask",
        )
    for name, said in (("other", "this mask has 4×4×4"), ("elsewhere", "no voxel of this mask")):
        with pytest.raises(InputError, match=said):
            run(
                folder,
                tmp_path,
                by="areas",
                mask="m.nii.gz",
                more={"within": tmp_path / f"{name}.nii.gz"},
            )


# --- where there is a signal ----------------------------------------------------------------------


@pytest.mark.parametrize("by", ["areas", "subjects"])
def test_voxels_that_are_dead_in_test_runs_only_are_left_out(folder, tmp_path, caplog, by):
    caplog.set_level(logging.INFO)
    needs = between(folder) if by == "subjects" else {}
    (tmp_path / "all").mkdir()
    everywhere = run(folder, tmp_path / "all", by=by, areas=["V1"], **needs)
    counts = np.ones(len(labels_in(folder)), np.int16)
    dead = everywhere["column"][:3]
    counts[dead] = 0
    np.save(tmp_path / "test1_alive.npy", counts)
    paths = [folder / "one" / f"{film}_alive.npy" for film in FILMS]
    living.main(
        repetitions=[*paths, tmp_path / "test1_alive.npy"],
        alive=tmp_path / "alive.npy",
        settings=LivingSettings(),
    )
    more = needs.pop("more", {}) | {"alive": tmp_path / "alive.npy"}
    voxels = run(folder, tmp_path, by=by, areas=["V1"], more=more, **needs)
    assert not set(dead) & set(voxels["column"])
    assert "test1: 3 voxels have no signal in any repetition" in caplog.text
    assert "3 of " in caplog.text
    assert "no signal in any repetition of some segment" in caplog.text


def test_a_voxel_lives_in_a_segment_if_it_lives_in_a_repetition(tmp_path):
    for name, counts in {"seg1": [2, 1, 0, 2], "test1": [10, 1, 10, 0]}.items():
        np.save(tmp_path / f"{name}_alive.npy", np.array(counts, np.int16))
    paths = sorted(tmp_path.glob("*_alive.npy"))
    living.main(repetitions=paths, alive=tmp_path / "alive.npy", settings=LivingSettings())
    assert np.load(tmp_path / "alive.npy").tolist() == [True, True, False, False]


def test_living_voxels_of_another_subject(folder, tmp_path):
    np.save(tmp_path / "alive.npy", np.ones(7, bool))
    with pytest.raises(InputError, match=r"alive.npy has 7 voxels, but the regions have"):
        run(folder, tmp_path, by="areas", more={"alive": tmp_path / "alive.npy"})
    paths = [tmp_path / "alive.npy", folder / "one" / "a_alive.npy"]
    with pytest.raises(InputError, match=r"a_alive.npy has \d+ voxels, but .*alive.npy has 7"):
        living.main(repetitions=paths, alive=tmp_path / "x.npy", settings=LivingSettings())


# --- other subjects -------------------------------------------------------------------------------


def test_voxels_that_respond_alike_in_all_subjects(folder, tmp_path):
    voxels = run(folder, tmp_path, **between(folder), by="subjects")
    assert voxels["area"].isin(SEEING).mean() > 0.9
    responsive = np.isin(labels_in(folder), [n for area in SEEING for n in labels_of(area)])
    assert len(voxels) > 0.4 * responsive.sum()  # the better half of them
    image = nib.load(tmp_path / "r.nii.gz")
    assert image.header.get_intent()[2] == "r between subje"  # a name has 15 characters


def test_a_voxel_is_found_at_its_place_in_subjects_with_other_voxels(folder, tmp_path):
    labels, space = read_labels(folder / "regions.nii.gz")
    fewer = space.mask.copy()
    fewer.ravel()[space.index[::5]] = False
    write_map(
        tmp_path / "regions.nii.gz", labels[fewer[space.mask]], Space(space.grid, fewer), name="x"
    )
    for name in FILMS:
        np.save(
            tmp_path / f"{name}.npy", np.load(folder / f"two/{name}.npy")[:, :, fewer[space.mask]]
        )
    needs = between(folder, ["two"])
    (tmp_path / "full").mkdir()
    full = run(folder, tmp_path / "full", by="subjects", **needs)
    needs["more"] = {
        "others": [tmp_path / f"{name}.npy" for name in FILMS],
        "other_regions": [tmp_path / "regions.nii.gz"],
    }
    voxels = run(folder, tmp_path, by="subjects", **needs)
    assert (voxels["column"] % 5 > 0).all()
    both = full.merge(voxels, on="column")
    assert len(both) > 0.5 * len(voxels)
    np.testing.assert_allclose(both["r_x"], both["r_y"])


def test_other_subjects_are_on_the_same_grid(folder, tmp_path):
    grid = Grid(np.diag([2.0, 2, 2, 1]), (4, 4, 4))
    ones = np.ones(grid.shape, bool)
    write_map(tmp_path / "regions.nii.gz", np.ones(64), Space(grid, ones), name="regions")
    needs = between(folder, ["two"])
    needs["more"]["other_regions"] = [tmp_path / "regions.nii.gz"]
    with pytest.raises(InputError, match=r"subject two\) has 4×4×4 .* must be on one grid"):
        run(folder, tmp_path, by="subjects", **needs)


def test_nobody_else_saw_the_films(folder, tmp_path):
    with pytest.raises(InputError, match="at least one other subject who saw the same films"):
        run(folder, tmp_path, by="subjects")
    with pytest.raises(InputError, match="no other subject saw c, d, e, f"):
        run(folder, tmp_path, by="subjects", **between(folder, films=FILMS[:2]))


# --- prediction from the film ---------------------------------------------------------------------


def test_voxels_that_are_predicted_from_the_film(folder, tmp_path):
    n_v1 = int(np.isin(labels_in(folder), labels_of("V1")).sum())
    best = {"by": "encoding", "criterion": "best", "n_voxels": n_v1}
    best["times"] = {"tr": 2.0, "seconds": 2.0, "interpolation": "nearest"}
    voxels = run(folder, tmp_path, **film(folder), **best)
    # Only V1 responds to what the features describe.
    assert (voxels["area"] == "V1").mean() > 0.9
    assert voxels["r"].max() > 0.6
    early = run(folder, tmp_path, **film(folder), **best, delays=[0])
    assert early["r"].max() < 0.5 * voxels["r"].max()  # the response is that to the clip before
    later = run(folder, tmp_path, **film(folder), **best, delays=[1])
    assert (later["area"] == "V1").mean() > 0.9
    how = {"by": "encoding", "alpha": 0.2, "areas": ["V1", "V2"], "times": best["times"]}
    tested = run(folder, tmp_path, **film(folder), **how)
    assert (tested["area"] == "V1").mean() > 0.8


def test_embeddings_of_other_clips_are_refused(folder, tmp_path):
    needs = film(folder)
    table = pd.read_csv(folder / "table.tsv", sep="\t")
    table[table["segment"] != "c"].to_csv(tmp_path / "table.tsv", sep="\t", index=False)
    needs["more"]["latents_table"] = tmp_path / "table.tsv"
    with pytest.raises(InputError, match=r"images.npy has 240 rows, but .* has 200"):
        run(folder, tmp_path, **needs, by="encoding")
    np.save(tmp_path / "images.npy", np.load(folder / "images.npy")[:200])
    needs["more"]["images"] = tmp_path / "images.npy"
    with pytest.raises(InputError, match="no clips or embeddings of c"):
        run(folder, tmp_path, **needs, by="encoding")


# --- repetitions ----------------------------------------------------------------------------------


def test_one_showing_has_no_repetitions_and_the_message_names_what_else_there_is(folder, tmp_path):
    with pytest.raises(
        InputError, match=r"a: .*needs at least 2 runs.*areas .*subjects .*encoding"
    ):
        run(folder, tmp_path)
