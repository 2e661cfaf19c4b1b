"""Films whose pictures show their number: which one was on screen at k / fps?"""

import subprocess
import tracemalloc
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.io.clips import load_clips
from mindvideo.io.films import cut_clips, read_pictures, stream_frames, write_video
from mindvideo.io.probe import probe

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


def cut(film, **changes):
    """The clips of a film, cut to a file in its folder."""
    clips = film.with_suffix(".npy")
    cut_clips(film, clips, **changes)
    return np.array(load_clips(clips))


@pytest.mark.parametrize("rate", [24, 25, 30, 30000 / 1001])
def test_frame_k_is_the_picture_on_screen_at_k_over_fps(tmp_path, rate):
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(int(4 * rate) + 2), fps=rate, quality=10)
    clips = cut(film, seconds=2, fps=3, size=64, n_clips=2)
    expected = np.floor(np.arange(12) / 3 * rate + 1e-9)
    assert clips.shape == (2, 6, 64, 64, 3)
    assert clips.dtype == np.uint8
    np.testing.assert_array_equal(number_of(clips).ravel(), expected)


def test_frames_of_a_variable_rate_are_at_their_time(tmp_path):
    """A variable frame rate: the second half of the film at a quarter of the speed."""
    film, slow = tmp_path / "film.mp4", tmp_path / "slow.mp4"
    write_video(film, numbered_frames(40), fps=10, quality=10)
    stretch = "setpts='if(lt(N,20),N,20+4*(N-20))/10/TB'"
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    subprocess.run([*ffmpeg, "-i", film, "-vf", stretch, "-fps_mode", "vfr", slow], check=True)
    numbers = number_of(cut(slow, seconds=2, fps=2, size=64, n_clips=4).reshape(-1, 64, 64, 3))
    times = np.arange(16) / 2
    expected = np.where(times < 2, times * 10, 20 + np.floor((times - 2) * 2.5 + 1e-9))
    np.testing.assert_array_equal(numbers, expected)


def test_the_central_square_is_cropped_and_scaled(tmp_path):
    film = tmp_path / "wide.mp4"
    square = numbered_frames(4)
    margin = np.full((4, 64, 32, 3), 128, np.uint8)
    write_video(film, np.concatenate([margin, square, margin], axis=2), fps=2, quality=5)
    clips = cut(film, seconds=2, fps=2, size=32, n_clips=1)
    assert clips.shape == (1, 4, 32, 32, 3)
    np.testing.assert_array_equal(number_of(clips)[0], [0, 1, 2, 3])


def test_a_short_film_is_named_with_its_length_and_the_length_needed(tmp_path):
    film = tmp_path / "seg3.mp4"
    write_video(film, numbered_frames(40), fps=10)
    with pytest.raises(InputError, match=r"seg3\.mp4.* ends after 4\.00 s.* need 6 s"):
        cut(film, seconds=2, fps=3, size=8, n_clips=3)


def test_a_long_film_is_cut_with_a_warning(tmp_path, caplog):
    film = tmp_path / "long.mp4"
    write_video(film, numbered_frames(60), fps=10)
    clips = cut(film, seconds=2, fps=3, size=64, n_clips=2)
    assert len(clips) == 2
    assert "6 s long, its runs need 4 s" in caplog.text


def test_a_missing_piece_shorter_than_a_frame_is_accepted(tmp_path):
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(39), fps=10)  # 3.9 s: the last frame is due at 3.67 s
    clips = cut(film, seconds=2, fps=3, size=64, n_clips=2)
    assert number_of(clips)[-1, -1] == 36


def ffmpeg(*words):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *words], check=True)


def quarters(height, width, n=20):
    """Pictures of four colours: red, green over blue, white."""
    colours = np.array([[[200, 0, 0], [0, 200, 0]], [[0, 0, 200], [200, 200, 200]]], np.uint8)
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return np.broadcast_to(colours[rows][:, columns], (n, height, width, 3))


