"""A sound configuration of four films, and what is found in it once it is changed."""

from __future__ import annotations

from mindvideo.checks.settings import check_settings
from mindvideo.config import check_config

RUNS = "{subject}_{segment}_{repetition}"
ZOO_MODELS = {
    "stable_diffusion": "zoo:stable-diffusion",
    "clip": "zoo:clip",
    "captioner": "zoo:blip",
    "image_classifier": "zoo:image-classifier",
    "video_classifier": "zoo:video-classifier",
}


def values(**sections) -> dict:
    """A sound configuration of four films, changed."""
    sound = {
        "dataset": {
            "name": "few",
            "tr": 1.5,
            "lag": 3,
            "clips_per_segment": {"default": 60},
            "subjects": {"a": "a", "b": "b"},
            "train": ["s1", "s2", "s3", "s4"],
            "test": ["t1"],
            "repetitions": {"train": 2, "test": 2},
            "film": "{segment}.mp4",
            "shots": "{segment}_shots.tsv",
            "run": f"{RUNS}.nii.gz",
            "confounds": f"{RUNS}.tsv",
            "timing": {"default": {"drop_start": 0, "drop_end": 4}},
        },
        "pretraining_data": {
            "tr": 0.72,
            "subjects": ["rest"],
            "runs": ["r1"],
            "run": "{subject}_{run}.nii",
        },
        "pretrained": ZOO_MODELS,
        "clips": {"fps": 2, "size": 64},
        "selection": {"criterion": "best", "n_voxels": 500},
        "scoring": {"n_way": [2]},
        "pretraining": {"batch_size": 20},
    }
    for name, section in sections.items():
        sound[name] = sound.get(name, {}) | section
    return sound


def check(**sections) -> dict[str, str]:
    """What is found, by place."""
    findings = check_settings(check_config(values(**sections), "test"))
    assert len({f.place for f in findings}) == len(findings), findings
    return {f.place: f"{f.level}: {f.message}" for f in findings}
