import cv2
import numpy as np
import pandas as pd
import pytest

from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import save_table
from mindvideo.settings.stimuli import SceneSettings
from mindvideo.stages import scenes as stage

DOG, BROWN, BOAT = "a dog in the snow", "a brown dog in the snow", "a boat at sea"
FRAMES = [[DOG, BROWN, DOG], [DOG, BOAT, BOAT], [BOAT, BOAT, BOAT], [BOAT, BOAT, BOAT]]


@pytest.fixture
def run(tmp_path):
    columns = {f"frame_{i + 1}": column for i, column in enumerate(zip(*FRAMES))}
    save_table(tmp_path / "seg1.tsv", pd.DataFrame({"clip": range(4), **columns}))
    # Shortly after frame 3 (the captions tell it at frame 4), and at frame 10 of 12.
    changes = {"time": [1.05, 3.3, 3.32, 2.0], "score": [40.0, 20.0, 3.0, 7.0]}
    save_table(tmp_path / "changes.tsv", pd.DataFrame(changes))

    def main(corrections=None, clips=None, **settings):
        stage.main(
            captions=tmp_path / "seg1.tsv",
            changes=tmp_path / "changes.tsv",
            clips=clips,
            corrections=corrections,
            scenes=tmp_path / "scenes.tsv",
            settings=SceneSettings(fps=3, **settings),
        )
        table, frames = load_scenes(tmp_path / "scenes.tsv")
        return table["caption"].tolist(), table["scene"].tolist(), frames.tolist()

    return main


def test_scenes_of_pictures_and_captions(run):
    captions, scenes, frames = run()
    assert captions == [DOG, f"{DOG} Then {BOAT}", BOAT, BOAT]
    assert frames == [[0, 0, 0], [0, 1, 1], [1, 1, 1], [1, 2, 2]]
    assert scenes == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({"cuts": ["captions"]}, [1, 1, 1]),
        ({"cuts": ["pictures"]}, [1, 2, 2]),
        ({"threshold": 30}, [1, 1, 1]),
        ({"threshold": 6}, [2, 3, 3]),
        ({"same_scene": 0}, [1, 2, 2]),
    ],
)
def test_settings_say_what_a_cut_is(run, settings, last):
    _, _, frames = run(**settings)
    assert frames[1] == [0, 1, 1]
    assert frames[3] == last


def test_captions_corrected_by_hand_stand(run, tmp_path):
    mended = {"clip": [2, 0], "caption": ["a ship", "two dogs"], "why": ["", "there are two"]}
    save_table(tmp_path / "mended.tsv", pd.DataFrame(mended))
    captions, scenes, _ = run(corrections=[tmp_path / "mended.tsv"])
    assert captions == ["two dogs", f"{DOG} Then {BOAT}", "a ship", BOAT]
    assert scenes == [0, 1, 1, 2]
    assert run(corrections=[])[0] == [DOG, f"{DOG} Then {BOAT}", BOAT, BOAT]


def test_captions_can_tell_the_motion_of_each_scene(run, tmp_path):
    """The second clip has a cut after its first frame; one frame tells no motion."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (48, 144, 3), np.uint8), (0, 0), 3)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    moving = np.stack([picture[:, 48 - 2 * i : 96 - 2 * i] for i in range(3)])
    films = np.stack([np.zeros_like(moving), moving, moving[:1].repeat(3, axis=0), moving])
    np.save(tmp_path / "clips.npy", films)
    motion = {"camera": "as the camera moves", "still": "at rest"}
    captions, scenes, _ = run(clips=tmp_path / "clips.npy", motion=motion)
    moved, rests = (f"{BOAT} {phrase}" for phrase in motion.values())
    assert captions == [f"{DOG} at rest", f"{DOG} Then {moved}", rests, moved]
    assert scenes == run()[1]
    assert run(clips=tmp_path / "clips.npy")[0] == run()[0]  # off by default
    # A phrase that a caption ends with already is not repeated.
    assert run(clips=tmp_path / "clips.npy", motion={"still": "at sea", "camera": ""})[0][2] == BOAT