def centres(frame):
    """The colours in the middle of a frame's quarters, as letters."""
    q = len(frame) // 4
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w", (0, 0, 0): "k"}
    return "".join(names[tuple(frame[y, x] // 128)] for y in (q, 3 * q) for x in (q, 3 * q))


def test_a_rotated_stream_is_turned_upright(tmp_path):
    film, turned = tmp_path / "film.mp4", tmp_path / "turned.mp4"
    write_video(film, quarters(32, 64), fps=10, quality=5)
    ffmpeg("-display_rotation", "90", "-i", film, "-c", "copy", turned)
    first = cut(turned, seconds=2, fps=1, size=32, n_clips=1)[0, 0]
    assert centres(first) == "gwrb"  # a quarter turn anticlockwise
    top = cut(turned, seconds=2, fps=1, size=32, n_clips=1, fit="stretch")[0, 0]
    assert centres(top) == "gwrb"


def test_pictures_of_pixels_that_are_not_square_look_as_on_screen(tmp_path):
    film, wide = tmp_path / "film.mp4", tmp_path / "wide.mp4"
    write_video(film, numbered_frames(4), fps=2, quality=5)
    ffmpeg("-i", film, "-c", "copy", "-aspect", "2:1", wide)  # bars twice as wide
    frames = cut(wide, seconds=2, fps=2, size=64, n_clips=1)[0]
    numbers = np.repeat(numbered_frames(4)[:, :, 16:48], 2, axis=2)
    assert np.abs(frames.astype(int) - numbers).mean() < 8
    padded = cut(wide, seconds=2, fps=2, size=64, n_clips=1, fit="pad")[0]
    assert (padded[:, :15] < 10).all()
    assert (padded[:, -15:] < 10).all()
    np.testing.assert_array_equal(number_of(padded), [0, 1, 2, 3])


@pytest.mark.parametrize(("height", "width"), [(31, 65), (65, 31)])
def test_odd_sizes_and_the_three_fits(tmp_path, height, width):
    film = tmp_path / "odd.avi"
    raw = np.ascontiguousarray(quarters(height, width)).tobytes()
    ffmpeg_in = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "10"]
    (tmp_path / "raw").write_bytes(raw)
    ffmpeg(*ffmpeg_in, "-i", tmp_path / "raw", "-c:v", "ffv1", film)
    settings = {"seconds": 2, "fps": 1, "size": 64, "n_clips": 1}
    frames = {fit: cut(film, fit=fit, **settings)[0, 0] for fit in ("crop", "pad", "stretch")}
    assert centres(frames["crop"]) == centres(frames["stretch"]) == "rgbw"
    dark = (frames["pad"].max(axis=2) < 10).mean()
    assert dark == pytest.approx(1 - 31 / 65, abs=0.03)  # above and below, or left and right
    assert (frames["crop"].max(axis=2) > 10).all()
    assert (frames["stretch"].max(axis=2) > 10).all()


def test_more_frames_than_the_film_has_are_refused(tmp_path):
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(48), fps=24)
    with pytest.raises(InputError, match=r"24 pictures per second, but clips\.fps is 30"):
        cut(film, seconds=2, fps=30, size=64, n_clips=1)
    assert cut(film, seconds=2, fps=24, size=64, n_clips=1).shape[1] == 48
    ntsc = tmp_path / "ntsc.mp4"
    write_video(ntsc, numbered_frames(60), fps=30000 / 1001)
    numbers = number_of(cut(ntsc, seconds=2, fps=30, size=64, n_clips=1))[0]
    np.testing.assert_array_equal(numbers, np.floor(np.arange(60) / 30 * 30000 / 1001 + 1e-9))


def test_scores_of_changes_separate_cuts_from_motion(tmp_path):
    bars = np.roll(numbered_frames(60), np.arange(60), axis=0)  # shades that move
    pan = np.stack([np.roll(bars[20], i, axis=1) for i in range(60)])
    film = tmp_path / "film.mp4"
    write_video(film, np.where(np.arange(60)[:, None, None, None] < 25, pan, 255 - pan), fps=10)
    clips = tmp_path / "film.npy"
    changes = cut_clips(film, clips, seconds=2, fps=3, size=64, n_clips=3)
    cut_at = changes.loc[changes["score"].idxmax()]
    assert cut_at["time"] == pytest.approx(2.5)
    assert cut_at["score"] > 30
    others = changes.drop(cut_at.name)
    assert (others[(others["time"] - 2.6).abs() > 0.01]["score"] < 12).all()


def test_memory_does_not_grow_with_the_film(tmp_path):
    peaks = []
    for n_clips in (2, 20):
        film = tmp_path / f"{n_clips}.mp4"
        write_video(film, numbered_frames(20 * n_clips), fps=10)
        tracemalloc.start()
        cut_clips(film, tmp_path / "x.npy", seconds=2, fps=5, size=256, n_clips=n_clips)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "x.npy").stat().st_size > 20 * 10 * 256 * 256 * 3
    assert peaks[1] < peaks[0] + 2e6  # the clips themselves are 39 MB


