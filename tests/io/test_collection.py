"""Clips of other methods: GIFs side by side, mp4, .npy; and what may be wrong with them."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mindvideo.errors import InputError
from mindvideo.io.clip_names import ClipNames, other_template
from mindvideo.io.clips import side_by_side
from mindvideo.io.collection import Place, choose_frames, find_clips, read_clip, resize, split_sides
from mindvideo.io.ffmpeg import address, command
from mindvideo.io.films import write_video


def clip(seed, size=16, n_frames=3):
    """Squares of few colours, which a GIF stores exactly."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 6, (n_frames, 4, 4, 3)) * 51
    return small.astype(np.uint8).repeat(size // 4, axis=1).repeat(size // 4, axis=2)


def released(truth, reconstruction):
    """As torchvision's make_grid pads: 2 pixels around and between."""
    pad = ((0, 0), (2, 2), (2, 0), (0, 0))
    end = np.zeros((len(reconstruction), reconstruction.shape[1] + 4, 2, 3), np.uint8)
    return np.concatenate([np.pad(truth, pad), np.pad(reconstruction, pad), end], axis=2)


def save_gif(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=333, loop=0)


def test_the_padding_of_released_gifs_is_cropped(tmp_path):
    truth, reconstruction = clip(0, 256), clip(1, 256)
    both = released(truth, reconstruction)
    assert both.shape[1:3] == (260, 518)
    np.testing.assert_array_equal(both[:, 2:258, 2:258], truth)
    np.testing.assert_array_equal(both[:, 2:258, 260:516], reconstruction)
    save_gif(tmp_path / "1.gif", both)
    sides = split_sides(read_clip(Place(tmp_path / "1.gif")))
    np.testing.assert_array_equal(sides, [truth, reconstruction])


def test_halves_and_this_projects_videos_are_recognised_by_their_shape():
    truth, reconstruction = clip(0), clip(1)
    halves = np.concatenate([truth, reconstruction], axis=2)
    for both in (halves, side_by_side(truth, reconstruction, height=16)):
        np.testing.assert_array_equal(split_sides(both), [truth, reconstruction])
    assert split_sides(truth) is None
    assert split_sides(np.zeros((3, 16, 40, 3), np.uint8)) is None


def test_clips_are_sorted_by_segment_and_number(tmp_path):
    for name in ("seg10/2.gif", "seg9/10.gif", "seg9/9.gif", "a_03.gif", "7.gif"):
        save_gif(tmp_path / name, clip(0))
    np.save(tmp_path / "test1.npy", np.stack([clip(1), clip(2)]))
    (tmp_path / "notes.txt").write_text("")
    clips = find_clips(tmp_path)
    numbers = {"a": [3], "clips": [7], "seg9": [9, 10], "seg10": [2], "test1": [0, 1]}
    assert list(clips) == [(segment, n) for segment in numbers for n in numbers[segment]]
    np.testing.assert_array_equal(read_clip(clips["test1", 1]), clip(2))


@pytest.mark.parametrize(
    "copy",
    [
        ".ipynb_checkpoints/test1_1-checkpoint.gif",
        "__MACOSX/test1/._1.gif",
        "._test1_1.gif",
        "test1/.ipynb_checkpoints/1.gif",
        "test1/@eaDir/1.gif",
        ".Trash-1000/files/2.gif",
    ],
)
def test_copies_of_the_operating_system_are_no_clips(tmp_path, copy):
    folder = tmp_path / ".cache/clips"  # the folder itself may be hidden
    save_gif(folder / "test1/1.gif", clip(0))
    save_gif(folder / copy, clip(0))
    (folder / ".DS_Store").touch()
    assert list(find_clips(folder)) == [("test1", 1)]
    (folder / "test1/1.gif").unlink()
    with pytest.raises(InputError, match=r"no clips .* only 2 hidden"):
        find_clips(folder)


@pytest.mark.parametrize(
    ("template", "name", "key"),
    [
        ("{segment}_{clip}_seed*", "test1_0003_seed42", ("test1", 3)),
        ("{segment}_{clip}_seed*", "a/sub-01_film_17_seed1_v2", ("a-sub-01_film", 17)),
        ("{segment}_{clip}_seed42", "test1_0003_seed42", ("test1", 3)),
        ("{segment}_{clip}_seed4", "test1_0003_seed42", None),
        ("{clip}_*x*", "0012_512x512", ("clips", 12)),
        ("{clip}_{segment}", "0012_test1", ("test1", 12)),
        ("{segment}{clip}*", "test10003x", ("test", 10003)),  # a number is taken whole
        ("sub1/{segment}/{clip}-*", "sub1/test1/7-final", ("test1", 7)),
        ("{segment}/{clip}", "sub1/test1/7", None),
        ("{segment}.{clip}", "test1x7", None),
    ],
)
def test_templates_say_which_part_of_a_name_is_what(template, name, key):
    assert ClipNames(template).read(Path(f"{name}.gif")) == key


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{segment}_seed*", "needs {clip} once"),
        ("{clip}_{clip}", "needs {clip} once"),
        ("{segment}_{clip}_{seed}", "has {seed}; {clip}, {segment} can be filled in"),
    ],
)
def test_invalid_templates_are_refused(template, words):
    with pytest.raises(InputError, match=re.escape(words)):
        ClipNames(template)


