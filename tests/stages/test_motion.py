"""The stage that decodes motion, on films that move to where the windows say."""

import cv2
import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri import decoding
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings import Motion
from mindvideo.stages import motion as stage

N = 30


@pytest.fixture
def moving(tmp_path):
    """Two training films, whose n-th clip moves right by steps[n] px of 32, and their windows."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (32, 96, 3), np.uint8), (0, 0), 3)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    pattern = rng.normal(size=(2, 20))
    steps = rng.integers(-3, 4, 2 * N)
    clips = np.stack(
        [[picture[:, 32 - s * t : 64 - s * t] for t in range(-1, 3)] for s in steps.tolist()]
    )
    windows = steps[:, None, None] * pattern + 0.1 * rng.normal(size=(2 * N, 2, 20))
    rows = [("seg1", i) for i in range(N)] + [("seg2", i) for i in range(N)]
    for number in (1, 2):
        np.save(tmp_path / f"seg{number}.npy", clips[(number - 1) * N : number * N])
    np.save(tmp_path / "train.npy", windows.astype(np.float32))
    np.save(tmp_path / "test.npy", np.stack([k * pattern for k in (-2, 0, 2)]).astype(np.float32))
    save_table(tmp_path / "train.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    save_table(tmp_path / "test.tsv", pd.DataFrame({"segment": "test1", "clip": range(3)}))
    return tmp_path


def decode(folder, clips=("seg1", "seg2"), state="state"):
    (folder / state).mkdir(exist_ok=True)
    stage.main(
        **{f"{split}_windows": folder / f"{split}.npy" for split in ("train", "test")},
        **{f"{split}_table": folder / f"{split}.tsv" for split in ("train", "test")},
        clips=[folder / f"{name}.npy" for name in clips],
        motion=folder / "motion.tsv",
        decoding=folder / "decoding.tsv",
        state=folder / state,
        settings=Motion(),
    )
    return load_table(folder / "motion.tsv"), load_table(folder / "decoding.tsv")


def test_tells_where_the_clips_move(moving):
    motion, decoding = decode(moving)
    assert motion.columns.tolist() == ["segment", "clip", "right", "down", "growth"]
    assert motion["clip"].tolist() == [0, 1, 2]
    assert motion["right"].to_numpy() * 32 == pytest.approx([-2, 0, 2], abs=0.5)
    assert motion["down"].abs().max() < 0.02
    assert decoding.set_index("column")["r"]["right"] > 0.95


def test_refuses_what_does_not_belong_together(moving):
    with pytest.raises(InputError, match="seg2"):
        decode(moving, clips=["seg1"])
    save_table(moving / "test.tsv", pd.DataFrame({"segment": "test1", "clip": range(4)}))
    with pytest.raises(InputError, match=r"test\.npy: 3 rows, but 4 in .*test\.tsv"):
        decode(moving)


def test_an_interrupted_run_computes_only_the_rest(moving, interrupt):
    decode(moving)
    expected = [(moving / f"{name}.tsv").read_bytes() for name in ("motion", "decoding")]
    interrupt(stage, "optical_flow", after=50)
    with pytest.raises(interrupt.error):
        decode(moving, state="other")
    flows, fits = interrupt(stage, "optical_flow"), interrupt(decoding, "_guess", after=2)
    with pytest.raises(interrupt.error):
        decode(moving, state="other")
    assert (len(flows), len(fits)) == (2 * N - 50, 2)
    flows, fits = interrupt(stage, "optical_flow"), interrupt(decoding, "_guess")
    decode(moving, state="other")
    assert (len(flows), len(fits)) == (0, 1)
    assert [(moving / f"{name}.tsv").read_bytes() for name in ("motion", "decoding")] == expected
