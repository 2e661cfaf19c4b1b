"""The command `rule`: print, run or debug the command of one job of the workflow."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError
from mindvideo.paths import path_argument
from mindvideo.templates import did_you_mean


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="a rule, as `snakemake --list-rules` lists them"
    )
    parser.add_argument(
        "wildcards", nargs="*", metavar="WILDCARD=VALUE", help="such as model=sub1 segment=test1"
    )
    parser.add_argument(
        "--config",
        type=path_argument,
        nargs="+",
        action="extend",
        metavar="CONFIG",
        help="like Snakemake's --configfile ($MINDVIDEO_CONFIG, or config/config.yaml)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--run",
        action="store_true",
        help="run the command; its inputs must exist, and Snakemake does not record the job",
    )
    how.add_argument("--debug", action="store_true", help="run it in Python's debugger, pdb")


def rule(arguments: argparse.Namespace) -> int:
    """Print or run the command of a rule's job; returns the exit status."""
    command = job_command(arguments.name, _pairs(arguments.wildcards), arguments.config or [])
    if arguments.run:
        return subprocess.run(command, shell=True, check=False).returncode
    if arguments.debug:
        words = [sys.executable, "-m", "pdb", "-m", *shlex.split(command)]
        return subprocess.run(words, check=False).returncode
    print(command)
    return 0


def _pairs(arguments: list[str]) -> dict[str, str]:
    pairs = dict(text.partition("=")[::2] for text in arguments)
    if wrong := [text for text in arguments if "=" not in text]:
        raise InputError(f"{wrong[0]}: expected WILDCARD=VALUE, such as model=sub1")
    return pairs


def job_command(name: str, wildcards: dict[str, str], config: Sequence[Path] = ()) -> str:
    """The shell command of one job of the workflow in the current folder.

    Raises
    ------
    InputError
        If there is no workflow, rule or job with these names, or the configuration is wrong.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError, print_exception
    from snakemake.settings.types import (
        ConfigSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )

    snakefile = Path("Snakefile")
    if not snakefile.is_file():
        raise InputError(f"no Snakefile in {Path.cwd()}: run this in the folder of the workflow")
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        try:
            workflow = api.workflow(
                snakefile=snakefile,
                config_settings=ConfigSettings(configfiles=config),
                resource_settings=ResourceSettings(cores=1),
            )._workflow
            return _command(workflow, name, wildcards)
        except WorkflowError as error:
            print_exception(error, {})
            raise InputError(f"the command of rule {name} cannot be determined") from None


def _command(workflow: Any, name: str, wildcards: dict[str, str]) -> str:
    from snakemake.dag import DAG
    from snakemake.jobs import Job
    from snakemake.settings.types import DAGSettings, ExecutionSettings

    from mindvideo.invocation import targets_of

    rules = {rule.name: rule for rule in workflow.rules if rule.shellcmd and rule.output}
    if name not in rules:
        raise InputError(f"there is no rule {name} with a command{did_you_mean(name, rules)}")
    rule = rules[name]
    if set(wildcards) != rule.wildcard_names:
        needed = " ".join(f"{wildcard}=…" for wildcard in sorted(rule.wildcard_names)) or "none"
        given = " ".join(f"{n}={v}" for n, v in wildcards.items()) or "none"
        raise InputError(f"rule {name}: expected the wildcards {needed}; found {given}")
    target = rule.output[0].apply_wildcards(wildcards)
    if not rule.is_producer(target):
        raise InputError(targets_of(workflow, workflow.globals["PLAN"].config).explain(target))
    workflow.dag_settings, workflow.execution_settings = DAGSettings(), ExecutionSettings()
    dag = DAG(workflow, rules=[rule])
    job = Job(rule, dag, wildcards)
    dag._jobid[job] = 0  # needed to fill in a command
    return job.shellcmd
