"""Clips as others leave them: GIFs side by side, mp4, .npy; and what may be wrong with them."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.io.clips import side_by_side
from mindvideo.io.collection import Place, find_clips, read_clip, resize, split_sides
from mindvideo.io.ffmpeg import address, command
from mindvideo.io.films import write_video


def clip(seed, size=16, n_frames=3):
    """Squares of few colours, which a GIF keeps."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 6, (n_frames, 4, 4, 3)) * 51
    return small.astype(np.uint8).repeat(size // 4, axis=1).repeat(size // 4, axis=2)


def released(truth, made):
    """As torchvision's make_grid pads: 2 pixels around and between."""
    pad = ((0, 0), (2, 2), (2, 0), (0, 0))
    end = np.zeros((len(made), made.shape[1] + 4, 2, 3), np.uint8)
    return np.concatenate([np.pad(truth, pad), np.pad(made, pad), end], axis=2)


def save_gif(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=333, loop=0)


def test_the_padding_of_released_gifs_is_cropped(tmp_path):
    truth, made = clip(0, 256), clip(1, 256)
    both = released(truth, made)
    assert both.shape[1:3] == (260, 518)
    np.testing.assert_array_equal(both[:, 2:258, 2:258], truth)
    np.testing.assert_array_equal(both[:, 2:258, 260:516], made)
    save_gif(tmp_path / "1.gif", both)
    sides = split_sides(read_clip(Place(tmp_path / "1.gif")))
    np.testing.assert_array_equal(sides, [truth, made])


def test_halves_and_this_projects_videos_are_known_by_their_shape():
    truth, made = clip(0), clip(1)
    for both in (np.concatenate([truth, made], axis=2), side_by_side(truth[0:], made, height=16)):
        np.testing.assert_array_equal(split_sides(both), [truth, made])
    assert split_sides(truth) is None
    assert split_sides(np.zeros((3, 16, 40, 3), np.uint8)) is None


def test_clips_are_found_by_segment_and_number_in_order(tmp_path):
    for name in ("seg10/2.gif", "seg9/10.gif", "seg9/9.gif", "a_03.gif", "7.gif"):
        save_gif(tmp_path / name, clip(0))
    np.save(tmp_path / "test1.npy", np.stack([clip(1), clip(2)]))
    (tmp_path / "notes.txt").write_text("")
    found = find_clips(tmp_path)
    assert list(found) == [
        *(("a", 3), ("clips", 7), ("seg9", 9), ("seg9", 10), ("seg10", 2)),
        *(("test1", 0), ("test1", 1)),
    ]
    np.testing.assert_array_equal(read_clip(found["test1", 1]), clip(2))


def test_an_mp4_keeps_its_frames(tmp_path):
    frames = clip(3, 64, 6)
    write_video(tmp_path / "1.mp4", frames, fps=3)
    found = read_clip(Place(tmp_path / "1.mp4"))
    assert found.shape == frames.shape
    assert np.abs(found.astype(int) - frames).mean() < 12  # it is compressed


def test_pictures_of_a_variable_rate_are_each_read_once(tmp_path):
    """6 pictures that stay for 0.1 to 1.5 s: no more, whichever format holds them."""
    frames, durations = clip(4, 64, 6), [100, 1500, 200, 100, 700, 300]
    pictures = [Image.fromarray(frame) for frame in frames]
    more = {"save_all": True, "append_images": pictures[1:], "duration": durations}
    pictures[0].save(tmp_path / "1.gif", **more)
    np.testing.assert_array_equal(read_clip(Place(tmp_path / "1.gif")), frames)
    words = command("-v", "error", "-i", address(tmp_path / "1.gif"), "-fps_mode", "vfr")
    subprocess.run([*words, "-pix_fmt", "yuv420p", tmp_path / "1.mp4"], check=True)
    found = read_clip(Place(tmp_path / "1.mp4"))
    assert found.shape == frames.shape
    assert np.abs(found.astype(int) - frames).mean() < 12


def test_a_turned_mp4_and_one_with_a_cover_are_read_as_on_screen(tmp_path):
    frames = clip(5, 64, 4)[:, :, :48]
    write_video(tmp_path / "film.mp4", frames, fps=3)
    ffmpeg = command("-v", "error")
    turn = ["-display_rotation", "90", "-i", tmp_path / "film.mp4", "-c", "copy"]
    subprocess.run([*ffmpeg, *turn, tmp_path / "1.mp4"], check=True)
    turned = read_clip(Place(tmp_path / "1.mp4"))
    assert np.abs(turned.astype(int) - np.rot90(frames, axes=(1, 2))).mean() < 12
    Image.new("RGB", (640, 640), "red").save(tmp_path / "cover.png")
    both = ["-i", tmp_path / "film.mp4", "-i", tmp_path / "cover.png", "-map", "0", "-map", "1"]
    sleeve = ["-c", "copy", "-disposition:v:1", "attached_pic"]
    subprocess.run([*ffmpeg, *both, *sleeve, tmp_path / "2.mp4"], check=True)
    assert read_clip(Place(tmp_path / "2.mp4")).shape == frames.shape


def test_frames_are_scaled():
    assert resize(clip(0), 8).shape == (3, 8, 8, 3)
    np.testing.assert_array_equal(resize(clip(0), 16), clip(0))


def test_what_is_no_collection_is_named(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_clips(tmp_path / "nowhere")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"no clips \(mp4, GIF or .npy\) in it, only 1 .png"):
        find_clips(tmp_path)
    save_gif(tmp_path / "fox.gif", clip(0))
    with pytest.raises(InputError, match=r"fox.gif: names that end in no number"):
        find_clips(tmp_path)
    (tmp_path / "fox.gif").unlink()
    save_gif(tmp_path / "a_1.gif", clip(0))
    save_gif(tmp_path / "a_01.gif", clip(0))
    with pytest.raises(InputError, match=r"the same clip twice: a_1.gif and a_01.gif"):
        find_clips(tmp_path)


@pytest.mark.parametrize("name", ["1.gif", "1.mp4"])
def test_unreadable_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"GIF89a, or so it says")
    with pytest.raises(InputError, match=rf"{name}: .*cannot (be read|decode).*complete"):
        read_clip(Place(tmp_path / name))
