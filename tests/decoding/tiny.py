"""A tiny folder of results, computed by the stages from runs to clips; networks are untrained."""

import json
from pathlib import Path

import numpy as np

from mindvideo.adoption import provenance
from mindvideo.contents import content_of, file_digest
from mindvideo.identity import Identity
from mindvideo.io.maps import write_map
from mindvideo.io.motion import save_decoder
from mindvideo.io.runs import write_run
from mindvideo.io.sidecars import sidecar_path
from mindvideo.io.spaces import Grid, Space
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.registry import read_stage
from mindvideo.runner import run_stage
from mindvideo.settings.base import RunTiming
from mindvideo.settings.evaluation import JoinSettings, Motion, ReconstructionSettings
from mindvideo.settings.fmri import (
    CleanSettings,
    NullWindowSettings,
    RegionSettings,
    Selection,
    WindowSettings,
)
from mindvideo.settings.training import CotrainingSettings
from mindvideo.sidecars import describe
from tests.untrained import write_untrained

N = {"seg1": 12, "seg2": 12, "test1": 9, "test2": 5}
REPETITIONS = {"seg1": 2, "seg2": 2, "test1": 1, "test2": 2}
TRAIN, TEST = ("seg1", "seg2"), ("test1", "test2")
DROP = {"drop_start": 1, "drop_end": 2}
TR = 2.0
SETTINGS = {
    "steps": 2,
    "guidance": 3.0,
    "num_frames": 3,
    "size": 16,
    "batch_size": 4,
    "shared_noise": 1.0,
    "moving_noise": True,
}


def forge(path, stage, settings, *inputs):
    """Write the sidecar that a stage would have written."""
    identity = Identity(
        stage=stage,
        settings={},
        parameters={},
        inputs={str(p): file_digest(p) for p in inputs},
        **provenance(f"mindvideo.stages.{stage}", ""),
    )
    text = describe(identity, settings, content_of(path), "2026-01-31T09:00:00+00:00", 1.0)
    sidecar_path(path).write_text(text)


def write_runs(folder):
    rng = np.random.default_rng(0)
    grid = Grid(np.diag([3.0, 3, 3, 1]), (5, 5, 5))
    inside = np.zeros(grid.shape, bool)
    inside[:4, :4, :4] = True
    write_map(folder / "mask.nii.gz", inside[inside], Space(grid, inside), name="mask")
    for segment, n in N.items():
        shape = (*grid.shape, n + sum(DROP.values()))
        signal = 60 * rng.standard_normal(shape)
        for repetition in range(1, REPETITIONS[segment] + 1):
            volumes = 1000 + signal + 20 * rng.standard_normal(shape)
            write_run(folder / f"{segment}_{repetition}.nii.gz", volumes, grid, TR, 0.1)


def run(stage, settings, **arguments):
    run_stage(read_stage(stage), arguments, settings)


def prepare(runs, sub):
    """From runs to windows."""
    regions = sub / "regions"
    run(
        "regions",
        RegionSettings(space="volume", atlas=False),
        run=runs / "seg1_1.nii.gz",
        masks=[runs / "mask.nii.gz"],
        regions=regions / "regions.nii.gz",
        networks=regions / "networks.nii.gz",
    )
    for segment, n in N.items():
        run(
            "clean",
            CleanSettings(
                tr=TR,
                timing=[RunTiming(**DROP)] * REPETITIONS[segment],
                lag=1,
                n_volumes=n + 1,  # the last window has one of the volumes after the film
                n_volumes_of_film=n,
                detrend_order=1,
                average=segment in TEST,
            ),
            runs=[runs / f"{segment}_{r}.nii.gz" for r in range(1, REPETITIONS[segment] + 1)],
            regions=regions / "regions.nii.gz",
            confounds=None,
            cleaned=sub / f"clean/{segment}.npy",
            tsnr=sub / f"clean/{segment}_tsnr.nii.gz",
            alive=sub / f"clean/{segment}_alive.npy",
            table=sub / f"clean/{segment}_runs.tsv",
        )
    run(
        "select",
        Selection(criterion="best", n_voxels=30),
        cleaned=[sub / f"clean/{segment}.npy" for segment in TRAIN],
        tables=[sub / f"clean/{segment}_runs.tsv" for segment in TRAIN],
        regions=regions / "regions.nii.gz",
        networks=regions / "networks.nii.gz",
        voxels=sub / "selection/voxels.tsv",
        **{name: sub / f"selection/{name}.nii.gz" for name in ("r", "z", "t", "p", "mask")},
    )
    for name, segments in {"train": TRAIN, "test/test1": TEST[:1], "test/test2": TEST[1:]}.items():
        run(
            "windows",
            WindowSettings(tr=TR, seconds=TR, patch_size=8),
            cleaned=[sub / f"clean/{segment}.npy" for segment in segments],
            voxels=sub / "selection/voxels.tsv",
            windows=sub / f"windows/{name}.npy",
            table=sub / f"windows/{name}.tsv",
        )
    run(
        "null_window",
        NullWindowSettings(),
        windows=sub / "windows/train.npy",
        null_window=sub / "windows/null.npy",
    )


