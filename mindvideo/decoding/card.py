"""The model card of an exported model: data, settings, scores, licences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from mindvideo.contents import Digests
from mindvideo.decoding.folder import public_name
from mindvideo.decoding.model import TrainedModel
from mindvideo.decoding.results import Reconstructions, find_reconstructions
from mindvideo.io.tables import load_table
from mindvideo.libraries import versions
from mindvideo.results_folder import STAMP
from mindvideo.sidecars import Sidecar, ancestors, read_sidecar

RAIL = "creativeml-openrail-m"
RAIL_MODELS = (
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "runwayml/stable-diffusion-v1-5",
    "CompVis/stable-diffusion-v1-4",
)
"""Models of the hub that are under the CreativeML Open RAIL-M licence."""

TRAININGS = ("mbm", "contrastive", "ridge", "video-tuning", "cotraining")
COLUMNS = ("metric", "n_clips", "value", "ci_low", "ci_high", "chance", "null_mean", "p")
RECONSTRUCTION = (
    *("scheduler", "steps", "guidance", "negative", "condition", "precision", "seed"),
    *("num_frames", "size", "shared_noise", "moving_noise", "still"),
)


class Facts(NamedTuple):
    """What the results say of a model's data, training and scores."""

    data_set: str
    name: str
    simulated: bool
    human_connectome: bool
    segments: int
    minutes: float
    trainings: list[tuple[str, Sidecar]]
    evaluated: str
    scores: pd.DataFrame | None


def facts_of(folder: Path) -> Facts:
    """Read the provenance of a folder of results."""
    reconstructions = find_reconstructions(folder)
    sidecar, root = reconstructions.sidecars[0], reconstructions.provenance.root
    before = {
        str(ancestor.path): ancestor.sidecar
        for ancestor in ancestors(sidecar, expanded=set(), root=root)
        if ancestor.sidecar is not None
    }
    stages = {str(record["stage"]) for record in before.values()}
    simulated = any(stage.startswith("demo-") for stage in stages)
    training: Sidecar = next(
        (r for p, r in before.items() if r["stage"] == "windows" and Path(p).name == "train.npy"),
        {"inputs": {}},
    )
    cleaned = [before[str(root / n)] for n in training["inputs"] if str(root / n) in before]
    volumes = [r["settings"] for r in cleaned if r["stage"] == "clean"]
    weights = [
        (Path(path).parent.name, record)
        for path, record in before.items()
        if Path(path).name == "model" and record["stage"] in TRAININGS
    ]
    absolute = folder.absolute()
    stamps = [p / STAMP for p in (absolute, *absolute.parents) if (p / STAMP).is_file()]
    stamp = json.loads(stamps[0].read_text(encoding="utf-8")) if stamps else {}
    return Facts(
        data_set=str(stamp.get("dataset", "")),
        name="/".join(absolute.relative_to(stamps[0].parent).parts) if stamps else absolute.name,
        simulated=simulated,
        human_connectome="samples" in stages and not simulated,
        segments=len(volumes),
        minutes=sum(values["n_volumes"] * values["tr"] for values in volumes) / 60,
        trainings=sorted(weights, key=lambda pair: pair[1]["started"]),
        evaluated=str(stamp.get("evaluate", "test")),
        scores=_scores(folder, reconstructions),
    )


def _scores(folder: Path, reconstructions: Reconstructions) -> pd.DataFrame | None:
    """The table of metrics, if it is that of these reconstructions."""
    path, joined = folder / "metrics.tsv", folder / "reconstruction" / "reconstructions.npy"
    scored, join = read_sidecar(path), read_sidecar(joined)
    if scored is None or join is None or not path.is_file() or not joined.is_file():
        return None
    digests = Digests.near(folder, "export")
    parts = {digests.of(part) for part in reconstructions.paths}
    is_current = digests.of(joined) in scored["inputs"].values()
    is_whole = {*join["inputs"].values()} >= parts
    return load_table(path, COLUMNS) if is_current and is_whole else None


def card(model: TrainedModel, facts: Facts) -> str:
    """The README of an exported model, in Markdown with the header that the hub reads."""
    base = public_name(model.settings.stable_diffusion)
    header: dict[str, Any] = {
        "license": "mit" if base.startswith("zoo:") and facts.simulated else "other",
        "library_name": "mindvideo",
        "tags": ["fmri", "brain-decoding", "video-reconstruction", "diffusers"],
    }
    if base.partition("@")[0] in RAIL_MODELS:
        header["license"] = RAIL
    if base == model.settings.stable_diffusion and not base.startswith("zoo:"):
        header["base_model"] = base.partition("@")[0]
    parts = [
        f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n",
        f"# fMRI to video: {facts.name}\n",
        _summary(facts),
        _use(model),
        _data(model, facts),
        _settings(model, facts),
        _results(facts),
        _licences(base, facts),
        _limits(),
    ]
    return "\n".join(parts)


def _summary(facts: Facts) -> str:
    of = "one simulated brain" if facts.simulated else "one person who watched films"
    return (
        f"This model reconstructs short video clips from the fMRI of {of}. It "
        "is an implementation of MinD-Video (Chen, Qing & Zhou, 2023, arXiv:2305.11675), trained "
        "with the package `mindvideo`. It decodes this subject only: another subject has other "
        "voxels.\n"
    )


