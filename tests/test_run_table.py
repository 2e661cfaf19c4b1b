"""The table of runs: derived, read back, given by hand, and all that can be wrong with one."""

from pathlib import Path

import pytest
import yaml

from mindvideo.config import check_config
from mindvideo.dataset import Dataset
from mindvideo.descriptions import read_dataset
from mindvideo.errors import InputError, RenamedSetting
from mindvideo.run_table import read_runs, write_runs

HAND_MADE = """\
subject	segment	split	repetition	path
ann	seg10	train	1	a/10_1.nii.gz
ann	seg10	train	2	a/10_2.nii.gz
ann	seg2	train	2	a/2_2.nii.gz
ann	seg2	train	1	a/2_1.nii.gz
ann	test1	test	1	a/t_1.nii.gz
"""
REST = {
    "name": "mine",
    "tr": 1.5,
    "lag": 2,
    "film": "{segment}.mp4",
    "timing": {"default": {"drop_start": 0, "drop_end": 3}},
    "clips_per_segment": {"default": 100},
}


def written(tmp_path, text):
    path = tmp_path / "runs.tsv"
    path.write_text(text)
    return path


def dataset(tmp_path, text, **changes):
    path = str(written(tmp_path, text))
    return Dataset.model_validate(read_dataset(REST | {"runs": path} | changes, "test"))


@pytest.mark.parametrize("name", ["demo", "wen2018", "wen2018-cifti", "bids"])
def test_the_derived_table_answers_as_the_description_does(tmp_path, name):
    described = Dataset.model_validate(read_dataset(f"config/datasets/{name}.yaml", "test"))
    table = written(tmp_path, write_runs(described.rows))
    assert read_runs(table) == described.rows
    values = {"like": f"config/datasets/{name}.yaml", "runs": str(table)}
    given = Dataset.model_validate(read_dataset(values, "test"))
    assert given.rows == described.rows
    assert given.segments == described.segments
    for segment in described.segments:
        assert given.n_clips(segment) == described.n_clips(segment)
        for subject in described.subjects:
            assert given.run_paths(subject, segment) == described.run_paths(subject, segment)
            assert given.confound_paths(subject, segment) == described.confound_paths(
                subject, segment
            )


def test_a_table_by_hand_is_a_data_set(tmp_path):
    described = dataset(tmp_path, HAND_MADE)
    assert described.train == ["seg2", "seg10"]
    assert described.run_paths("ann", "seg2") == ["a/2_1.nii.gz", "a/2_2.nii.gz"]
    assert {(run.drop_start, run.drop_end) for run in described.rows} == {(0, 3)}
    assert described.subjects == {"ann": "ann"}
    assert described.film_path("test1") == "test1.mp4"


def test_what_a_table_leaves_out_is_the_descriptions(tmp_path):
    with_masks = HAND_MADE.replace("path\n", "path\tmask\n").replace(".gz\n", ".gz\tn/a\n")
    text = with_masks.replace("10_1.nii.gz\tn/a", "10_1.nii.gz\town_mask.nii.gz")
    templates = {"confounds": "{segment}_{repetition}.tsv", "mask": "{subject}_mask.nii.gz"}
    described = dataset(tmp_path, text, subjects={"ann": "01"}, **templates)
    assert described.confound_paths("ann", "seg10") == ["seg10_1.tsv", "seg10_2.tsv"]
    assert described.mask_paths("ann") == ["01_mask.nii.gz", "own_mask.nii.gz"]
    assert dataset(tmp_path, text).mask_paths("ann") == ["own_mask.nii.gz"]
    assert dataset(tmp_path, text).confound_paths("ann", "seg10") == []


def test_exclusions_hold_for_a_table_too(tmp_path):
    described = dataset(tmp_path, HAND_MADE, exclude=["ann seg2_1"])
    assert described.run_paths("ann", "seg2") == ["a/2_2.nii.gz"]


def test_numbers_of_a_spreadsheet_and_empty_cells(tmp_path):
    text = HAND_MADE.replace("path\n", "path\tclips\n").replace(".gz\n", ".gz\t80.0\n")
    text = "\ufeff" + text.replace("\t1\t", "\t1.0\t") + "\t\t\t\t\t\n"
    described = dataset(tmp_path, text)
    assert described.n_clips("seg2") == 80
    assert len(described.rows) == 5


