"""Inputs of the stages `attention` to `interpret`: untrained encoders, windows of real voxels.

The order of the voxels differs from that of the grid. Their areas and networks are given.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.cifti2 import BrainModelAxis

from mindvideo.fmri.atlas import area_of, cortex_vertices, grayordinate_labels, project
from mindvideo.io.maps import write_map
from mindvideo.io.spaces import Grayordinates, Grid, Space
from mindvideo.io.tables import save_table
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.models.pretrained import load_clip
from mindvideo.settings.interpretation import (
    AttentionSettings,
    AttributionSettings,
    InterpretationSettings,
    OcclusionSettings,
)
from mindvideo.stages import attention, attribution, interpret, occlusion

N, PATCH, DEPTH = 70, 8, 3
PATCHES = -(-N // PATCH)
ENDING = {"volume": ".nii.gz", "cifti": ".dscalar.nii"}
TABLES = "networks", "temporal", "occlusion", "agreements", "maps"
SETTINGS = {
    "attention": AttentionSettings(batch_size=4),
    "attribution": AttributionSettings(clip="zoo:clip", path_steps=2, batch_size=4),
    "occlusion": OcclusionSettings(clip="zoo:clip", random_draws=2, occlude=["network", "area"]),
    "interpret": InterpretationSettings(resamples=20, smallest_area=1),
}
OUTPUTS = {
    "attention": {
        "table": "attention.tsv",
        "maps": "attention.npy",
        "sums": "attention_groups.npy",
        "temporal": "temporal.tsv",
    },
    "attribution": {
        "methods": "attribution.tsv",
        "maps": "attribution.npy",
        "sums": "attribution_groups.npy",
    },
    "occlusion": {"sets": "occlusion.tsv", "scores": "occlusion.npy"},
}
STAGES_OF_TRAINING = ("mbm", "contrastive", "cotraining")
READ = ("windows", "table", "null_window", "voxels", "clips")
STAGES = {"attention": attention, "attribution": attribution, "occlusion": occlusion}


@dataclass
class Case:
    """The inputs of all stages, and how to run each."""

    folder: Path
    space: Space
    order: np.ndarray
    """(n_voxels,), each voxel's column in the runs."""
    r: np.ndarray
    ending: str
    inputs: dict

    def run(self, method: str, stage: str, folder: Path, state: Path, **changed) -> Path:
        """Run one of the three stages that load an encoder; return the folder of its files."""
        folder.mkdir(parents=True, exist_ok=True)
        state.mkdir(parents=True, exist_ok=True)
        names = READ if method != "attention" else ("windows", "voxels")
        after = "contrastive" if stage == "mbm" else stage
        inputs = {name: self.inputs[name] for name in names} | {"encoder": self.inputs[after]}
        if method == "attention":
            inputs["mbm"] = self.inputs["mbm"] if stage == "mbm" else None
        outputs = {name: folder / file for name, file in OUTPUTS[method].items()}
        others = {"settings": SETTINGS[method], "state": state} | changed
        STAGES[method].main(stage=stage, **inputs, **outputs, **others)
        return folder

    def run_all(self) -> None:
        """Run all three stages for every encoder."""
        for stage in STAGES_OF_TRAINING:
            for method in OUTPUTS if stage != "mbm" else ("attention",):
                state = self.folder / "state" / f"{method}-{stage}"
                self.run(method, stage, self.folder / "methods" / stage, state)

    def in_folder(self, folder: Path, **changed: Path) -> "Case":
        """The same inputs, or changed ones, and what was computed of them, in another folder."""
        if (self.folder / "methods").exists():
            shutil.copytree(self.folder / "methods", folder / "methods")
        return replace(self, folder=folder, inputs=self.inputs | changed)

    def interpret(self, **changed) -> dict[str, Path]:
        """Run `interpret` on the outputs of the other three; return its outputs."""
        places = {stage: self.folder / "methods" / stage for stage in STAGES_OF_TRAINING}
        maps = [
            place / method
            for stage, place in places.items()
            for method in ("attention", "attribution")
            if method == "attention" or stage != "mbm"
        ]
        with_head = [places["contrastive"], places["cotraining"]]
        inputs = {name: self.inputs[name] for name in ("table", "voxels", "mask", "r", "runs")}
        inputs |= {
            "map_tables": [path.with_name(f"{path.name}.tsv") for path in maps],
            "map_values": [path.with_name(f"{path.name}.npy") for path in maps],
            "map_sums": [path.with_name(f"{path.name}_groups.npy") for path in maps],
            "attention_times": [place / "temporal.tsv" for place in places.values()],
            "occlusion_sets": [place / "occlusion.tsv" for place in with_head],
            "occlusion_scores": [place / "occlusion.npy" for place in with_head],
            "truth": self.inputs["truth"],
        }
        outputs = {name: self.folder / "out" / name for name in TABLES}
        (self.folder / "out").mkdir(exist_ok=True)
        interpret.main(**inputs | changed, **outputs, settings=SETTINGS["interpret"])
        return outputs