def reconstruct(sub, segment, first, *, sd, **changes):
    """The clips of a segment, in the folder of a model or of a variant."""
    owner = sub.parent.parent if sub.parent.name == "variants" else sub
    settings = ReconstructionSettings(**SETTINGS | changes, stable_diffusion=str(sd), first=first)
    empty = owner.parent / "shared/latents/empty_text.npy"
    run(
        "reconstruct",
        settings,
        windows=owner / f"windows/test/{segment}.npy",
        table=owner / f"windows/test/{segment}.tsv",
        null_window=owner / "windows/null.npy",
        model=owner / "cotraining/model",
        motion=owner / "motion/decoder.npy" if settings.moving_noise else None,
        train_windows=owner / "windows/train.npy"
        if "mean-tokens" in (settings.condition, settings.negative)
        else None,
        empty_text=empty if settings.negative == "empty-caption" else None,
        reconstructions=sub / f"reconstruction/{segment}.npy",
        state=owner.parent / "state" / sub.name / segment,
        segment=segment,
    )


def write_results():
    """Write runs and results in the current folder."""
    runs, sub, sd = Path("runs"), Path("results/sub1"), Path("untrained/sd")
    runs.mkdir()
    write_runs(runs)
    prepare(runs, sub)
    write_untrained(Path("untrained"))
    model = sub / "cotraining/model"
    model.parent.mkdir()
    Path("untrained/model").rename(model)
    encoder = FmriEncoder.from_pretrained(model / "fmri_encoder")
    shape = {k: v for k, v in encoder.config.items() if not k.startswith("_")}
    shape["voxels"] = file_digest(sub / "selection/voxels.tsv")
    trained = FmriEncoder(**shape)
    trained.load_state_dict(encoder.state_dict())
    trained.save_pretrained(model / "fmri_encoder")
    train = sub / "windows/train.npy"
    forge(model, "cotraining", CotrainingSettings(stable_diffusion=str(sd)), train)
    (sub / "motion").mkdir()
    rng = np.random.default_rng(1)
    save_decoder(sub / "motion/decoder.npy", rng.normal(size=(3, 64)) / 99, np.zeros(3))
    forge(sub / "motion/decoder.npy", "motion", Motion(), train)
    Path("results/shared/latents").mkdir(parents=True)
    empty = Path("results/shared/latents/empty_text.npy")
    np.save(empty, rng.normal(size=(5, 12)).astype(np.float32))
    forge(empty, "latents", Motion())
    for segment, first in (("test1", 0), ("test2", N["test1"])):
        reconstruct(sub, segment, first, sd=sd)
    run(
        "reconstructions",
        JoinSettings(),
        segments=[sub / f"reconstruction/{segment}.npy" for segment in TEST],
        table=joined_table(sub),
        reconstructions=sub / "reconstruction/reconstructions.npy",
    )
    stamp = {"dataset": "tiny films", "configuration": "c.yaml", "since": "2026"}
    Path("results/dataset.json").write_text(json.dumps(stamp))


def joined_table(sub):
    parts = [(sub / f"windows/test/{segment}.tsv").read_text() for segment in TEST]
    path = sub / "windows/test.tsv"
    path.write_text(parts[0] + parts[1].split("\n", 1)[1])
    return path