def test_all_problems_are_reported_at_once(tmp_path):
    text = HAND_MADE.replace("path\n", "path\tclips\n").replace(".gz\n", ".gz\t80\n")
    text = text.replace("train\t2\ta/10_2.nii.gz\t80", "test\t1\ta/10_1.nii.gz\t90")
    text += "bob\tseg 2\ttraining\t0\t\t80\nann\tseg2\n"
    with pytest.raises(InputError) as error:
        read_runs(written(tmp_path, text))
    first = str(error.value).splitlines()[0]
    assert first.endswith("(for an example, run: mindvideo runs config/config.yaml):")
    for problem in (
        "9 problems",
        "line 3: ann seg10_1 is already in line 2",
        "line 3: same file as in line 2: a/10_1.nii.gz",
        "line 3: seg10 has split test, but train in line 2",
        "line 3: seg10 has clips 90, but 80 in line 2",
        "line 7: segment: ",
        "line 7: split: Input should be 'train', 'validation' or 'test'; found 'training'",
        "line 7: repetition: Input should be greater than 0; found '0'",
        "line 7: path: no value",
        "line 8: 2 cells under 6 columns",
    ):
        assert problem in str(error.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            "",
            "line 1: expected tab-separated columns: subject, segment, split, repetition, path",
        ),
        ("subject,segment,split", "line 1: expected tab-separated columns"),
        ("subject\tsegment\tsplit\trepetition\tfile\n", "no column 'path'"),
        (
            HAND_MADE.replace("repetition", "repaet"),
            "unknown column 'repaet'; did you mean 'repetition'",
        ),
        (HAND_MADE.splitlines()[0], "no runs: expected one row per run"),
        (
            "subject\tsegment\tsplit\trepetition\tpath\tdrop_end\na\tb\ttest\t1\tc\t2",
            "line 2: drop_end without drop_start, film_onset or events: when does the film start",
        ),
    ],
)
def test_no_table_of_runs(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        read_runs(written(tmp_path, text))


def test_a_table_that_is_not_there(tmp_path):
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    values["dataset"] = REST | {"runs": str(tmp_path / "runs.tsv")}
    with pytest.raises(InputError, match=r"runs.tsv: the table of runs cannot be read: No such"):
        check_config(values, "config.yaml")


def test_the_old_name_of_a_column_is_read(tmp_path):
    table = written(tmp_path, HAND_MADE.replace("repetition", "repeat"))
    with pytest.warns(RenamedSetting, match=r"runs.tsv: the column repeat is now called repetit"):
        runs = read_runs(table)
    assert [run.repetition for run in runs] == [1, 2, 2, 1, 1]
    assert write_runs(runs).startswith("subject\tsegment\tsplit\trepetition\tpath\t")


def test_another_tr_than_the_descriptions(tmp_path):
    text = HAND_MADE.replace("path\n", "path\ttr\n").replace(".gz\n", ".gz\t2\n")
    with pytest.raises(ValueError, match=r"tr: 1.5 s here, 2 s in the table of runs"):
        dataset(tmp_path, text)


def test_the_split_of_a_table_may_be_validation(tmp_path):
    more = "ann\tseg3\ttrain\t1\ta/3.nii.gz\nann\tseg4\tvalidation\t1\ta/4.nii.gz\n"
    of_table = dataset(tmp_path, HAND_MADE + more)
    assert (of_table.train, of_table.validation) == (["seg2", "seg3", "seg10"], ["seg4"])
    of_both = dataset(tmp_path, HAND_MADE + more, validation=["seg3"])
    assert (of_both.train, of_both.validation) == (["seg2", "seg10"], ["seg3", "seg4"])
    assert [run.split for run in of_both.rows if run.segment == "seg3"] == ["validation"]
    path = written(tmp_path, write_runs(of_both.rows))
    again = Dataset.model_validate(read_dataset(REST | {"runs": str(path)}, "test"))
    assert again.rows == of_both.rows
    with pytest.raises(ValueError, match=r"table of runs has no segment seg5; it has seg10, seg2"):
        dataset(tmp_path, HAND_MADE, validation=["seg5"])
