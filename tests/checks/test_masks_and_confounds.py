"""What lies beside runs: brain masks with little in common, columns that tables have not."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mindvideo import checks

FEW = {"train": ["seg1", "seg10"], "test": ["test1"], "exclude": []}


@pytest.fixture
def tree(purdue, tmp_path, monkeypatch):
    """Runs and films of a few segments, in the working folder."""
    purdue.write_tree(tmp_path, purdue.described("volume", **FEW))
    purdue.write_films(tmp_path, purdue.described("volume", **FEW))
    monkeypatch.chdir(tmp_path)


def by_place(findings) -> dict[str, str]:
    assert len({f.place for f in findings}) == len(findings), findings
    return {f.place: f"{f.level}: {f.message}" for f in findings}


def write_mask(path, values):
    nib.save(nib.Nifti1Image(values.astype(np.uint8), np.diag([2.0, 2, 2, 1])), path)


def test_masks_of_runs_that_have_little_in_common(purdue, tree):
    dataset = purdue.described(
        "volume", **FEW | {"mask": "{subject}_{segment}_{repetition}_mask.nii.gz"}
    )
    whole = np.ones((3, 4, 3))
    for row in dataset.rows:
        write_mask(row.mask, whole)
    assert checks.check_dataset(dataset) == []

    less, askew, other = whole.copy(), whole.copy(), np.ones((3, 4, 4))
    less[0] = 0
    askew[0], askew[1, 0] = 0, 0
    write_mask("subject1_seg1_1_mask.nii.gz", less)  # 24 of 36
    write_mask("subject1_seg10_2_mask.nii.gz", askew)  # 21 of these
    write_mask("subject1_test1_4_mask.nii.gz", np.roll(askew, 1, axis=0))
    write_mask("subject2_seg1_1_mask.nii.gz", other)
    write_mask("subject3_test1_2_mask.nii.gz", less)
    Path("subject3_seg1_2_mask.nii.gz").unlink()
    said = by_place(checks.check_dataset(dataset))
    assert said.pop("subject1_seg10_2_mask.nii.gz").startswith(
        "warning: the masks of sub1's 4 training runs have 21 voxels in common, and a median of "
        "30 each. This mask lacks most: 15 voxels that half of the masks have."
    )
    assert said.pop("subject1_test1_4_mask.nii.gz") == (
        "warning: this mask of a test run lacks 12 of the 21 voxels common to the masks of "
        "sub1's training runs"
    )
    assert "this mask has 3×4×4 voxels" in said.pop("subject2_seg1_1_mask.nii.gz")
    assert "lacks 12 of the 36 voxels" in said.pop("subject3_test1_2_mask.nii.gz")
    assert said.pop("subject3_seg1_2_mask.nii.gz").startswith("error: is missing")
    assert not said


def test_columns_of_confounds_are_looked_for_beforehand(purdue, tree):
    dataset = purdue.described(
        "volume", **FEW | {"confounds": "{subject}_{segment}_{repetition}.tsv"}
    )
    for number, row in enumerate(dataset.rows):
        outliers = [f"motion_outlier{n:02}" for n in range(number % 3)]
        lines = [["csf", "dvars", *outliers]] + [["1", "2", *("0" for _ in outliers)]] * 245
        Path(row.confounds).write_text("".join("\t".join(line) + "\n" for line in lines))
    columns = ["csf", "motion_outlier*", "outliers"]
    assert checks.check_dataset(dataset, columns=columns) == []
    Path("subject1_seg1_1.tsv").write_text("dvars\tb\n" + "1\t2\n" * 245)
    Path("subject2_seg1_1.tsv").write_text("csf\tb\n" + "n/a\t2\n" * 245)
    said = by_place(checks.check_dataset(dataset, columns=["csf", "motion_outlyer*", "cosine*"]))
    assert said.pop("subject1_seg1_1.tsv").startswith("error: no column csf for clean.confounds")
    assert said.pop("subject2_seg1_1.tsv").startswith("error: csf has values beyond the first row")
    for subject in ("sub1", "sub2", "sub3"):
        assert said.pop(f"{subject} clean.confounds: motion_outlyer*") == (
            "warning: no column of its 14 tables is named motion_outlyer*: did you mean "
            "motion_outlier*?"
        )
        assert "named cosine*: check" in said.pop(f"{subject} clean.confounds: cosine*")
    assert not said
