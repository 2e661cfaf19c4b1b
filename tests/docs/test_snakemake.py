"""Commands of Snakemake on the pages: with their configuration, on files of the right names."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser

from mindvideo.config import load_config
from mindvideo.run_files import files_of
from tests.docs.pages import ROOT, commands, inline
from tests.forked import forks
from tests.purdue import described, write_film
from tests.workflow.conftest import Checkout


def _is_whole(command):
    """Without placeholders: SUBJECT, FILE, …"""
    return not any("…" in word or re.search(r"\b[A-Z]{4,}\b", word) for word in command.words)


OF_SNAKEMAKE = [*commands("snakemake"), *filter(_is_whole, inline("snakemake"))]
OWN_DATA = "docs/how-to/own-data.md"
PUBLIC = ("hcp7t", "studyforrest", "cinebrain", "algonauts2025")


def parsed(command):
    return get_argument_parser().parse_args(command.words[1:])


def targets(command):
    """The targets, test{1,2} expanded as a shell does."""
    for word in parsed(command).targets:
        before, opening, rest = word.partition("{")
        choices, _, after = rest.partition("}")
        for choice in choices.split(",") if opening else [""]:
            yield f"{before}{choice}{after}"


def configuration(command):
    """The file or files, of which a later one overrides the keys of those before it."""
    files = parsed(command).configfile
    return " ".join(map(str, files or [command.configuration or "config/config.yaml"]))


@pytest.mark.parametrize("command", OF_SNAKEMAKE, ids=str)
def test_options_are_known_and_files_are_there(command):
    options = parsed(command)
    if options.workflow_profile and "/" in str(options.workflow_profile):
        assert (ROOT / options.workflow_profile).is_dir()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("docs"))


def _touch(paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _purdue(folder: Path, space: str) -> None:
    """The names of the Purdue films, and of one subject of the HCP, without content."""
    dataset = described(space)
    run = "rfMRI_REST1_LR"
    hcp = f"HCP_1200/100307/MNINonLinear/Results/{run}/{run}_Atlas_MSMAll_hp2000_clean.dtseries.nii"
    _touch([folder / row.path for row in dataset.rows])
    _touch([folder / dataset.film_path(segment) for segment in dataset.segments])
    _touch([folder / hcp])


def _of_the_writer(folder: Path) -> None:
    """As tests/purdue.py writes its configuration."""
    _purdue(folder, "cifti")
    values = {"dataset": described("cifti").model_dump(mode="json", exclude={"runs"})}
    values["pretraining_data"] = "config/datasets/hcp1200.yaml"
    (folder / "config.yaml").write_text(yaml.safe_dump(values))


@pytest.fixture(scope="module")
def derived(checkout, derivatives):
    """What the guide to one's own data expects: derivatives of two sessions, and films."""
    tasks = [*(f"film{number}" for number in range(1, 4)), "test1"]
    folder = checkout.folder / "derivatives/fmriprep"
    derivatives.write_tree(folder, [derivatives.CIFTI], ["01"], tasks=tasks)
    (checkout.folder / "stimuli").mkdir()
    for number, task in enumerate(tasks):  # of different lengths: equal files are an error
        write_film(checkout.folder / f"stimuli/{task}.mp4", 34 + number / 10, 30)
    return checkout


