"""The stage that decodes motion, on films that move to where the windows say."""

import cv2
import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri import decoding
from mindvideo.fmri.decoding import predict
from mindvideo.io.motion import MOTION, load_decoder
from mindvideo.io.tables import load_table, save_table
from mindvideo.settings.evaluation import Motion
from mindvideo.stages import motion as stage

N = 30


@pytest.fixture
def moving(tmp_path):
    """Two training films, whose n-th clip moves right by steps[n] px of 32, and their windows.

    The clips of three test windows move by -2, 0, and 2 px.
    """
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
    return tmp_path


def decode(folder, clips=("seg1", "seg2"), state="state"):
    (folder / state).mkdir(exist_ok=True)
    stage.main(
        windows=folder / "train.npy",
        table=folder / "train.tsv",
        clips=[folder / f"{name}.npy" for name in clips],
        decoder=folder / "decoder.npy",
        decoding=folder / "decoding.tsv",
        state=folder / state,
        settings=Motion(),
    )
    others = np.load(folder / "test.npy")
    motion = predict(others, *load_decoder(folder / "decoder.npy", others[0].size))
    return pd.DataFrame(motion, columns=MOTION), load_table(folder / "decoding.tsv")


def test_decodes_the_motion_of_the_clips(moving):
    motion, decoding = decode(moving)
    assert motion["right"].to_numpy() * 32 == pytest.approx([-2, 0, 2], abs=0.5)
    assert motion["down"].abs().max() < 0.02
    assert decoding.set_index("column")["r"]["right"] > 0.95


def test_refuses_what_does_not_belong_together(moving):
    with pytest.raises(InputError, match="seg2"):
        decode(moving, clips=["seg1"])
    np.save(moving / "train.npy", np.load(moving / "train.npy")[1:])
    with pytest.raises(InputError, match=r"train\.npy: 59 rows, but 60 in .*train\.tsv"):
        decode(moving)


def test_a_decoder_refuses_windows_of_another_size(moving):
    decode(moving)
    with pytest.raises(InputError, match=r"shape \(3, 41\); expected \(3, 39\)"):
        load_decoder(moving / "decoder.npy", 38)


def test_an_interrupted_run_computes_only_the_rest(moving, interrupt):
    decode(moving)
    expected = [(moving / name).read_bytes() for name in ("decoder.npy", "decoding.tsv")]
    interrupt(stage, "optical_flow", after=50)
    with pytest.raises(interrupt.error):
        decode(moving, state="other")
    flows, fits = interrupt(stage, "optical_flow"), interrupt(decoding, "_fit", after=2)
    with pytest.raises(interrupt.error):
        decode(moving, state="other")
    assert (len(flows), len(fits)) == (2 * N - 50, 2)
    flows, fits = interrupt(stage, "optical_flow"), interrupt(decoding, "_fit")
    decode(moving, state="other")
    assert (len(flows), len(fits)) == (0, 1)
    assert [(moving / name).read_bytes() for name in ("decoder.npy", "decoding.tsv")] == expected
