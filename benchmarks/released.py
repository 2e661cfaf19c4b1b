"""The files of the released MinD-Video at full size: ``python -m benchmarks.released``

Writes a checkpoint in the released layout, with the paper's sizes and random weights, and arrays of
a few test clips. Then `config/released.yaml` runs on them with few denoising steps, up to the
videos. Prints the time of each rule. Takes some minutes on two cores, and 6 GB on the disk.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from diffusers import AutoencoderKL

from benchmarks.random_weights import UNET15, VAE15, write_models
from benchmarks.rehearsal import measured
from benchmarks.workflow import ROOT, run_workflow
from mindvideo.io.released import write_encoder
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.official import encoder_to_official
from tests.released import untrained_video_unet, write_preprocessed, write_rest

SUBJECT, VOXELS = "subject1", 6000  # 6,016 after padding
SIZE, WIDTH = 256, 768


def write_tree(folder: Path, n_clips: int) -> None:
    """Write the released files that are missing."""
    checkpoint = folder / "released" / SUBJECT
    if not checkpoint.exists():
        torch.manual_seed(0)
        partial = folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        weights, config = encoder_to_official(FmriEncoder(num_voxels=VOXELS + 16))
        write_encoder(partial / "fmri_encoder", weights, config)
        write_rest(partial, untrained_video_unet(WIDTH, UNET15), AutoencoderKL(**VAE15))
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(checkpoint)
    arrays = folder / "released/preprocessed"
    shutil.rmtree(arrays, ignore_errors=True)
    write_preprocessed(arrays, n_segments=1, n_clips=n_clips, n_voxels={SUBJECT: VOXELS}, size=SIZE)


def configuration(folder: Path, n_clips: int, steps: int) -> dict[str, Any]:
    """`config/released.yaml` for one subject and a few clips, with random weights that score."""
    config = yaml.safe_load((ROOT / "config/released.yaml").read_text())
    return config | {
        "dataset": {
            "like": "config/datasets/released.yaml",
            "subjects": {"sub1": SUBJECT},
            "test": ["test1"],
            "clips_per_segment": {"default": n_clips},
            "timing": {"default": {"drop_start": 1, "drop_end": 4}},
        },
        "pretrained": write_models(
            folder / "models", ["clip", "image_classifier", "video_classifier"]
        ),
        "reconstruction": {"steps": steps, "batch_size": 1},
        "variants": {},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("released-rehearsal"))
    parser.add_argument("--clips", type=int, default=2, help="at least 2, to compare them")
    parser.add_argument("--steps", type=int, default=2, help="of denoising")
    parser.add_argument("--cores", default="all")
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    write_tree(folder, arguments.clips)
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    config = configuration(folder, arguments.clips, arguments.steps)
    print(f"files written in {time.perf_counter() - start:.0f} s", flush=True)
    targets = [f"results-released/{name}" for name in ("sub1/videos", "tables/table1.html")]
    run_workflow(folder, "released", config, *targets, cores=arguments.cores)
    print(measured(folder, "results-released").to_string())


if __name__ == "__main__":
    main()