def test_the_guide_to_own_data_leads_from_derivatives_to_windows(derived):
    """Its commands, run one after another; only the last one dry."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done: subprocess.CompletedProcess | None = None
    steps = [c for c in commands() if c.page == OWN_DATA and c.program != "git"]
    for command in steps:
        if command.program == "mindvideo":
            arguments = list(command.words[1:])
            table = arguments.index(">") if ">" in arguments else None
            done = forks.run(
                "mindvideo", *arguments[:table], folder=derived.folder, environment=environment
            )
            assert done.returncode == 0, done.stderr
            if table:
                (derived.folder / arguments[table + 1]).write_text(done.stdout)
                example = done.stderr[done.stderr.index("results: ") :]
        elif command.program == "export":
            environment["MINDVIDEO_CONFIG"] = str(command.configuration)
            (derived.folder / str(command.configuration)).write_text(example)
        elif command.program == "snakemake":
            break
    assert done is not None
    assert "Volumes of the clips" in done.stdout  # a warning: the film is short
    dry = derived.snakemake("--dry-run", "--", *targets(command), environment=environment)
    assert dry.returncode == 0, dry.stderr
    assert "rule windows:" in dry.stdout + dry.stderr


def test_the_guide_to_own_data_is_short():
    before = [c for c in commands() if c.page == OWN_DATA]
    last = next(n for n, c in enumerate(before) if c.program == "snakemake")
    assert last < 8  # the eighth command computes the windows


def _released(folder):
    """Empty files with the names of the released ones."""
    for subject in ("subject1", "subject2", "subject3"):
        for part in ("unet", "fmri_encoder", "vae", "scheduler"):
            (folder / "released" / subject / part).mkdir(parents=True)
    arrays = folder / "released/preprocessed"
    arrays.mkdir()
    of_subjects = (f"fmri_test_subject{n}" for n in (1, 2, 3))
    for name in (*of_subjects, "video_test_256_3hz", "text_test_256_3hz"):
        (arrays / f"{name}.npy").touch()


def _public(name: str) -> Callable[[Path], None]:
    """Empty files with the names of a public data set."""

    def touch(folder: Path) -> None:
        dataset = load_config(Path(f"config/{name}.yaml")).dataset
        tables = {t for row in dataset.rows for t in (row.mask, row.confounds, row.events) if t}
        voxels = {path for s in dataset.subjects if (path := dataset.voxels_path(s))}
        runs = {file for row in dataset.rows for file in files_of(row.path)}
        _touch([folder / path for path in sorted(runs | tables | voxels)])

    return touch


PREPARED = {
    "config/config.yaml": lambda folder: None,
    **{
        f"config/config.yaml config/{name}.yaml": lambda folder: None
        for name in ("quick", "validation", "demo-once", "demo-tr")
    },
    **{
        name: lambda folder: _purdue(folder, "volume")
        for name in (
            "config/wen2018.yaml",
            "config/wen2018.yaml config/wen2018-animatediff.yaml",
        )
    },
    "config/released.yaml": _released,
    "config.yaml": _of_the_writer,
    **{f"config/{name}.yaml": _public(name) for name in PUBLIC},
}
"""Configurations that the pages name, and what writes their files."""


@pytest.mark.parametrize("name", PREPARED)
def test_targets_are_made_by_rules(checkout, name):
    """All targets of a configuration in one dry run."""
    PREPARED[name](checkout.folder)
    wanted = {t for c in OF_SNAKEMAKE if configuration(c) == name for t in targets(c)}
    assert wanted
    first, *others = name.split()
    options = ["--configfile", first, *others] if others else []
    dry = checkout.snakemake(
        *("--dry-run", "--quiet", "all", *options, "--", *sorted(wanted)),
        environment={"MINDVIDEO_CONFIG": first},
    )
    assert dry.returncode == 0, dry.stdout + dry.stderr


def test_no_configuration_is_forgotten():
    shipped = {*PREPARED, "mine.yaml"}
    left = [str(c) for c in OF_SNAKEMAKE if configuration(c) not in shipped and parsed(c).targets]
    assert not left


CHANGED = [c for c in OF_SNAKEMAKE if parsed(c).config and list(targets(c))]


@pytest.mark.parametrize("command", CHANGED, ids=str)
def test_settings_on_the_command_line_are_settings(checkout, command):
    changed = [f"{name}={value}" for name, value in _settings(command)]
    dry = checkout.snakemake(
        "--dry-run", "--quiet", "all", "--config", *changed, "--", *targets(command)
    )
    assert dry.returncode == 0, dry.stdout + dry.stderr


def _settings(command):
    for word in command.words[command.words.index("--config") + 1 :]:
        if word.startswith("-"):
            return
        name, _, value = word.partition("=")
        yield name, value


def test_results_that_are_requested_are_in_the_folder_of_the_configuration():
    """A command for the demo, run on another data set, would replace that data set's results."""
    requested = set()
    for command in OF_SNAKEMAKE:
        path = ROOT / configuration(command).split()[-1]
        if path.is_file():
            results = yaml.safe_load(path.read_text())["results"]
            for target in (t for t in targets(command) if t.startswith("results")):
                assert target.split("/")[0] == results, str(command)
                requested.add(results)
    assert len(requested) > 1


def test_shipped_configurations_have_folders_of_their_own():
    configs = [yaml.safe_load(p.read_text()) for p in sorted((ROOT / "config").glob("*.yaml"))]
    assert len({config["results"] for config in configs}) == len(configs) > 1
    datasets = [
        ROOT / "config/datasets" / p
        for p in ("demo.yaml", "wen2018.yaml", "wen2018-cifti.yaml", "bids.yaml")
    ]
    assert len({yaml.safe_load(p.read_text())["name"] for p in datasets}) == len(datasets)
