"""Films whose pictures carry their own number: which one was on screen at k / fps?"""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.io.clips import (
    decode_clips,
    frames_per_clip,
    gather_clips,
    load_clips,
    side_by_side,
    stream_frames,
    write_video,
)

BITS = 8


def numbered_frames(n, size=64):
    """Pictures that show their number as black and white bars, most significant bit first."""
    bits = (np.arange(n)[:, None] >> np.arange(BITS)[::-1]) & 1
    bars = np.repeat(bits, size // BITS, axis=1)[:, None, :, None]
    return np.broadcast_to((bars * 255).astype(np.uint8), (n, size, size, 3))


def number_of(frames):
    """Read the numbers back from (…, size, size, 3)."""
    size = frames.shape[-2]
    centres = np.arange(BITS) * size // BITS + size // BITS // 2
    bits = frames[..., size // 2, centres, :].mean(-1) > 128
    return bits @ (1 << np.arange(BITS)[::-1])


@pytest.mark.parametrize("rate", [24, 25, 30, 30000 / 1001])
def test_frame_k_is_the_picture_on_screen_at_k_over_fps(tmp_path, rate):
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(int(4 * rate) + 2), fps=rate, quality=10)
    clips = decode_clips(film, tr=2, fps=3, size=64, n_clips=2)
    shown = np.floor(np.arange(12) / 3 * rate + 1e-9)
    assert clips.shape == (2, 6, 64, 64, 3)
    assert clips.dtype == np.uint8
    np.testing.assert_array_equal(number_of(clips).ravel(), shown)


def test_frames_that_come_late_or_unevenly_stand_at_their_time(tmp_path):
    """A variable frame rate: the second half of the film at a quarter of the speed."""
    film, slow = tmp_path / "film.mp4", tmp_path / "slow.mp4"
    write_video(film, numbered_frames(40), fps=10, quality=10)
    stretch = "setpts='if(lt(N,20),N,20+4*(N-20))/10/TB'"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    subprocess.run([*ffmpeg, "-i", film, "-vf", stretch, "-fps_mode", "vfr", slow], check=True)
    numbers = number_of(decode_clips(slow, tr=2, fps=2, size=64, n_clips=4).reshape(-1, 64, 64, 3))
    times = np.arange(16) / 2
    expected = np.where(times < 2, times * 10, 20 + np.floor((times - 2) * 2.5 + 1e-9))
    np.testing.assert_array_equal(numbers, expected)


def test_the_centre_square_is_taken_and_scaled(tmp_path):
    film = tmp_path / "wide.mp4"
    square = numbered_frames(4)
    margin = np.full((4, 64, 32, 3), 128, np.uint8)
    write_video(film, np.concatenate([margin, square, margin], axis=2), fps=2, quality=5)
    clips = decode_clips(film, tr=2, fps=2, size=32, n_clips=1)
    assert clips.shape == (1, 4, 32, 32, 3)
    np.testing.assert_array_equal(number_of(clips)[0], [0, 1, 2, 3])


def test_a_short_film_is_named_with_what_was_found_and_needed(tmp_path):
    film = tmp_path / "seg3.mp4"
    write_video(film, numbered_frames(40), fps=10)
    with pytest.raises(InputError, match=r"seg3\.mp4.* ends after 4\.00 s.* need 6 s"):
        decode_clips(film, tr=2, fps=3, size=8, n_clips=3)


def test_a_long_film_is_cut_and_logged(tmp_path, caplog):
    film = tmp_path / "long.mp4"
    write_video(film, numbered_frames(60), fps=10)
    with caplog.at_level("INFO"):
        clips = decode_clips(film, tr=2, fps=3, size=64, n_clips=2)
    assert len(clips) == 2
    assert "goes on after the 4 s" in caplog.text


def test_a_missing_piece_shorter_than_a_frame_is_let_pass(tmp_path):
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(39), fps=10)  # 3.9 s: the last frame is due at 3.67 s
    clips = decode_clips(film, tr=2, fps=3, size=64, n_clips=2)
    assert number_of(clips)[-1, -1] == 36


def test_what_is_no_film_is_refused(tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"PK\x03\x04 this is a zip")
    with pytest.raises(InputError, match=r"bad\.mp4: ffmpeg cannot decode"):
        decode_clips(bad, tr=2, fps=3, size=8, n_clips=1)


def test_a_truncated_film_is_refused(tmp_path):
    film = tmp_path / "half.mp4"
    write_video(film, numbered_frames(60), fps=10)
    film.write_bytes(film.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"half\.mp4"):
        decode_clips(film, tr=2, fps=3, size=8, n_clips=3)


def test_clips_hold_a_whole_number_of_frames():
    assert frames_per_clip(2, 3) == 6
    assert frames_per_clip(0.8, 5) == 4
    with pytest.raises(InputError, match=r"6\.6 frames"):
        frames_per_clip(2.2, 3)


def test_written_frames_come_back(tmp_path):
    """H.264 is lossy, but must keep colours: the matrix is written and read alike."""
    colours = np.array([[200, 30, 30], [30, 180, 60], [40, 60, 210], [128, 128, 128]], np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (4, 32, 32, 3))
    film = tmp_path / "film.mp4"
    write_video(film, frames, fps=3, quality=5)
    back = np.stack(list(stream_frames(film, fps=3, size=32))).astype(int)
    assert back.shape == frames.shape
    assert np.abs(back - frames).max() <= 4


def test_the_same_frames_make_the_same_file(tmp_path):
    frames = numbered_frames(6)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, fps=3)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_side_by_side_keeps_both_and_is_even_and_tall_enough():
    truth = np.full((2, 15, 15, 3), 10, np.uint8)
    picture = side_by_side(truth, truth + 80, height=31)
    assert picture.shape == (2, 46, 94, 3)
    assert (picture[:, :, :45] == 10).all()
    assert (picture[:, :, -45:] == 90).all()


def test_clips_are_gathered_in_the_order_of_the_table():
    clips = {s: np.full((3, 2, 4, 4, 3), i, np.uint8) for i, s in enumerate(["test1", "test2"])}
    clips["test2"][1] = 9
    picked = gather_clips(clips, ["test2", "test1", "test2"], [1, 0, 0])
    np.testing.assert_array_equal(picked[:, 0, 0, 0, 0], [9, 0, 1])
    with pytest.raises(InputError, match="2 clips are missing: test1 3, test3 0"):
        gather_clips(clips, ["test1", "test3"], [3, 0])
    clips["test2"] = clips["test2"][:, :1]
    with pytest.raises(InputError, match="differ"):
        gather_clips(clips, ["test1"], [0])


def test_only_clips_load_as_clips(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    with pytest.raises(InputError, match="made by the stage `clips`"):
        load_clips(tmp_path / "x.npy")
