"""A checkout in a folder of its own, Snakemake in it, and the whole chain run once, tiny."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml
from filelock import FileLock

from tests.forked import forks

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "rules", "envs", "profiles", "config")

ANSWERS: dict[tuple, Counter] = {}
"""Of :meth:`Checkout.jobs`."""


class Checkout:
    """A copy of the workflow (not of the package) in `folder`."""

    def __init__(self, folder: Path, parts: Sequence[str] = PARTS) -> None:
        self.folder = folder
        for part in parts:
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)

    @property
    def config(self) -> Path:
        return self.folder / "config" / "config.yaml"

    def configure(self, **changes) -> None:
        """Change sections of config/config.yaml key by key; what is no section, whole."""
        config = yaml.safe_load(self.config.read_text())
        for section, values in changes.items():
            earlier = config.get(section)
            merge = isinstance(earlier, dict) and isinstance(values, dict)
            config[section] = earlier | values if merge else values
        self.config.write_text(yaml.safe_dump(config))

    def snakemake(
        self,
        *arguments: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        anew: bool = False,
    ) -> subprocess.CompletedProcess:
        """Run Snakemake and its jobs: in forks or, `anew`, in processes as a user starts them."""
        words = ("--cores", "2", "--nocolor", *arguments)
        if not anew:
            return forks.run("snakemake", *words, folder=self.folder, environment=environment)
        command = [sys.executable, "-m", "snakemake", *words]
        environment = os.environ | {"HF_HUB_OFFLINE": "1"} | environment
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def jobs(self, *targets: str, options: tuple[str, ...] = ()) -> Counter:
        """How often each rule would run for `targets`; the target rules themselves left out.

        These include the rule that a subject's page has in its name, for the early pictures.
        The same question about the same files is asked of Snakemake once, if nothing was made yet.
        """
        variables = {name: text for name, text in os.environ.items() if "MINDVIDEO" in name}
        asked = (self._files(), targets, options, str(variables), os.environ.get("PYTHONPATH"))
        if asked in ANSWERS:
            return Counter(ANSWERS[asked])
        counts = self._jobs(targets, options)
        if asked[0]:
            ANSWERS[asked] = counts
        return Counter(counts)

    def _files(self) -> frozenset[tuple[str, bytes]]:
        """Contents of all files; empty if there are others than those of a fresh checkout."""
        if not {path.name for path in self.folder.iterdir()} <= {*PARTS, ".snakemake"}:
            return frozenset()
        files = [p for p in self.folder.rglob("*") if p.is_file() and ".snakemake" not in p.parts]
        return frozenset((str(p.relative_to(self.folder)), p.read_bytes()) for p in files)

    def _jobs(self, targets: tuple[str, ...], options: tuple[str, ...]) -> Counter:
        done = self.snakemake("--dry-run", "--quiet", "rules", *options, "--", *targets)
        assert done.returncode == 0, done.stdout + done.stderr
        table = (done.stdout + done.stderr).partition("Job stats:")[2].partition("\n\n")[0]
        rows = [line.split() for line in table.splitlines() if line and not line.startswith("-")]
        counts = {name: int(count) for name, count in rows if count.isdigit()}
        left_out = re.compile(r"total|all|control|(\./)?results[\w-]*/\w+/videos/?")
        return Counter({n: c for n, c in counts.items() if not left_out.fullmatch(n)})


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Variables of jobs that reconstruct: on some processors, the number of threads decides about
rounding."""

TINY = {
    "dataset": {
        "name": "tiny",
        "tr": 2.0,
        "lag": 0,
        "clips_per_segment": {"default": 10},
        "subjects": {"sub1": "subject1", "sub2": "subject2"},
        "train": ["seg1", "seg2", "seg3", "seg4"],
        "test": ["test1", "test2"],
        "repetitions": {"train": 2, "test": 2},
        "film": "data/demo/video_fmri_dataset/stimuli/{segment}.mp4",
        "shots": "data/demo/video_fmri_dataset/stimuli/{segment}.tsv",
        "run": "data/demo/video_fmri_dataset/{subject}/fmri/{segment}/mni/"
        "{segment}_{repetition}_mni.nii.gz",
        "timing": {
            "default": {"drop_start": 1, "drop_end": 4},
            "test2": {"drop_start": 2, "drop_end": 4},
        },
    },
    "pretraining_data": {"subjects": ["rest1"], "runs": ["rfMRI_REST1_LR"]},
    "demo": {"rest": {"n_volumes": 60}, "brain": {"snr": 6.0}},
    "selection": {"alpha": 0.2, "correction": "fdr_bh"},
    "encoder": {"embed_dim": 32, "depth": 2, "decoder_embed_dim": 16, "decoder_depth": 1},
    "pretraining": {"duration": 4, "batch_size": 4, "warmup": 1},
    "mbm_tuning": {"duration": 4, "batch_size": 4, "warmup": 1},
    "contrastive": {"duration": 4, "batch_size": 4, "warmup": 1},
    "video_tuning": {
        **{"duration": 2, "batch_size": 2, "warmup": 1},
        "drawings": {"times": 2, "captions": 1, "steps": 1},
    },
    "cotraining": {"duration": 2, "batch_size": 2, "warmup": 1},
    "reconstruction": {"steps": 2},
    "scoring": {"permutations": 50},
}


def build_chain(folder: Path) -> None:
    """Run the whole chain on short segments of the demo, from films to figures."""
    folder.mkdir()
    checkout = Checkout(folder)
    checkout.configure(**TINY)
    targets = (
        "videos",
        "methods.html",
        "figures/strip.png",
        "figures/training.png",
        "films/test1.mp4",
    )
    done = checkout.snakemake("--", *(f"results/sub1/{name}" for name in targets))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]


@pytest.fixture(scope="session")
def chain(tmp_path_factory, worker_id):
    """The whole chain on four training segments and two test segments, from films to figures.

    All workers of pytest-xdist share one run of it: the first that needs it builds it, and each
    changes a copy of its own.
    """
    own = tmp_path_factory.getbasetemp()
    everybodys = own if worker_id == "master" else own.parent
    built = everybodys / "built-chain"
    with FileLock(everybodys / "chain.lock"):
        if not built.exists():
            build_chain(everybodys / "chain-in-progress")
            (everybodys / "chain-in-progress").rename(built)
    return Checkout(shutil.copytree(built, own / "chain", symlinks=True), parts=())