def make_case(kind: str, test_set) -> Case:
    """Make a case on the voxels of a volume, or on grayordinates."""
    space, labels = {"volume": _volume, "cifti": _cifti}[kind]()
    folder, rng, ending = test_set.folder, np.random.default_rng(0), ENDING[kind]
    r = rng.uniform(0.1, 0.9, N)
    write_map(folder / f"r{ending}", r, space, name="r")
    write_map(folder / f"mask{ending}", np.ones(N, bool), space, name="mask")
    order = rng.permutation(N)
    networks = rng.integers(1, 18, N)
    areas = [area_of(label) for label in labels[order]]
    voxels = pd.DataFrame({"column": order, "area": areas, "network": networks[order]})
    save_table(folder / "voxels.tsv", voxels)
    n = len(test_set.rows)
    windows = rng.standard_normal((n, 2, PATCHES * PATCH)).astype(np.float32)
    windows[..., N:] = 0
    np.save(folder / "windows.npy", windows)
    np.save(folder / "null.npy", np.zeros((2, PATCHES * PATCH), np.float32))
    save_table(folder / "runs.tsv", pd.DataFrame({"run": ["a", "b", "c"]}))
    _save_models(folder)
    names = sorted({area for area in areas if area})
    truth = pd.DataFrame({"area": names, "content": np.arange(len(names), dtype=float)})
    save_table(folder / "truth.tsv", truth)
    inputs = {
        "windows": folder / "windows.npy",
        "table": test_set.table,
        "null_window": folder / "null.npy",
        "voxels": folder / "voxels.tsv",
        "mask": folder / f"mask{ending}",
        "r": folder / f"r{ending}",
        "runs": [folder / "runs.tsv"],
        **{name: folder / name for name in ("mbm", "contrastive", "cotraining")},
        "clips": test_set.clips,
        "truth": folder / "truth.tsv",
    }
    return Case(folder, space, order, r, ending, inputs)


def _save_models(folder: Path) -> None:
    clip = load_clip("zoo:clip")
    width = clip.model.encode_text(clip.tokenizer(["a"])).shape[1]
    shape = {"num_voxels": PATCHES * PATCH, "patch_size": PATCH, "embed_dim": 16, "depth": DEPTH}
    shape |= {"num_heads": 2}
    for name in ("contrastive", "cotraining/fmri_encoder"):
        FmriEncoder(**shape, out_dim=width, out_channel=4).save_pretrained(folder / name)
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    MaskedAutoencoder(**shape, **decoder).save_pretrained(folder / "mbm")


def _volume() -> tuple[Space, np.ndarray]:
    affine = nib.affines.from_matvec(np.eye(3) * 4, (-80, -116, -76))
    labels = project(affine, (41, 50, 45), 4.0)
    grid = Grid(affine, labels.shape)
    places = np.flatnonzero(labels)[::150][:N]
    mask = np.zeros(labels.size, bool)
    mask[places] = True
    return Space(grid, mask.reshape(labels.shape)), labels.ravel()[places]


def _cifti() -> tuple[Space, np.ndarray]:
    left, right, n_vertices = cortex_vertices()
    sides = [("CIFTI_STRUCTURE_CORTEX_LEFT", left), ("CIFTI_STRUCTURE_CORTEX_RIGHT", right)]
    first, second = (
        BrainModelAxis.from_surface(vertices, n_vertices, name=name) for name, vertices in sides
    )
    grid = Grayordinates(first + second)
    mask = np.zeros(grid.shape, bool)
    mask[100 : 100 + 800 * N : 800] = True
    assert mask.sum() == N
    return Space(grid, mask), grayordinate_labels()[np.flatnonzero(mask)]
