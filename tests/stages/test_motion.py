"""The stages that measure and decode motion, on films that move to where the windows say."""

import cv2
import numpy as np
import pandas as pd
import pytest

from mindvideo.errors import InputError
from mindvideo.fmri import decoding
from mindvideo.fmri.decoding import predict
from mindvideo.io.motion import MOTION, load_decoder, load_motion
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics.motion import mean_motion, optical_flow
from mindvideo.settings.evaluation import Motion
from mindvideo.settings.stimuli import ClipMotion
from mindvideo.stages import clip_motion, motion

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


def measure(folder, clips=("seg1", "seg2"), state="measured"):
    (folder / state).mkdir(exist_ok=True)
    clip_motion.main(
        clips=[folder / f"{name}.npy" for name in clips],
        motion=folder / "motion.tsv",
        state=folder / state,
        settings=ClipMotion(),
    )
    return load_table(folder / "motion.tsv")


def decode(folder, state="state"):
    (folder / state).mkdir(exist_ok=True)
    motion.main(
        windows=folder / "train.npy",
        table=folder / "train.tsv",
        clip_motion=folder / "motion.tsv",
        decoder=folder / "decoder.npy",
        decoding=folder / "decoding.tsv",
        state=folder / state,
        settings=Motion(),
    )
    others = np.load(folder / "test.npy")
    decoded = predict(others, *load_decoder(folder / "decoder.npy", others[0].size))
    return pd.DataFrame(decoded, columns=MOTION), load_table(folder / "decoding.tsv")


def test_measures_the_motion_of_each_clip(moving):
    table, rows = measure(moving), load_table(moving / "train.tsv")
    pd.testing.assert_frame_equal(table[["segment", "clip"]], rows)
    clips = np.concatenate([np.load(moving / f"seg{n}.npy") for n in (1, 2)])
    expected = np.array([mean_motion(optical_flow(clip)) for clip in clips])
    assert np.array_equal(table[MOTION], expected)  # every digit is read back
    assert np.array_equal(load_motion(moving / "motion.tsv", rows[::-1]), expected[::-1])


def test_decodes_the_motion_of_the_clips(moving):
    measure(moving)
    decoded, decoding = decode(moving)
    assert decoded["right"].to_numpy() * 32 == pytest.approx([-2, 0, 2], abs=0.5)
    assert decoded["down"].abs().max() < 0.02
    assert decoding.set_index("column")["r"]["right"] > 0.95


def test_refuses_what_does_not_belong_together(moving):
    measure(moving, clips=["seg1"])
    with pytest.raises(InputError, match=r"motion\.tsv: 30 of 60 clips are missing \(seg2 0"):
        decode(moving)
    measure(moving, state="both")
    np.save(moving / "train.npy", np.load(moving / "train.npy")[1:])
    with pytest.raises(InputError, match=r"train\.npy: 59 rows, but 60 in .*train\.tsv"):
        decode(moving)


def test_a_decoder_refuses_windows_of_another_size(moving):
    measure(moving)
    decode(moving)
    with pytest.raises(InputError, match=r"shape \(3, 41\); expected \(3, 39\)"):
        load_decoder(moving / "decoder.npy", 38)


def test_an_interrupted_run_computes_only_the_rest(moving, interrupt):
    measure(moving)
    decode(moving)
    names = ("motion.tsv", "decoder.npy", "decoding.tsv")
    expected = [(moving / name).read_bytes() for name in names]
    interrupt(clip_motion, "optical_flow", after=50)
    with pytest.raises(interrupt.error):
        measure(moving, state="other")
    flows = interrupt(clip_motion, "optical_flow")
    measure(moving, state="other")
    assert len(flows) == 2 * N - 50
    interrupt(decoding, "_fit", after=2)
    with pytest.raises(interrupt.error):
        decode(moving, state="others")
    fits = interrupt(decoding, "_fit")
    decode(moving, state="others")
    assert len(fits) == 1
    assert [(moving / name).read_bytes() for name in names] == expected