@pytest.mark.parametrize(
    ("names", "template"),
    [
        (["test1_0003_seed42", "test1_0004_seed42", "fox"], "{segment}_{clip}_seed*"),
        (["sub-1_clip-3_seed-7", "sub-1_clip-4_seed-7"], "{segment}-{clip}_seed-*"),
        (["1_512x512", "2_512x512"], "{clip}_*x*"),
        (["cat_1", "dog_2"], None),
    ],
)
def test_the_template_of_names_is_guessed_from_what_varies(names, template):
    assert other_template(names) == template
    if template:
        keys = {ClipNames(template).read(Path(f"{name}.gif")) for name in names} - {None}
        assert len(keys) == 2
        assert len({segment for segment, _ in keys}) == 1


def test_clips_that_a_template_does_not_name_are_left_out(tmp_path, caplog):
    for seed in (1, 42):
        save_gif(tmp_path / f"test1_3_seed{seed}.gif", clip(seed))
    clips = find_clips(tmp_path, "{segment}_{clip}_seed42")
    assert clips == {("test1", 3): Place(tmp_path / "test1_3_seed42.gif")}
    assert "left out, as they are not named '{segment}_{clip}_seed42': test1_3_seed1" in caplog.text
    with pytest.raises(
        InputError, match=r"several files for the same clip: .*seed42.gif and test1_3_seed1.gif"
    ):
        find_clips(tmp_path, "{segment}_{clip}_seed*")
    with pytest.raises(InputError, match=r"no clip matches the pattern '\{clip\}': test1_3_seed1"):
        find_clips(tmp_path, "{clip}")


def test_an_mp4_keeps_its_frames(tmp_path):
    frames = clip(3, 64, 6)
    write_video(tmp_path / "1.mp4", frames, fps=3)
    decoded = read_clip(Place(tmp_path / "1.mp4"))
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 12  # it is compressed


def test_pictures_of_a_variable_rate_are_each_read_once(tmp_path):
    """6 pictures with durations of 0.1 to 1.5 s stay 6, whatever the format."""
    frames, durations = clip(4, 64, 6), [100, 1500, 200, 100, 700, 300]
    pictures = [Image.fromarray(frame) for frame in frames]
    more = {"save_all": True, "append_images": pictures[1:], "duration": durations}
    pictures[0].save(tmp_path / "1.gif", **more)
    np.testing.assert_array_equal(read_clip(Place(tmp_path / "1.gif")), frames)
    words = command("-v", "error", "-i", address(tmp_path / "1.gif"), "-fps_mode", "vfr")
    subprocess.run([*words, "-pix_fmt", "yuv420p", tmp_path / "1.mp4"], check=True)
    decoded = read_clip(Place(tmp_path / "1.mp4"))
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(int) - frames).mean() < 12


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_frames_are_chosen_by_their_duration(tmp_path, kind):
    """A GIF's writer stores two equal frames as one of twice the duration."""
    frames = clip(6, 64, 5)[[0, 0, 1, 2, 3, 4]]
    save_gif(tmp_path / "1.gif", frames)
    words = command("-v", "error", "-i", address(tmp_path / "1.gif"), "-fps_mode", "vfr")
    subprocess.run([*words, "-pix_fmt", "yuv420p", tmp_path / "1.mp4"], check=True)
    place = Place(tmp_path / f"1.{kind}")
    assert len(read_clip(place)) == 5
    assert choose_frames(place, 5, 6).tolist() == [0, 0, 1, 2, 3, 4]
    assert choose_frames(place, 5, 12).tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_frames_of_equal_duration_are_chosen_evenly(tmp_path):
    np.save(tmp_path / "a.npy", clip(0)[None])
    assert choose_frames(Place(tmp_path / "a.npy", 0), 6, 3).tolist() == [1, 3, 5]
    write_video(tmp_path / "1.mp4", clip(3, 64, 6), fps=3)
    assert choose_frames(Place(tmp_path / "1.mp4"), 6, 3).tolist() == [1, 3, 5]
    assert choose_frames(Place(tmp_path / "1.mp4"), 6, 9).tolist() == [0, 1, 1, 2, 3, 3, 4, 5, 5]


def test_a_rotated_mp4_and_one_with_a_cover_are_read_as_on_screen(tmp_path):
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


def test_folders_without_clips_are_named(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        find_clips(tmp_path / "nowhere")
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"no clips \(mp4, GIF or .npy\), only 1 .png"):
        find_clips(tmp_path)
    save_gif(tmp_path / "fox.gif", clip(0))
    with pytest.raises(InputError, match=r"fox.gif: names must end with the clip's number"):
        find_clips(tmp_path)
    (tmp_path / "fox.gif").unlink()
    save_gif(tmp_path / "a_1.gif", clip(0))
    save_gif(tmp_path / "a_01.gif", clip(0))
    with pytest.raises(InputError, match=r"several files for the same clip: a_1.gif and a_01.gif"):
        find_clips(tmp_path)


@pytest.mark.parametrize("name", ["1.gif", "1.mp4"])
def test_unreadable_files_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"GIF89a, or so it says")
    with pytest.raises(InputError, match=rf"{name}: .*cannot (be read|decode).*complete"):
        read_clip(Place(tmp_path / name))