@pytest.mark.parametrize(
    "name", ["seg:1.mp4", "-y.mp4", "-", "100%.mp4", "a%03d.mp4", "a b'c\".mp4", "pipe:1.mp4"]
)
def test_a_films_name_is_only_a_name(tmp_path, monkeypatch, name):
    """Not a protocol, an option, a pattern of pictures, or the standard input."""
    monkeypatch.chdir(tmp_path)
    write_video(Path(name), numbered_frames(20), fps=10, quality=10)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert probe(Path(name)).seconds == pytest.approx(2)
    cut_clips(Path(name), Path("clips.npy"), seconds=1, fps=5, size=64, n_clips=2)
    numbers = number_of(load_clips(Path("clips.npy"))).ravel()
    np.testing.assert_array_equal(numbers, np.arange(10) * 2)
    np.testing.assert_array_equal(number_of(read_pictures(Path(name))), np.arange(20))


def test_a_rounded_rate_cuts_without_drift(tmp_path):
    """6 frames in 1.4 s are 4.285714… a second."""
    film = tmp_path / "film.mp4"
    write_video(film, numbered_frames(255), fps=60, quality=10)
    exact, rounded = (
        cut(film, seconds=1.4, fps=fps, size=64, n_clips=3) for fps in (6 / 1.4, 4.2857)
    )
    np.testing.assert_array_equal(exact, rounded)
    np.testing.assert_array_equal(number_of(exact).ravel(), np.arange(18) * 14)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "sound.mp4"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)
    return path


def test_files_that_are_not_films_are_refused(tmp_path, sound):
    settings = {"seconds": 2, "fps": 3, "size": 8, "n_clips": 1}
    (tmp_path / "zip.mp4").write_bytes(b"PK\x03\x04 this is a zip")
    with pytest.raises(InputError, match=r"zip\.mp4: ffmpeg cannot decode it \(.*Invalid data"):
        cut(tmp_path / "zip.mp4", **settings)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match=r"empty\.mp4: the file is empty"):
        cut(tmp_path / "empty.mp4", **settings)
    with pytest.raises(InputError, match=r"sound\.mp4: no pictures, only audio"):
        cut(sound, **settings)


def test_a_film_without_pictures_is_refused(tmp_path):
    film = tmp_path / "none.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc", "-frames:v", "1", tmp_path / "one.mp4")
    ffmpeg("-i", tmp_path / "one.mp4", "-ss", "5", "-c", "copy", film)
    with pytest.raises(InputError, match=r"none\.mp4"):
        cut(film, seconds=2, fps=3, size=8, n_clips=1)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("start", [True, False])
def test_a_truncated_film_is_refused(tmp_path, start, kept):
    """With its index at the start some of it can be decoded; with it at the end, nothing."""
    whole, film = tmp_path / "whole.mp4", tmp_path / "half.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8)
    write_video(whole, noise, fps=10)
    if not start:
        ffmpeg("-i", whole, "-c", "copy", tmp_path / "end.mp4")
        whole = tmp_path / "end.mp4"
    film.write_bytes(whole.read_bytes()[: int(kept * whole.stat().st_size)])
    with pytest.raises(InputError, match=r"half\.mp4: (the film ends after|ffmpeg cannot decode)"):
        cut(film, seconds=2, fps=3, size=8, n_clips=3)


def test_damage_inside_a_film_is_reported(tmp_path, caplog):
    film = tmp_path / "film.mp4"
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8)
    write_video(film, noise, fps=10)
    content = bytearray(film.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    film.write_bytes(content)
    assert len(cut(film, seconds=2, fps=3, size=8, n_clips=3)) == 3
    assert "damaged, but decoded" in caplog.text


def test_written_frames_come_back(tmp_path):
    """H.264 is lossy, but must keep colours: writing and reading use the same matrix."""
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


def test_a_stream_of_frames_makes_the_video_that_an_array_of_them_makes(tmp_path):
    frames = numbered_frames(12)
    write_video(tmp_path / "array.mp4", frames, fps=3)
    write_video(tmp_path / "stream.mp4", (frame for frame in frames), fps=3)
    assert (tmp_path / "stream.mp4").read_bytes() == (tmp_path / "array.mp4").read_bytes()


def test_an_error_in_a_stream_of_frames_is_the_one_that_is_raised(tmp_path):
    def frames():
        yield numbered_frames(1)[0]
        raise InputError("the second frame")

    with pytest.raises(InputError, match="the second frame"):
        write_video(tmp_path / "film.mp4", frames(), fps=3)
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "film.mp4", [], fps=3)