def _use(model: TrainedModel) -> str:
    run = (
        "A new run of the same subject, on the same grid, is cleaned, cut and decoded:\n\n"
        "```sh\nmindvideo decode FOLDER --run run.nii.gz --to clips\n```\n\n"
        if model.recording
        else ""
    )
    return (
        "## Use\n\n"
        "Windows are arrays (windows, volumes, voxels) of z-scored responses:\n\n"
        "```sh\nmindvideo decode FOLDER windows.npy --to clips\n```\n\n"
        f"{run}In Python:\n\n"
        "```python\nfrom mindvideo.models.pipeline import MindVideoPipeline\n\n"
        'pipeline = MindVideoPipeline.from_pretrained("FOLDER")\n```\n'
    )


def _data(model: TrainedModel, facts: Facts) -> str:
    lines = [("data set", facts.data_set or "not on record"), ("subject", facts.name)]
    if facts.segments:
        lines.append(("training segments", f"{facts.segments}, {facts.minutes:.0f} min of film"))
    lines.append(("encoder", str(model.encoder.get("_class_name"))))
    size = model.encoder.get("window_size"), model.encoder.get("num_voxels")
    lines.append(("window", f"{size[0]} volumes × {size[1]} voxels, with padding"))
    if (recording := model.recording) is not None:
        n_voxels = len(load_table(recording.voxels, ["column"]))
        lines += [
            ("selected voxels", f"{n_voxels}"),
            ("repetition time [s]", f"{recording.settings.tr:g}"),
            ("windows shuffled against the films", f"{recording.settings.windows.shuffle}"),
            ("haemodynamic delay [volumes]", f"{recording.settings.lag}"),
            *_pairs("cleaning", recording.settings.clean.model_dump(mode="json")),
        ]
    return f"## Data\n\n{_table(('what', 'value'), lines)}"


def _settings(model: TrainedModel, facts: Facts) -> str:
    settings = model.settings.model_dump(mode="json")
    lines = _pairs("reconstruction", {name: settings[name] for name in RECONSTRUCTION})
    lines.append(("Stable Diffusion", public_name(model.settings.stable_diffusion)))
    names = ("duration", "unit", "batch_size", "lr", "precision", "seed")
    for artefact, record in facts.trainings:
        values = [
            f"{n} {record['settings'][n]}" for n in names if record["settings"].get(n) is not None
        ]
        lines.append((f"training: {artefact}", ", ".join(values) or "–"))
    lines.append(("versions", ", ".join(f"{name} {v}" for name, v in versions().items())))
    return f"## Settings\n\n{_table(('setting', 'value'), lines)}"


def _results(facts: Facts) -> str:
    if facts.scores is None:
        return (
            "## Scores\n\nThese reconstructions have not been scored. Nothing is known about how "
            "well this model decodes.\n"
        )
    rows = [
        (
            row["metric"],
            row["n_clips"],
            f"{_number(row['value'])} [{_number(row['ci_low'])}, {_number(row['ci_high'])}]",
            *(_number(row.get(name)) for name in ("chance", "null_mean", "p", "p_holm")),
        )
        for row in facts.scores.to_dict("records")
    ]
    names = (
        "metric",
        "clips",
        "mean [95 % interval]",
        "chance",
        "mean of the null",
        "p",
        "p (Holm)",
    )
    return (
        f"## Scores\n\nOn the {facts.evaluated} segments, which no training stage read.\n\n"
        f"{_table(names, rows)}"
    )


def _licences(base: str, facts: Facts) -> str:
    lines = []
    if base.startswith("zoo:"):
        lines.append(
            f"The VAE and the initial weights of the UNet are `{base}`, a small model that is part "
            "of mindvideo, under the MIT licence."
        )
    else:
        lines.append(
            f"The UNet and the VAE are derived from `{base}`. Its licence applies to them, with "
            "its restrictions of use: for Stable Diffusion 1.x the CreativeML Open RAIL-M, whose "
            "conditions must be passed on with the weights."
        )
    if facts.simulated:
        lines.append("The brain is simulated: the folder contains no data of any person.")
    else:
        lines.append(
            "The weights, the null window and the map of voxels are derived from recordings of one "
            "person. Share them only as the consent and the terms of the data set allow."
        )
    if facts.human_connectome:
        lines.append(
            "The encoder was pre-trained on resting-state fMRI. If that is from the Human "
            "Connectome Project, its Open Access Data Use Terms hold for derived data, too: "
            "acknowledge the project, do not try to identify participants, and pass the data on "
            "under the same terms only."
        )
    lines.append(
        "A UNet that was tuned on films may reproduce frames of them, which can be under copyright."
    )
    return "## Licences and terms\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _limits() -> str:
    return (
        "## Limits and ethics\n\n"
        "Much of what a clip looks like comes from the generative model, which gives plausible "
        "films for any input. Only scores with their chance level show what comes from the brain. "
        "Do not use this model to infer anything about a person without their informed and "
        "voluntary consent. Read `docs/explanation/ethics.md` and `docs/explanation/limits.md` in "
        "the documentation of mindvideo.\n"
    )


def _pairs(of: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"{of}: {name}", json.dumps(value).strip('"')) for name, value in values.items()]


def _table(names: tuple[str, ...], rows: list[Any]) -> str:
    lines = [names, tuple("---" for _ in names), *rows]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |\n" for line in lines
    )


def _number(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.3g}"
