"""Rows that survive a kill: flushed rows are read again, and the rest is computed."""

import numpy as np
import pytest

from mindvideo.io import kept
from mindvideo.io.kept import KeptRows, compute_rows, keep_array

N = 11
EXPECTED = np.arange(N * 3, dtype=np.float32).reshape(N, 3)


def fill(folder, size, stop_after=99, output=None):
    """Compute all rows, or some batches; return the rows computed."""
    computed = []
    with KeptRows(folder, N) as rows:
        for batch in rows.missing(size):
            if not stop_after:
                raise SystemExit(143)
            stop_after -= 1
            computed += list(batch)
            part = EXPECTED[batch.start : batch.stop]
            rows.put(batch, values=part, doubled=2 * part)
        if output:
            rows.publish("values", output)
    return computed


@pytest.mark.parametrize("size", [1, 4, 20])
def test_all_rows_are_computed_once(tmp_path, size):
    assert fill(tmp_path, size, output=tmp_path / "out.npy") == list(range(N))
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), EXPECTED)
    np.testing.assert_array_equal(KeptRows(tmp_path, N).array("doubled"), 2 * EXPECTED)
    assert fill(tmp_path, size) == []


def test_a_stop_keeps_every_row_and_another_batch_size_goes_on(tmp_path):
    with pytest.raises(SystemExit):
        fill(tmp_path, 4, stop_after=2)
    assert fill(tmp_path, 2) == [8, 9, 10]
    np.testing.assert_array_equal(KeptRows(tmp_path, N).array("values"), EXPECTED)


def test_a_kill_loses_what_was_not_flushed(tmp_path, monkeypatch):
    """Nothing runs after a kill -9: neither the end of the block nor a flush."""
    monkeypatch.setattr(KeptRows, "__exit__", lambda *_: None)
    monkeypatch.setattr(kept, "SECONDS", 1e9)
    with pytest.raises(SystemExit):
        fill(tmp_path, 4, stop_after=2)
    monkeypatch.setattr(kept, "SECONDS", 0.0)
    with pytest.raises(SystemExit):
        fill(tmp_path, 4, stop_after=1)
    assert fill(tmp_path, 4) == [4, 5, 6, 7, 8, 9, 10]
    np.testing.assert_array_equal(KeptRows(tmp_path, N).array("values"), EXPECTED)


@pytest.mark.parametrize("back", [0, 5])
def test_rows_after_a_rewind_are_computed_again(tmp_path, back):
    with pytest.raises(SystemExit):
        fill(tmp_path, 4, stop_after=2)
    rows = KeptRows(tmp_path, N)
    rows.rewind(back)
    rows.flush()
    assert fill(tmp_path, 20) == list(range(back, N))
    np.testing.assert_array_equal(KeptRows(tmp_path, N).array("values"), EXPECTED)
    rows = KeptRows(tmp_path / "none", N)
    with pytest.raises(ValueError, match="back to 3 rows, but only 0 are done"):
        rows.rewind(3)


def test_published_rows_stay_in_the_state_too(tmp_path):
    """Until the outputs are in place, because a commit may fail."""
    output = tmp_path / "out.npy"
    fill(tmp_path, 4, output=output)
    output.unlink()
    fill(tmp_path, 4, output=output)
    np.testing.assert_array_equal(np.load(output), EXPECTED)


def test_editing_an_output_does_not_change_the_state(tmp_path):
    output = tmp_path / "out.npy"
    fill(tmp_path, 4, output=output)
    np.load(output, mmap_mode="r+")[:] = -7
    output.unlink()
    fill(tmp_path, 4, output=output)
    np.testing.assert_array_equal(np.load(output), EXPECTED)


def test_rows_out_of_order_or_of_another_shape_are_refused(tmp_path):
    rows = KeptRows(tmp_path, N)
    with pytest.raises(ValueError, match="rows from 3 on, but 0 rows are done"):
        rows.put(range(3, 4), values=np.zeros((1, 3)))
    rows.put(range(0, 1), values=np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"of shape \(3,\)"):
        rows.put(range(1, 2), values=np.zeros((1, 4)))
    with pytest.raises(ValueError, match="1 of 11 rows are done"):
        rows.array("values")


def test_batches_are_the_same_ones_after_an_interruption(tmp_path):
    batches = []

    def compute(rows, stop=None):
        if rows.start == stop:
            raise KeyboardInterrupt
        batches.append(rows)
        return {"values": EXPECTED[rows]}

    with pytest.raises(KeyboardInterrupt):
        compute_rows(tmp_path, "some", N, lambda rows: compute(rows, stop=8), size=4)
    rows = compute_rows(tmp_path, "some", N, compute, size=4)
    assert batches == [range(0, 4), range(4, 8), range(8, 11)]
    np.testing.assert_array_equal(rows.array("values"), EXPECTED)
    compute_rows(tmp_path, "others", N, compute, size=20)
    assert batches[3:] == [range(0, 11)]


def test_an_array_is_computed_once(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_array(tmp_path, "fold-1", fail)
    np.testing.assert_array_equal(keep_array(tmp_path, "fold-1", EXPECTED.copy), EXPECTED)
    np.testing.assert_array_equal(keep_array(tmp_path, "fold-1", fail), EXPECTED)


def test_a_full_disk_is_an_error_and_no_sudden_end(tmp_path, monkeypatch):
    """Writing to the memory map of a file on a full disk ends the process by SIGBUS."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left on device") as error:
        fill(tmp_path, 4)
    assert str(tmp_path) in error.value.filename
