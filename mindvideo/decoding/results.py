"""The trained model of a folder of results, found through the sidecars of its reconstructions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from mindvideo.contents import Digests
from mindvideo.decoding.model import Recording, TrainedModel
from mindvideo.errors import InputError
from mindvideo.settings.base import RunTiming
from mindvideo.settings.decoding import RecordingSettings
from mindvideo.settings.evaluation import ReconstructionSettings
from mindvideo.settings.fmri import Clean, CleanSettings, WindowSettings
from mindvideo.sidecars import Sidecar, read_sidecar
from mindvideo.validation import explain

SUFFIX = ".npy.json"
ENCODER = "fmri_encoder"
"""Folder of a checkpoint with the encoder."""


class Made(NamedTuple):
    """A file from which something was computed: where it is, its stage, and its sidecar."""

    path: Path
    digest: str
    sidecar: Sidecar

    @property
    def stage(self) -> str:
        return str(self.sidecar["stage"])


class Provenance:
    """Sidecars of a folder of results, whose paths are relative to where the workflow ran.

    Parameters
    ----------
    folder : Path
        A folder of results, such as ``results/sub1``.
    recorded : sequence of str
        Paths that a sidecar in this folder has.

    Raises
    ------
    InputError
        If none of them exists, relative to any folder above.
    """

    def __init__(self, folder: Path, recorded: Sequence[str]) -> None:
        above = folder.absolute()
        places = [above, *above.parents]
        found = next((p for p in places if any((p / name).exists() for name in recorded)), None)
        if found is None:
            raise InputError(
                f"{folder} was computed from {', '.join(recorded)}, and none of the folders above "
                "it contains these: if the results were moved, restore the structure of folders "
                "that they had"
            )
        self.root = found
        self._digests = Digests.near(folder, "decode")

    def made_from(self, sidecar: Sidecar) -> Iterator[Made]:
        """The inputs that a stage computed, in order."""
        for name, digest in sidecar["inputs"].items():
            path = self.root / name
            if (of_input := read_sidecar(path)) is not None:
                yield Made(path, digest, of_input)

    def unchanged(self, made: Made, output: Path) -> Path:
        """The path of an input, if it is what the output was computed from.

        Raises
        ------
        InputError
            If it is missing or has changed.
        """
        if not made.path.exists():
            raise InputError(f"{output} was computed from {made.path}, which is missing")
        if self._digests.of(made.path) != made.digest:
            raise InputError(
                f"{made.path} has changed since {output} was computed from it: reconstruct again "
                f"(snakemake --cores all {output}), or restore the file"
            )
        return made.path

    def given_networks(self, sidecar: Sidecar, output: Path) -> Path | None:
        """The checkpoint among the inputs that the configuration gave; None if there is none."""
        for name, digest in sidecar["inputs"].items():
            if (self.root / name / ENCODER).is_dir():
                return self.unchanged(Made(self.root / name, digest, {}), output)
        return None


class Reconstructions(NamedTuple):
    """The reconstructions of a folder of results: files, sidecars, and their provenance."""

    paths: list[Path]
    sidecars: list[Sidecar]
    provenance: Provenance


def find_reconstructions(folder: Path) -> Reconstructions:
    """Find what was reconstructed in a folder of results, all by the same model.

    Raises
    ------
    InputError
        If there is nothing, or the segments do not have the same model and settings.
    """
    names = sorted((folder / "reconstruction").glob(f"*{SUFFIX}"))
    paths = [name.with_name(name.name.removesuffix(".json")) for name in names]
    read = {path: read_sidecar(path) for path in paths}
    found = {p: s for p, s in read.items() if s is not None and s["stage"] == "reconstruct"}
    if not found:
        if any(s is not None and s["stage"] == "nearest" for s in read.values()):
            raise InputError(
                f"{folder}: its clips are copies of training clips (reconstruction.method: "
                "nearest), so there is no model that decodes other windows"
            )
        raise InputError(
            f"{folder}: no reconstruction here, from whose record model and settings are taken. "
            f"Compute that of one segment (snakemake --cores all {folder}/reconstruction/"
            "SEGMENT.npy). A variant that changes nothing in the reconstruction has none of its "
            "own: name the folder of its subject"
        )
    (first, *others), sidecars = found, list(found.values())
    for path in others:
        if _of_model(found[path]) != _of_model(found[first]):
            raise InputError(
                f"{first} and {path} were reconstructed by different models or with different "
                f"settings: reconstruct again (snakemake --cores all {folder}/reconstruction/"
                "reconstructions.npy)"
            )
    return Reconstructions([*found], sidecars, Provenance(folder, list(sidecars[0]["inputs"])))


def _of_model(sidecar: Sidecar) -> dict[str, Any]:
    """What the reconstructions of all segments have in common: settings, and all but windows."""
    settings = {k: v for k, v in sidecar["settings"].items() if k not in ("first", "batch_size")}
    return settings | {"": list(sidecar["inputs"].values())[2:]}


def from_results(folder: Path) -> TrainedModel:
    """The model that reconstructed the clips of a folder of results.

    Raises
    ------
    InputError
        If there is no reconstruction, or what it was computed from is missing or has changed.
    """
    reconstructions = find_reconstructions(folder)
    output, sidecar = reconstructions.paths[0], reconstructions.sidecars[0]
    provenance = reconstructions.provenance
    inputs = list(provenance.made_from(sidecar))
    arrays = [made for made in inputs if made.path.suffix != ".tsv"]

    def of_stage(stage: str, number: int = 0) -> Path | None:
        made = [made for made in arrays if made.stage == stage]
        return provenance.unchanged(made[number], output) if len(made) > number else None

    networks = of_stage("cotraining") or provenance.given_networks(sidecar, output)
    null_window = of_stage("null-window")
    if networks is None or null_window is None:
        raise InputError(
            f"{output}: no model of co-training, or no null window, with a sidecar is among its "
            f"inputs ({', '.join(sidecar['inputs'])}): restore their sidecars, or reconstruct again"
        )
    settings = _validated(ReconstructionSettings, sidecar["settings"] | {"first": 0}, output)
    local = provenance.root / settings.stable_diffusion
    if local.is_dir():  # a folder, relative to where the workflow ran
        settings = settings.model_copy(update={"stable_diffusion": str(local)})
    return TrainedModel(
        place=folder,
        networks=networks,
        settings=settings,
        null_window=null_window,
        motion=of_stage("motion"),
        empty_text=of_stage("latents"),
        train_windows=of_stage("windows", 1),
        recording=_recording(reconstructions),
    )


def _recording(reconstructions: Reconstructions) -> Recording | None:
    """How the runs of the evaluated segments became windows; None if that is not on record."""
    provenance, last = reconstructions.provenance, None
    timings: list[RunTiming] = []
    for sidecar in reconstructions.sidecars:
        windows = next((m for m in provenance.made_from(sidecar) if m.stage == "windows"), None)
        if windows is None:
            return None
        before = list(provenance.made_from(windows.sidecar))
        cleaned = [made for made in before if made.stage == "clean"]
        voxels = next((made for made in before if made.stage == "select"), None)
        if not cleaned or voxels is None:
            return None
        for made in cleaned:
            cleaning = _validated(CleanSettings, made.sidecar["settings"], made.path)
            timings += cleaning.timing
        last = windows, cleaned[0], voxels
    assert last is not None
    windows, clean, voxels = last
    from_clean = provenance.made_from(clean.sidecar)
    regions = next((made for made in from_clean if made.stage == "regions"), None)
    if regions is None or not regions.path.exists() or not voxels.path.exists():
        return None
    cleaning = _validated(CleanSettings, clean.sidecar["settings"], clean.path)
    one = timings[0] if all(timing == timings[0] for timing in timings) else None
    return Recording(
        settings=RecordingSettings(
            tr=cleaning.tr,
            clean=Clean(**{name: getattr(cleaning, name) for name in Clean.model_fields}),
            timing=one if one and one.start(cleaning.tr) is not None else None,
            lag=cleaning.lag,
            windows=_validated(WindowSettings, windows.sidecar["settings"], windows.path),
        ),
        regions=provenance.unchanged(regions, clean.path),
        voxels=provenance.unchanged(voxels, windows.path),
    )


def _validated(kind: Any, values: dict[str, Any], output: Path) -> Any:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, f"{output}: settings of another version", kind)) from None
