import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.io.shots import describe_clips, load_shots, longest_shot
from mindvideo.io.tables import save_table


@pytest.fixture
def save(tmp_path):
    def write(**columns):
        save_table(tmp_path / "film.tsv", pd.DataFrame(columns))
        return tmp_path / "film.tsv"

    return write


def test_a_clip_belongs_to_the_shot_that_fills_most_of_it():
    start, end = np.array([0, 3.5, 7, 9, 9.2]), np.array([3.5, 7, 9, 9.2, 12])
    clips = np.array([0, 1, 2, 3, 4, 5, 1])
    shot, overlap = longest_shot(start, end, clips, seconds=2)
    # clip 1, 2–4 s: 1.5 s of the first; clip 3, 6–8 s: a second each, the first of them
    assert shot.tolist() == [0, 0, 1, 1, 2, 4, 0]
    assert overlap == pytest.approx([2, 1.5, 2, 1, 1, 2, 1.5])


def test_longest_shots_are_those_of_a_fine_raster():
    rng = np.random.default_rng(0)
    cuts = np.concatenate([[0], np.cumsum(rng.integers(3, 60, 40) / 10)])
    tr, n = 1.5, int(cuts[-1] // 1.5)
    shot, _ = longest_shot(cuts[:-1], cuts[1:], np.arange(n), tr)
    times = (np.arange(n * 150) + 0.5) / 100
    on_screen = np.searchsorted(cuts, times, side="right") - 1
    for clip, chosen in enumerate(shot):
        counts = np.bincount(on_screen[clip * 150 : (clip + 1) * 150])
        assert counts[chosen] == counts.max()


def test_a_clip_without_a_shot_is_an_error(save):
    shots = {"film": load_shots(save(start=[0, 2], end=[2, 4], what=["a", "b"]), ["what"])}
    listing = pd.DataFrame({"segment": ["film"] * 3, "clip": [1, 0, 2]})
    described = describe_clips(listing[:2], shots, seconds=2)
    assert described["what"].tolist() == ["b", "a"]
    with pytest.raises(InputError, match=r"film: no shot during clip 2 \(4 to 6 s .* 0 to 4 s"):
        describe_clips(listing, shots, seconds=2)


def test_shots_come_in_the_order_of_the_film(save):
    table = load_shots(save(start=[2.5, 0], end=[4, 2.5], what=["b", "None"]), ["what"])
    assert table["what"].tolist() == ["None", "b"]


def test_missing_columns_are_named(save):
    with pytest.raises(InputError, match=r"no column who, where; found start, end, what\. A table"):
        load_shots(save(start=[0], end=[2], what=["a"]), ["what", "who", "where"])
    with pytest.raises(InputError, match="without a value in the column what:"):
        load_shots(save(start=[0, 1], end=[1, 2], what=["a", None]), ["what"])
    for end in ([1, 1], [1, "late"]):
        with pytest.raises(InputError, match="end after its start"):
            load_shots(save(start=[0, 1], end=end), [])
