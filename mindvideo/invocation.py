"""Checks of the command line of `snakemake`, before Snakemake acts on it.

A workflow is read before Snakemake passes it the targets. The command line is therefore parsed here
once more, by Snakemake's own parser. If that parser is not available, nothing is checked, and
Snakemake reports errors itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mindvideo.config import Config
from mindvideo.descriptions import load_yaml
from mindvideo.errors import InputError
from mindvideo.sizes import check_accumulation
from mindvideo.targets import Targets

WITHOUT_TARGETS = (
    "unlock",
    "lint",
    "list_rules",
    "list_target_rules",
    "print_compilation",
    "cleanup_metadata",
    "containerize",
    "draft_notebook",
    "edit_notebook",
)
"""Options with which Snakemake ignores the targets."""

OPTIONS = ("targets", "forcerun", "until", "omit_from", "prioritize")
"""Options that name rules or files."""


def read_configfiles(workflow: Any) -> str:
    """Read the configuration files once more, more strictly than Snakemake; returns their names.

    Raises
    ------
    InputError
        If a file has a key twice, or numbers that YAML reads in another base.
    """
    paths = [_as_typed(Path(path)) for path in workflow.configfiles]
    if workflow.is_main_process:
        for path in paths:
            load_yaml(path, "configuration")
    return ", ".join(map(str, paths)) or "configuration"


def _as_typed(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def read_invocation(argv: Sequence[str]) -> Any:
    """The parsed command line of Snakemake; None if this process is another program."""
    program = Path(argv[0] if argv else "")
    if program.stem != "snakemake" and program.parts[-2:] != ("snakemake", "__main__.py"):
        return None
    try:
        parser = importlib.import_module("snakemake.cli").get_argument_parser()
        parser.error = _refuse
        return parser.parse_args(list(argv[1:]))
    except (ImportError, AttributeError, TypeError, ValueError):
        return None


def _refuse(message: str) -> None:
    raise ValueError(message)


def requested(options: Any) -> list[str]:
    """All targets, and all rules and files that the options :data:`OPTIONS` name."""
    if any(getattr(options, name, None) for name in WITHOUT_TARGETS):
        return []
    return [name for key in OPTIONS for name in getattr(options, key, None) or ()]


def check_invocation(
    workflow: Any,
    config: Config,
    along: Mapping[str, Sequence[str]] = MappingProxyType({}),
    argv: Sequence[str] = sys.argv,
) -> dict[str, list[str]]:
    """Raise an error for a target that no rule makes, or a profile that does not exist.

    Parameters
    ----------
    workflow
        Snakemake's, with all rules read.
    config
        The checked configuration.
    along
        By target: what is also made, where it is requested.
    argv
        The program and its arguments.

    Returns
    -------
    dict
        Targets that stand for several results, with these: folders that no rule makes, and targets
        in `along`.

    Raises
    ------
    InputError
        The message names what exists instead.
    """
    options = read_invocation(argv) if getattr(workflow, "is_main_process", False) else None
    if options is None:
        return {}
    check_profile(options, workflow)
    storage = getattr(workflow, "storage_settings", None)
    if getattr(storage, "default_storage_provider", None) is not None:  # no local paths
        return {}
    return check_targets(options, workflow, config) | _accompanied(options, along)


def _accompanied(options: Any, along: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Targets that others accompany. One that another option names, too, stays a file for it."""
    names = requested(options)
    found = {
        target: [_as_snakemake(target), *along.get(_as_snakemake(target), ())]
        for target in options.targets
        if names.count(target) == 1
    }
    return {target: results for target, results in found.items() if len(results) > 1}


def check_targets(options: Any, workflow: Any, config: Config) -> dict[str, list[str]]:
    """Raise an error for targets that are neither rules nor outputs of one, as Snakemake does.

    This includes files and folders that exist but that no rule makes, so that the answer is the
    same before and after results are computed.

    Returns
    -------
    dict
        Targets that are folders which no rule makes, with the results that each contains.

    Raises
    ------
    InputError
        The message says, for five targets at most, what to request instead.
    """
    names = requested(options)
    general = {rule.name: rule for rule in workflow.rules if rule.has_wildcards()}
    unknown = [target for target in names if not _has_rule(target, workflow)]
    unspecific = [target for target in names if target in general and target in options.targets]
    plain = [rule for rule in workflow.rules if rule.name in names and rule.name not in general]
    needs = [
        (rule.name, str(path))
        for rule in plain
        for path in rule.input
        if isinstance(path, str) and not _has_rule(path, workflow) and not Path(path).exists()
    ]
    if not unknown and not unspecific and not needs:
        return {}
    targets = targets_of(workflow, config)
    # Snakemake looks for what other options name (such as --forcerun) among files only.
    once = [target for target in unknown if names.count(target) == 1]
    held = {target: targets.held(_as_snakemake(target)) for target in once}
    folders = {target: held[target] for target in options.targets if held.get(target)}
    unknown = [target for target in unknown if target not in folders]
    messages = [targets.explain_rule(name, map(str, general[name].output)) for name in unspecific]
    messages += [targets.explain_need(rule, path) for rule, path in needs]
    messages += [targets.explain(_as_snakemake(target)) for target in unknown]
    messages = list(dict.fromkeys(messages))
    more = [f"… and {len(messages) - 5} more such targets"] if len(messages) > 5 else []
    if messages:
        raise InputError("\n".join(messages[:5] + more))
    return folders


