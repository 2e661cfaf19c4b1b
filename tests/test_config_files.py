"""A configuration of several files, of which later ones override earlier ones."""

from pathlib import Path

import pytest
from snakemake.settings.types import ConfigSettings

from mindvideo.config import load_config, read_config
from mindvideo.errors import InputError
from mindvideo.plan import Plan


def test_files_are_merged_as_snakemake_merges_them():
    paths = [Path("config/config.yaml"), Path("config/validation.yaml")]
    theirs = ConfigSettings(configfiles=paths).overwrite_config
    assert read_config(*paths) == theirs
    config = load_config(*paths)
    assert (config.evaluate, config.results) == ("validation", "results-validation")
    assert config.scoring.subset is None
    assert config.scoring.attributes == load_config(paths[0]).scoring.attributes


def test_a_problem_of_merged_files_names_all_of_them(tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("evaluate: never")
    with pytest.raises(InputError, match=r"config/config\.yaml, .*other\.yaml"):
        load_config(Path("config/config.yaml"), other)


def test_the_quick_version_has_films_and_runs_of_the_demo():
    """Same files by the same settings, so that neither makes the other's again."""
    demo = Plan(load_config(Path("config/config.yaml")))
    quick = Plan(load_config(Path("config/config.yaml"), Path("config/quick.yaml")))
    paths = {run.path for run in demo.config.dataset.rows}
    assert {run.path for run in quick.config.dataset.rows} < paths
    for segment in quick.config.segments:
        for stage in ("demo_film", "demo_runs"):
            one, two = (plan.settings(stage, "sub1", segment) for plan in (demo, quick))
            assert one.deciding_json() == two.deciding_json()
    assert quick.config.videos.note
