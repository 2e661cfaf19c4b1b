"""Durations of films by their pictures, whatever their files state; the same for all stages."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest

from mindvideo.errors import InputError
from mindvideo.io.films import cut_clips, write_video
from mindvideo.io.probe import probe

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=4")
TONE = ("-f", "lavfi", "-i", "sine=d=6")


def ffmpeg(*words, **options):
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *words]
    return subprocess.run(words, check=True, **options)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Films of 40 pictures in 4 s, unless their names say otherwise."""
    folder = tmp_path_factory.mktemp("films")
    plain, sound, cover = folder / "plain.mp4", folder / "sound.mp4", folder / "cover.png"
    ffmpeg(*PICTURE, "-pix_fmt", "yuv420p", plain)
    ffmpeg(*PICTURE, *TONE, sound)
    ffmpeg("-f", "lavfi", "-i", "color=red:s=200x200", "-frames:v", "1", cover)
    with (folder / "recorded.webm").open("wb") as file:  # to a pipe, which cannot be rewound
        ffmpeg(*PICTURE, "-c:v", "libvpx", "-f", "webm", "pipe:1", stdout=file)
    ffmpeg("-itsoffset", "5", "-i", plain, "-c", "copy", "-copyts", folder / "late.mkv")
    ffmpeg(*TONE, "-itsoffset", "1", "-i", plain, "-map", "0", "-map", "1", folder / "after.mkv")
    ffmpeg("-ss", "1.35", "-i", plain, "-c", "copy", folder / "edited.mp4")
    ffmpeg("-display_rotation", "90", "-i", plain, "-c", "copy", folder / "turned.mp4")
    sleeve = ("-c", "copy", "-c:v:0", "png", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", cover, "-i", sound, "-map", "0", "-map", "1", *sleeve, folder / "cover.mp4")
    slow = ("-vf", "setpts='if(lt(N,20),N,20+4*(N-20))/10/TB'", "-fps_mode", "vfr")
    ffmpeg("-i", plain, *slow, folder / "slow.mp4")
    ffmpeg(*PICTURE, "-c:v", "mpeg2video", "-r", "25", folder / "old.mpg")
    ffmpeg(*PICTURE, "-c:v", "mpeg4", folder / "old.avi")
    ffmpeg("-i", plain, "-bsf:v", "h264_mp4toannexb", folder / "raw.h264")
    return folder


LASTING = {
    "plain.mp4": (4, 4, 10),
    "sound.mp4": (4, 6, 10),
    "recorded.webm": (4, None, 10),
    "late.mkv": (4, 9, 10),  # its first picture has the time stamp of 5 s
    "after.mkv": (5, 6, 10),  # a second of sound before the first picture
    "edited.mp4": (2.6, 2.65, 10),
    "turned.mp4": (4, 4, 10),
    "cover.mp4": (4, 6, 10),
    "slow.mp4": (10, 9.1, 4),  # at 10 pictures a second, then at 2.5
    "old.mpg": (4, 3.92, 25),
    "old.avi": (4, 4, 10),
    "raw.h264": (4, None, 10),
}
"""By film: the end of its last picture, the duration that it states [s]; pictures a second."""


@pytest.mark.parametrize("name", LASTING)
def test_films_last_as_long_as_their_pictures(films, name):
    seconds, stated, mean_rate = LASTING[name]
    facts = probe(films / name)
    assert facts.seconds == pytest.approx(seconds, abs=0.002)
    assert facts.mean_rate == pytest.approx(mean_rate, rel=0.001)
    if stated is None:
        assert np.isnan(facts.stated)
    else:
        assert facts.stated == pytest.approx(stated, abs=0.03)


@pytest.mark.parametrize("name", LASTING)
def test_the_probed_duration_is_that_of_the_clips_that_can_be_cut(films, tmp_path, name):
    """Clips of 0.1 s: as many can be cut as the duration of the pictures allows, not one more."""
    whole = round(probe(films / name).seconds / 0.1)
    settings = {"seconds": 0.1, "fps": 10, "size": 8}
    assert probe(films / name).fault(whole, 0.1, 10) is None
    cut_clips(films / name, tmp_path / "clips.npy", **settings, n_clips=whole)
    assert len(np.load(tmp_path / "clips.npy")) == whole
    assert "the film ends after" in probe(films / name).fault(whole + 1, 0.1, 10)
    with pytest.raises(InputError, match=rf"{name}: the film ends after"):
        cut_clips(films / name, tmp_path / "clips.npy", **settings, n_clips=whole + 1)


def test_sound_that_goes_on_is_named(films):
    fault = probe(films / "sound.mp4").fault(3, 2, 3)
    assert "ends after 4.00 s (the file states 6.00 s, as its sound may last), 3 clips" in fault


def test_size_and_rate_of_files(films, tmp_path):
    film = tmp_path / "film.mp4"
    write_video(film, np.zeros((45, 32, 64, 3), np.uint8), fps=15)
    facts = probe(film)
    assert (facts.width, facts.height, facts.rate) == (64, 32, 15)
    assert facts.seconds == pytest.approx(3)
    assert (probe(films / "cover.mp4").width, probe(films / "slow.mp4").rate) == (64, 10)


def test_more_frames_than_pictures_are_refused_with_a_rate_that_can_be_had(films):
    fault = probe(films / "plain.mp4").fault(2, 1.4, 15 / 1.4)
    assert "10 pictures per second, but clips.fps is 10.7143" in fault
    assert fault.endswith("at most 10, such as 10 (14 frames a clip)")