def targets_of(workflow: Any, config: Config) -> Targets:
    """All outputs of the rules of a workflow.

    Parameters
    ----------
    workflow
        Snakemake's, with all rules read.
    config
        The checked configuration.
    """
    return Targets(
        config,
        [(str(output), output.is_directory) for rule in workflow.rules for output in rule.output],
        [rule.name for rule in workflow.rules if not _is_template(rule)],
    )


def _is_template(rule: Any) -> bool:
    """Whether a rule makes nothing itself, and other rules inherit its command."""
    return bool(rule.shellcmd) and not rule.output


def _has_rule(target: str, workflow: Any) -> bool:
    """Whether a target is a rule, an output of a rule, or in a remote storage."""
    if workflow.is_rule(target):
        return not any(rule.name == target and _is_template(rule) for rule in workflow.rules)
    path = _as_snakemake(target)
    return "://" in target or any(rule.is_producer(path) for rule in workflow.rules)


def _as_snakemake(target: str) -> str:
    """A path as Snakemake compares it: relative paths without ./ and ../, absolute ones as is."""
    return target if os.path.isabs(target) else os.path.relpath(target)


def check_shares(workflow: Any, models: Mapping[str | None, Any]) -> None:
    """Raise an error for a training run that its job's GPUs or nodes could not compute.

    It must not have more processes than a batch has parts, and on several nodes its job must start
    without a step of Slurm's.

    Parameters
    ----------
    workflow
        Snakemake's, with all rules read.
    models
        By the name of each variant, and None for the full model: its sections.

    Raises
    ------
    InputError
    """
    if not workflow.is_main_process:
        return
    limit = workflow.global_resources.get("gpu")
    for rule in workflow.rules:
        if not rule.output or "--processes" not in (rule.shellcmd or ""):
            continue
        _check_nodes(rule)
        gpus = rule.resources["gpu"]
        if gpus.is_evaluable() or not isinstance(gpus.value, int):  # known when the job is
            continue
        gpus = gpus.constrain(limit).value
        for variant, stages in models.items() if gpus > 1 else ():
            training = getattr(stages, rule.name)
            if not training.trains:
                continue
            try:
                check_accumulation(training.batch_size, training.accumulate, gpus)
            except InputError as error:
                place = f"variants.{variant}.{rule.name}" if variant else rule.name
                raise InputError(f"{place} on gpu={gpus}: {error}") from None


def _check_nodes(rule: Any) -> None:
    """Slurm's executor starts a job in a step on one node, unless the job has the resource mpi."""
    nodes = rule.resources["nodes"]
    if nodes.is_evaluable() or not isinstance(nodes.value, int) or nodes.value < 2:
        return
    if not {"mpi", "tasks_per_node"} <= rule.resources.keys():
        raise InputError(
            f"{rule.name} on nodes={nodes.value}: set `mpi: srun` and `tasks_per_node` (the GPUs "
            "of a node, at least 2) under set-resources of the profile, too. See "
            "docs/how-to/several-gpus.md"
        )


def check_profile(options: Any, workflow: Any) -> None:
    """Raise an error if --workflow-profile does not exist: Snakemake would run locally without it.

    Raises
    ------
    InputError
        The message names the profiles that exist.
    """
    given = getattr(options, "workflow_profile", None)
    name = given or "default"
    if name == "none":
        return
    started = Path(getattr(workflow, "rundir", "."))
    of_snakefile = Path(workflow.main_snakefile).parent
    places = (started, started / "profiles", of_snakefile / "profiles")
    folders = [place / name for place in places if (place / name).exists()]
    for file in (f for folder in folders[:1] for f in sorted(folder.glob("*.yaml"))):
        load_yaml(file, "--workflow-profile")
    if folders or not given:
        return
    yamls = [p for f in (started, of_snakefile) for p in f.glob("profiles/*/*.yaml")]
    names = sorted({path.parent.name for path in yamls})
    raise InputError(
        f"--workflow-profile {name}: no such profile in {started} or next to the Snakefile; "
        f"available: {', '.join(f'profiles/{n}' for n in names) or 'none'}"
    )
