"""Strategies: the project's files, files of the user, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import settings_of
from mindvideo.nuisance import FOLDER, STRATEGIES, Censor, Strategy, resolve
from mindvideo.settings.fmri import Clean, CleanSettings
from mindvideo.settings.methods import MethodsSettings
from tests.checks.few import values

MINE = """
columns: [csf, trans_x]
expansion: derivatives
censor: {fd: 0.4}
sentence: two confounds and their derivatives
reference: "Mine et al. 2024: A way of cleaning. Some Journal 1."
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The path of a user's strategy, relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    Path("nuisance").mkdir()
    Path("nuisance/mine.yaml").write_text(MINE)
    return Path("nuisance/mine.yaml")


def cleaning(*confounds, **settings):
    config = check_config(values(clean={"confounds": list(confounds), **settings}), "test")
    return settings_of(CleanSettings, config, config.stages(), "s1")


def test_the_projects_strategies_are_all_that_there_were():
    assert set(STRATEGIES) == {path.stem for path in FOLDER.glob("*.yaml")}
    motion = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    assert STRATEGIES["motion6"].names == tuple(motion)
    every = [*motion, "white_matter", "csf", "global_signal"]
    ends = ("", "_derivative1", "_power2", "_derivative1_power2")
    assert STRATEGIES["36P"].names == tuple(name + end for end in ends for name in every)
    assert STRATEGIES["acompcor"].components == {"a_comp_cor": 5}
    assert len(STRATEGIES) == 14


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_has_its_meaning_and_cites_its_reference(name):
    strategy = STRATEGIES[name]
    assert strategy.meaning
    assert strategy.sentence or strategy.censor.on
    if strategy.reference:
        assert re.match(r"[A-Z][^:]* \d{4}: .*\.$", strategy.reference)


def test_a_file_of_the_users_is_read_with_the_configuration(mine):
    settings = cleaning("motion6", str(mine))
    assert settings.confounds[0] == "motion6"
    strategy = resolve(settings.confounds[1])
    assert strategy.names == ("csf", "trans_x", "csf_derivative1", "trans_x_derivative1")
    assert settings.censoring == [("nuisance/mine.yaml", Censor(fd=0.4))]
    again = CleanSettings.model_validate_json(settings.deciding_json())
    assert again == settings
    mine.unlink()  # jobs need the settings only
    assert CleanSettings.model_validate_json(settings.deciding_json()) == settings


def test_an_edit_of_the_file_counts_and_one_of_its_words_does_not(mine):
    before = cleaning(str(mine)).deciding_json()
    mine.write_text(MINE.replace("two confounds", "some confounds"))
    assert cleaning(str(mine)).deciding_json() == before
    config = check_config(values(clean={"confounds": [str(mine)]}), "test")
    methods = settings_of(MethodsSettings, config, config.stages(), owner="a")
    assert resolve(methods.clean.confounds[0]).sentence.startswith("some confounds")
    mine.write_text(MINE.replace("0.4", "0.3"))
    assert cleaning(str(mine)).deciding_json() != before


def test_a_variant_may_name_a_file(mine):
    config = check_config(
        values(variants={"strict": {"clean": {"confounds": [str(mine), "csf"]}}}), "test"
    )
    assert config.stages("strict").clean.confounds[0].names[0] == "csf"
    assert not config.stages().clean.reads_confounds


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("meaning: nothing", r"nothing is removed: name columns"),
        ("columns: []", r"nothing is removed: name columns"),
        ("column: [csf]", r"column: no such setting; did you mean 'columns'"),
        ("columns: csf", r"columns: expected a list"),
        ("columns: [csf]\nexpansion: all", r"expansion: .*'basic', 'derivatives'"),
        ("columns: ['cosine*']\nexpansion: full", r"cosine\* is a pattern: write out the names"),
        ("components: {a_compcor: 5}", r"components.a_compcor"),
        ("censor: {after: 1}", r"after can only add to the volumes"),
        ("censor: {fd: -1}", r"censor.fd: .*greater than 0"),
        ("[csf]", r"`key: value` pairs.*contains \['csf'\]"),
        ("columns: [csf", r"cannot be read: .*not valid YAML"),
        ("columns: [a]\ncolumns: [b]", r"columns' is already in line 1"),
    ],
)
def test_a_wrong_file_is_named_with_its_keys(mine, content, said):
    mine.write_text(content)
    with pytest.raises(InputError, match=r"clean\.confounds\.0.*") as error:
        cleaning(str(mine))
    assert re.search(said, str(error.value), re.DOTALL), error.value
    assert "nuisance/mine.yaml" in str(error.value)


def test_a_missing_file_is_named_with_the_near_strategy():
    with pytest.raises(InputError, match=r"no such file .*did you mean 'motion24'.*motion24.yaml"):
        cleaning("motion24.yaml")


def test_censoring_needs_tables_and_a_criterion():
    base = values(clean={"censor": {"fd": 0.5}})
    assert check_config(base, "test").clean.reads_confounds
    del base["dataset"]["confounds"]
    with pytest.raises(InputError, match=r"clean.censor is set, but 20 runs have no table"):
        check_config(base, "test")
    with pytest.raises(ValidationError, match="before and min_segment can only add"):
        Censor(before=1, min_segment=2)
    assert not Clean().reads_confounds
    assert Strategy(name="x", censor={"fd": 1}).names == ()


def test_the_page_on_fmri_names_all_strategies_and_its_example_is_one(mine):
    page = (Path(__file__).parents[1] / "docs/explanation/fmri.md").read_text()
    said = page.partition("lists the project's strategies: ")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", said)) == set(STRATEGIES)
    example = page.partition("# nuisance/mine.yaml\n")[2].partition("```")[0]
    mine.write_text(example)
    assert cleaning(str(mine)).censoring == [(str(mine), Censor(fd=0.4, after=1))]
