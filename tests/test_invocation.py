"""What was typed after `snakemake`, and when it is not looked at."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mindvideo.config import load_config
from mindvideo.errors import InputError
from mindvideo.invocation import check_invocation, read_invocation, requested


def workflow(folder=Path("."), main=True, storage=None):
    """A workflow that has one rule, `all`, and makes nothing."""
    return SimpleNamespace(
        is_main_process=main,
        storage_settings=SimpleNamespace(default_storage_provider=storage),
        is_rule=lambda name: name == "all",
        rules=[],
        rundir=str(folder),
        main_snakefile=str(folder / "Snakefile"),
    )


def check(*arguments, **of_workflow):
    config = load_config(Path("config/config.yaml"))
    check_invocation(workflow(**of_workflow), config, argv=["bin/snakemake", *arguments])


@pytest.mark.parametrize("program", ["/bin/snakemake", "/lib/snakemake/__main__.py"])
def test_targets_are_read_wherever_they_stand(program):
    assert requested(read_invocation([program, "a", "b", "--cores", "2"])) == ["a", "b"]
    assert requested(read_invocation([program, "--config", "x=1", "--", "c"])) == ["c"]
    assert requested(read_invocation([program, "--prioritize", "f", "-O", "g"])) == ["g", "f"]
    assert requested(read_invocation([program, "-n", "-R", "d", "--until", "e"])) == ["d", "e"]


def test_another_program_has_no_targets():
    assert read_invocation(["pytest", "a"]) is None
    assert read_invocation(["/home/me/snakemake/run.py", "a"]) is None
    assert read_invocation([]) is None


def test_a_line_that_snakemake_refuses_is_left_to_it():
    assert read_invocation(["snakemake", "--no-such-option"]) is None


def test_five_unknown_targets_are_explained_and_the_others_counted():
    with pytest.raises(InputError) as error:
        check("all", *(f"results/sub{n}/nothing" for n in range(8)))
    assert str(error.value).count("no rule makes this") == 5
    assert "and 3 more such targets" in str(error.value)


@pytest.mark.parametrize("arguments", [["all"], ["s3://bucket/x"], []])
def test_rules_and_storage_pass(arguments):
    check(*arguments)


def test_a_target_brings_others_along_unless_an_option_names_it_too():
    along = {"results/sub1/videos": ["brain.png"]}
    given = workflow()
    given.is_rule = lambda name: True
    config = load_config(Path("config/config.yaml"))

    def several(*arguments):
        return check_invocation(given, config, along, ["bin/snakemake", *arguments])

    page = "./results/sub1/videos/"
    assert several(page) == {page: ["results/sub1/videos", "brain.png"]}
    assert several("results/sub1/metrics.tsv") == several("--lint", "--", page) == {}
    assert several("-R", page, "--", page) == {}


@pytest.mark.parametrize("option", ["--unlock", "--lint", "--list-rules"])
def test_where_snakemake_ignores_targets_they_pass(option):
    check(option, "--", "nothing")


def test_jobs_of_a_running_snakemake_and_remote_storage_are_not_checked():
    check("nothing", main=False)
    check("nothing", storage="s3")


def test_a_mistyped_profile_is_refused(tmp_path):
    for name in ("default", "slurm"):
        (tmp_path / "profiles" / name).mkdir(parents=True)
        (tmp_path / "profiles" / name / "profile.yaml").touch()
    for profile in ("slurm", "profiles/slurm", str(tmp_path / "profiles/slurm"), "none"):
        check("--workflow-profile", profile, folder=tmp_path)
    (tmp_path / "profiles/slurm/profile.yaml").write_text("jobs: 1\nretries: 2\njobs: 3\n")
    with pytest.raises(InputError, match=r"slurm/profile.yaml cannot be read: line 3: the key 'jo"):
        check("--workflow-profile", "slurm", folder=tmp_path)
    with pytest.raises(InputError, match=r"slrum: no such .* profiles/default, profiles/sl"):
        check("--workflow-profile", "profiles/slrum", folder=tmp_path)
