"""A trained model as one folder that can be handed on: what is in it, written and read.

The folder is a saved pipeline (``unet/``, ``fmri_encoder/``, ``vae/``, ``scheduler/``), with the
files of :data:`NAMES`, those that the settings need, and a model card.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from mindvideo.decoding.generator import load_training_windows, mean_condition, needs_mean_tokens
from mindvideo.decoding.model import Recording, TrainedModel
from mindvideo.decoding.results import from_results
from mindvideo.errors import InputError
from mindvideo.io.released import read_config
from mindvideo.io.spaces import Columns, Grayordinates, Grid, Parcels
from mindvideo.models.folders import pretrained_folder
from mindvideo.models.pipeline import PARTS
from mindvideo.models.trained import load_pipeline
from mindvideo.settings.decoding import ModelSettings
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.settings.stimuli import Clips
from mindvideo.validation import explain

SETTINGS = "decoding.json"
NAMES = {
    "null_window": "null_window.npy",
    "motion": "motion.npy",
    "empty_text": "empty_text.npy",
    "mean_tokens": "mean_tokens.npy",
    "mean_window": "mean_window.npy",
}
VOXELS, REGIONS = "voxels.tsv", "regions"
ENDINGS = tuple(grid.endings[1] for grid in (Grid, Grayordinates, Parcels, Columns))
TR = 2.0
"""Repetition time of the paper's data [s]: how long a clip of a released checkpoint is."""


def write_model(model: TrainedModel, folder: Path) -> None:
    """Write a folder that decodes what the model does, to the same bytes.

    Paths of the computer that trained the model are left out.

    Raises
    ------
    InputError
        If a file that the settings need is missing.
    """
    settings = model.settings
    pipeline = load_pipeline(model.networks, settings.stable_diffusion, settings.scheduler)
    pipeline.save_pretrained(folder)
    for path in (folder / "model_index.json", *folder.glob("*/*config.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        content.pop("_name_or_path", None)
        path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in ("null_window", "motion", "empty_text"):
        if (source := getattr(model, name)) is not None:
            shutil.copyfile(source, folder / NAMES[name])
    if needs_mean_tokens(settings):
        config = pipeline.fmri_encoder.config
        shape = config["window_size"], config["num_voxels"]
        training = load_training_windows(model.train_windows, shape)
        if settings.precision != "fp32":
            pipeline = load_pipeline(
                model.networks, settings.stable_diffusion, precision=settings.precision
            )
        tokens, window = mean_condition(pipeline, training)
        np.save(folder / NAMES["mean_tokens"], tokens.values[0].numpy())
        np.save(folder / NAMES["mean_window"], window)
    recording = model.recording
    if recording is not None:
        ending = next(end for end in ENDINGS if recording.regions.name.endswith(end))
        shutil.copyfile(recording.regions, folder / f"{REGIONS}{ending}")
        shutil.copyfile(recording.voxels, folder / VOXELS)
    public = settings.model_copy(
        update={"stable_diffusion": public_name(settings.stable_diffusion)}
    )
    values = ModelSettings(
        reconstruction=public, recording=recording.settings if recording else None
    )
    (folder / SETTINGS).write_text(values.model_dump_json(indent=2) + "\n", encoding="utf-8")


def public_name(name: str) -> str:
    """The name of a pretrained model, without the path if it is a local folder."""
    if name.startswith("zoo:") or not pretrained_folder(name).is_dir():
        return name
    return pretrained_folder(name).name


def read_model(folder: Path) -> TrainedModel:
    """The model in a folder that :func:`write_model` has written.

    Raises
    ------
    InputError
        If the settings cannot be read, or are of a later version.
    """
    path = folder / SETTINGS
    try:
        values = ModelSettings.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InputError(
            f"{explain(error, str(path), ModelSettings)}\nIs the file complete, and is this "
            "mindvideo as new as the one that wrote it?"
        ) from None
    files = {name: folder / file for name, file in NAMES.items() if (folder / file).is_file()}
    regions = [folder / f"{REGIONS}{end}" for end in ENDINGS]
    there = [path for path in regions if path.is_file()]
    recording = None
    if values.recording is not None and there and (folder / VOXELS).is_file():
        recording = Recording(values.recording, there[0], folder / VOXELS)
    return TrainedModel(
        place=folder,
        networks=folder,
        settings=values.reconstruction,
        complete=True,
        recording=recording,
        **files,
    )


def read_checkpoint(folder: Path) -> TrainedModel:
    """A released checkpoint, or a pipeline saved without settings: with those of the paper."""
    clips = Clips()
    return TrainedModel(
        place=folder,
        networks=folder,
        settings=ReconstructionSettings(
            stable_diffusion=str(folder), num_frames=round(clips.fps * TR), size=clips.size
        ),
        complete=True,
    )


def open_model(folder: Path) -> TrainedModel:
    """The model of a folder of results, an exported model, or a checkpoint.

    Raises
    ------
    InputError
        If the folder is none of these.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder: name a folder of results (results/sub1), a model that "
            "`mindvideo export` has written, or a released checkpoint"
        )
    if (folder / SETTINGS).is_file():
        return read_model(folder)
    missing = [name for name in PARTS if not (folder / name).is_dir()]
    if (folder / "model_index.json").is_file() or not missing:
        read_config(folder / "fmri_encoder")
        return read_checkpoint(folder)
    if (folder / "reconstruction").is_dir():
        return from_results(folder)
    entries = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    raise InputError(
        f"{folder}: neither results with a reconstruction, nor a model: it has no "
        f"{SETTINGS}, no reconstruction/, and of a checkpoint it lacks {', '.join(missing)} "
        f"(found: {entries}). Name the folder of a subject, such as results/sub1, with at least "
        "one reconstructed segment (snakemake --cores all results/sub1/reconstruction/SEGMENT.npy)"
    )
