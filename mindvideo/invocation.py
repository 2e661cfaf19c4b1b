"""What was typed after `snakemake`, checked before Snakemake acts on it.

Snakemake reads a workflow before it hands it the targets, so that they are read here from the
command line once more, by Snakemake's own parser. Where that cannot be had, nothing is checked and
the messages are Snakemake's.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mindvideo.config import Config
from mindvideo.errors import InputError
from mindvideo.targets import Targets

WITHOUT_TARGETS = (
    *("unlock", "lint", "list_rules", "list_target_rules", "print_compilation"),
    *("cleanup_metadata", "containerize", "draft_notebook", "edit_notebook"),
)
"""Options under which Snakemake does not look at the targets."""


def read_invocation(argv: Sequence[str]) -> Any:
    """The parsed command line of this Snakemake; None if this process is another program."""
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
    """All targets, also those that are to be rerun or to be the last."""
    if any(getattr(options, name, None) for name in WITHOUT_TARGETS):
        return []
    return [name for key in ("targets", "forcerun", "until") for name in getattr(options, key, ())]


def check_invocation(workflow: Any, config: Config, argv: Sequence[str] = sys.argv) -> None:
    """Refuse a target that Snakemake would refuse, and a profile that it would pass over.

    Parameters
    ----------
    workflow
        Snakemake's, with all rules read.
    config
        The checked configuration.
    argv
        The program and its arguments.

    Raises
    ------
    InputError
        Saying what there is instead.
    """
    options = read_invocation(argv) if getattr(workflow, "is_main_process", False) else None
    if options is None:
        return
    check_profile(options, workflow)
    storage = getattr(workflow, "storage_settings", None)
    if getattr(storage, "default_storage_provider", None) is None:  # else: no local paths
        check_targets(options, workflow, config)


def check_targets(options: Any, workflow: Any, config: Config) -> None:
    """Refuse targets that are neither rules nor made by one, as Snakemake does.

    It refuses files that are there, too: a folder of results is answered as before it was made.

    Raises
    ------
    InputError
        Saying of each, of five at most, what to ask for instead.
    """
    asked = requested(options)
    general = {rule.name: rule for rule in workflow.rules if rule.has_wildcards()}
    unknown = [target for target in asked if not _is_known(target, workflow)]
    unspecific = [target for target in asked if target in general and target in options.targets]
    if not unknown and not unspecific:
        return
    targets = Targets(
        config,
        [(str(output), output.is_directory) for rule in workflow.rules for output in rule.output],
        [rule.name for rule in workflow.rules],
    )
    messages = [targets.explain_rule(name, map(str, general[name].output)) for name in unspecific]
    messages += [targets.explain(_as_snakemake(target)) for target in unknown]
    more = [f"… and {len(messages) - 5} more such targets"] if len(messages) > 5 else []
    raise InputError("\n".join(messages[:5] + more))


def _is_known(target: str, workflow: Any) -> bool:
    path = _as_snakemake(target)
    return (
        workflow.is_rule(target)
        or "://" in target  # storage
        or any(rule.is_producer(path) for rule in workflow.rules)
    )


def _as_snakemake(target: str) -> str:
    """A path as Snakemake compares it: an absolute one as it is, others without ./ and ../."""
    return target if os.path.isabs(target) else os.path.relpath(target)


def check_profile(options: Any, workflow: Any) -> None:
    """Refuse a --workflow-profile that is nowhere; Snakemake would run without it, on this machine.

    Raises
    ------
    InputError
        Naming those that there are.
    """
    name = getattr(options, "workflow_profile", None)
    if not name or name == "none":
        return
    started = Path(getattr(workflow, "rundir", "."))
    beside = Path(workflow.main_snakefile).parent
    places = (started, started / "profiles", beside / "profiles")
    if any((place / name).exists() for place in places):
        return
    found = sorted({p.parent.name for f in (started, beside) for p in f.glob("profiles/*/*.yaml")})
    raise InputError(
        f"--workflow-profile {name}: there is no such profile, neither in {started} nor beside the "
        f"Snakefile; there are {', '.join(f'profiles/{n}' for n in found) or 'none'}"
    )
