"""The stage that simulates runs."""

import nibabel as nib

from mindvideo.demo import film as films
from mindvideo.settings.base import Timing
from mindvideo.settings.demo import DemoBrainSettings
from mindvideo.stages import demo_runs

TIMING = Timing(drop_start=1, drop_end=4)


def test_demo_runs_are_raw_runs_of_the_film(tmp_path):
    film, shots = tmp_path / "seg1.mp4", tmp_path / "seg1.tsv"
    takes = films.script(0, "train", "seg1", 8)
    films.save_film(film, films.frames(takes, 10, 64), 10, 64)
    films.save_shots(shots, takes)
    settings = DemoBrainSettings(tr=2, timing=TIMING, n_volumes=4, resolution=6)

    def watch(subject: str, *runs: str):
        paths = [tmp_path / subject / f"{run}.nii.gz" for run in runs]
        paths[0].parent.mkdir(exist_ok=True)
        demo_runs.main(
            subject=subject, segment="seg1", film=film, shots=shots, runs=paths, settings=settings
        )
        return [path.read_bytes() for path in paths]

    first = watch("one", "seg1_1", "seg1_2")
    assert watch("one", "seg1_1", "seg1_2") == first
    assert first[0] != first[1]
    assert watch("two", "seg1_1") != first[:1]
    image = nib.load(tmp_path / "one/seg1_1.nii.gz")
    assert image.shape[3] == 4 + 5
    assert image.header.get_zooms() == (6, 6, 6, 2)
