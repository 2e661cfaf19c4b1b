"""What a command loads before it works: start-up that nobody should wait for."""

import json
import subprocess
import sys

from mindvideo.registry import stage_names

WITH_TORCH = {
    *("captions", "embeddings", "latents", "train_zoo"),  # networks that others trained
    *("mbm", "contrastive", "ridge", "video_tuning", "cotraining", "retrieval"),
    *("reconstruct", "nearest", "films", "score", "attention", "attribution", "occlusion"),
}


ASKING = """
import importlib, json, os, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "torch":
            os._exit(7)

without, others = map(str.split, sys.argv[1:])
for stage in without:
    importlib.import_module(f"mindvideo.stages.{stage}")
print(json.dumps([name for name in ("torch", "transformers", "diffusers") if name in sys.modules]))
sys.stdout.flush()
sys.meta_path.insert(0, Finder())
for stage in others:
    child = os.fork()
    if not child:
        importlib.import_module(f"mindvideo.stages.{stage}")
        os._exit(0)
    if os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7:
        print(stage, flush=True)
"""
"""Imports some stages and prints what they loaded; then which others ask for torch.

Torch is loaded for none of them, and what all of them share only once."""


def loaded(code: str, *modules: str) -> list[str]:
    """Which of the modules are there once the code has run."""
    program = (
        f"{code}\nimport json, sys\nprint(json.dumps([m for m in {modules!r} if m in sys.modules]))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_stages_without_networks_load_no_torch():
    """Those with networks do: a stage that no longer needs it is taken off the list."""
    without = [name for name in stage_names() if name not in WITH_TORCH]
    assert len(without) > 15
    done = subprocess.run(
        [sys.executable, "-c", ASKING, " ".join(without), " ".join(sorted(WITH_TORCH))],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded_by_others, *asking = done.stdout.splitlines()
    assert json.loads(loaded_by_others) == []
    assert set(asking) == WITH_TORCH


def test_cleaning_loads_nothing_that_most_runs_do_without():
    heavy = ("nilearn", "sklearn", "scipy.stats", "scipy.spatial", "scipy.sparse")
    assert loaded("import mindvideo.stages.clean", *heavy) == []


def test_simulating_loads_nothing_that_takes_a_second():
    stages = "import mindvideo.stages.demo_runs, mindvideo.stages.demo_rest"
    heavy = ("nilearn", "sklearn", "scipy.stats", "scipy.signal", "scipy.optimize", "pandas")
    assert loaded(stages, *heavy) == []


def test_the_command_line_loads_no_libraries_to_tell_its_options():
    call = "import contextlib, mindvideo.cli\nwith contextlib.suppress(SystemExit):\n    "
    call += "mindvideo.cli.main(['--help'])"
    heavy = ("torch", "numpy", "pandas", "nibabel", "matplotlib", "cv2", "snakemake", "scipy")
    assert loaded(call, *heavy) == []
