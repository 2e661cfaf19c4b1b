"""The benchmark of the fMRI front end calls the stages as they are."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import fmri_front_end
from mindvideo.settings.fmri import SelectionSettings


def test_every_stage_from_runs_to_windows_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fmri_front_end, "N_VOLUMES", 20)
    segments = fmri_front_end.subject(tmp_path, 2)
    assert [len(runs) for runs in segments.values()] == [2, 2, 10]
    seconds = fmri_front_end.chain(
        {name: runs[:2] for name, runs in segments.items()},
        tmp_path,
        SelectionSettings(correction="fdr_bh", alpha=0.5),
    )
    assert list(seconds) == ["regions", "clean", "living", "select", "windows"]
    assert all((of_stage > 0).all() for of_stage in seconds.values())
    assert np.load(tmp_path / "test.npy").shape[:2] == (19, 2)
