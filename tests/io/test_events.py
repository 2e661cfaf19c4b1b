"""Tables of events: the onset of a film is found, and what is wrong with a table is named."""

from __future__ import annotations

import pytest

from mindvideo.errors import InputError
from mindvideo.io.events import read_onset

HEADER = "onset\tduration\ttrial_type\tstim_file\n"
ROWS = (
    "0\t9.2\trest\tn/a\n9.2\t480\tfilm\tseg1.mkv\n489.2\t9\trest\tn/a\n500\t480\tfilm\tseg2.mkv\n"
)


def written(tmp_path, text):
    path = tmp_path / "sub-01_task-film_events.tsv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("event", "onset"),
    [
        ({"stim_file": "seg1.mkv"}, 9.2),
        ({"stim_file": "seg2.mkv"}, 500),
        ({"trial_type": "film", "stim_file": "seg2.mkv"}, 500),
        ({"onset": "0.0"}, 0),
    ],
)
def test_the_onset_is_that_of_the_row_with_these_values(tmp_path, event, onset):
    assert read_onset(written(tmp_path, HEADER + ROWS), event) == onset


def test_a_column_of_numbers_is_compared_as_text(tmp_path):
    path = written(tmp_path, "onset\tduration\trun\n3\t9\t1\n30\t9\t2\n")
    assert read_onset(path, {"run": "2"}) == 30


@pytest.mark.parametrize(
    ("text", "event", "said"),
    [
        ("", {"trial_type": "film"}, "events.tsv"),
        ("duration\ttrial_type\n9\tfilm\n", {"trial_type": "film"}, "onset"),
        (HEADER + ROWS, {"trial": "film"}, "no column trial, which dataset.event names; found ons"),
        (
            HEADER + ROWS,
            {"trial_type": "movie"},
            "no event with trial_type: movie, but one is needed.*the table has rest; film. Change",
        ),
        (
            HEADER + ROWS,
            {"trial_type": "film"},
            "2 events with trial_type: film, but one is needed.*or name more columns",
        ),
        (
            HEADER + "n/a\t9\tfilm\tn/a\n",
            {"trial_type": "film"},
            "the onset of the event with trial_type: film is nan; expected seconds after the start",
        ),
        (HEADER + "-3\t9\tfilm\tn/a\n", {"trial_type": "film"}, "is -3; expected seconds"),
        (HEADER + "soon\t9\tfilm\tn/a\n", {"trial_type": "film"}, "is soon; expected seconds"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, event, said):
    with pytest.raises(InputError, match=said) as error:
        read_onset(written(tmp_path, text), event)
    assert "sub-01_task-film_events.tsv" in str(error.value)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.tsv"):
        read_onset(tmp_path / "nowhere.tsv", {"trial_type": "film"})


def test_a_long_table_is_listed_in_part(tmp_path):
    rows = "".join(f"{n}\t1\tpicture{n}\tn/a\n" for n in range(40))
    with pytest.raises(InputError, match=r"picture0; .*picture7, …\."):
        read_onset(written(tmp_path, HEADER + rows), {"trial_type": "film"})
