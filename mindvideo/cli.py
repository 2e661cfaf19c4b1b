"""The command line: ``mindvideo STAGE --input … --output … --set key=value``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from mindvideo import __version__, forkserver
from mindvideo.artefacts import stages_by_chapter
from mindvideo.commands import COMMANDS
from mindvideo.commands import run as run_command
from mindvideo.errors import show_old_names
from mindvideo.paths import path_argument
from mindvideo.registry import Parameter, Stage, read_stage, stage_names


def _overview() -> str:
    lines = ["commands:\n"]
    lines += [f"    {name:<16} {command.summary}" for name, command in COMMANDS.items()]
    lines += ["\nstages:"]
    for chapter, stages in stages_by_chapter().items():
        lines.append(f"\n  {chapter}")
        lines += [f"    {stage.command:<16} {stage.summary}" for stage in stages]
    lines.append("\nmindvideo STAGE --help lists the files and settings of a stage.")
    lines.append("The whole pipeline: snakemake --cores all results/sub1/videos")
    return "\n".join(lines)


def _print_help() -> int:
    try:
        print("usage: mindvideo STAGE|COMMAND [options]   |   mindvideo --version")
        print("\nReconstruct the films that people watched from their fMRI.\n\n" + _overview())
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _settings_help(stage: Stage) -> str:
    from pydantic_core import PydanticUndefined

    lines = ["settings (--set NAME=VALUE; nested: --set encoder.depth=4):"]
    for name, field in stage.settings_class.model_fields.items():
        needed = field.default is PydanticUndefined and field.default_factory is None
        default = "needed" if needed else f"default {field.get_default(call_default_factory=True)}"
        lines.append(f"  {name:<20} {field.description or ''} [{default}]")
    return "\n".join(lines)


def _nargs(parameter: Parameter) -> str | None:
    """How many values an option takes; a rule passes an optional input that is absent as none."""
    if parameter.many:
        return "*" if parameter.optional else "+"
    return "?" if parameter.optional else None


def _parser(stage: Stage) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"mindvideo {stage.command}",
        description=stage.summary,
        epilog=_settings_help(stage),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for parameter in stage.parameters:
        if parameter.kind == "settings":
            continue
        parser.add_argument(
            parameter.option,
            dest=parameter.name,
            type=str if parameter.kind == "str" else path_argument,
            # An absent string leaves the default to the stage: "" is not None.
            default=argparse.SUPPRESS if parameter.kind == "str" else None,
            nargs=_nargs(parameter),
            required=not parameter.optional,
            metavar=parameter.kind.upper() if parameter.kind != "str" else "NAME",
        )
    parser.add_argument("--settings", help="all settings, as JSON or as a JSON/YAML file")
    parser.add_argument(
        "--execution", metavar="JSON", help="further settings, which do not change the result"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--log", type=path_argument, help="log file")
    parser.add_argument(
        "--code",
        default="",
        metavar="DIGESTS",
        help="of the code, as the workflow compares them",
    )
    if stage.of_kind("State"):
        parser.add_argument(
            "--keep-state",
            action="store_true",
            help="leave the finished state for the workflow to delete",
        )
    if stage.trains:
        parser.add_argument(
            "--processes",
            type=_processes,
            default=1,
            metavar="N",
            help="processes that share each batch, one per GPU (default 1; 0: one per GPU that "
            "Slurm allocated to this job, at least one)",
        )
        parser.add_argument(
            "--nodes",
            type=_whole,
            default=1,
            metavar="N",
            help="nodes of this Slurm job that share the processes (default 1)",
        )
    return parser


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number")
    return int(text)


def _processes(text: str) -> int:
    # A rule has gpu: 0 on a cluster without GPUs, and on one where --gres requests them.
    return _whole(text) or int(os.environ.get("SLURM_GPUS_ON_NODE", "1"))


def read_settings(
    stage: Stage, given: str | None, assignments: list[str], execution: str | None = None
) -> Any:
    """Settings from JSON text or a file, overridden by single assignments; typed and checked.

    `execution` is JSON text that is merged into the other settings, section by section.

    Raises
    ------
    InputError
        Naming the key, what was found and what was expected.
    """
    from pydantic import ValidationError

    from mindvideo.descriptions import read_path, read_yaml
    from mindvideo.errors import InputError
    from mindvideo.validation import explain

    model = stage.settings_class
    values: dict[str, Any] = {}
    if given:
        if given.lstrip().startswith("{"):
            values = _loaded(given, "--settings")
        else:
            values = read_yaml(read_path(given, "--settings"), "--settings")
    values = _merged(values, _loaded(execution or "{}", "--execution"))
    for assignment in assignments:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise InputError(f"--set {assignment}: expected NAME=VALUE")
        *folders, name = key.split(".")
        target = values
        for folder in folders:
            target = target.setdefault(folder, {})
        target[name] = _loaded(value, f"--set {key}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InputError(explain(error, f"mindvideo {stage.command}", model)) from None


def _loaded(text: str, option: str) -> Any:
    from mindvideo import strict_yaml
    from mindvideo.errors import InputError

    try:
        return strict_yaml.load(text)
    except strict_yaml.StrictYamlError as error:
        raise InputError(f"{option}: {error}") from None


def _merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for name, value in more.items():
        within = isinstance(value, dict) and isinstance(values.get(name), dict)
        merged[name] = _merged(values[name], value) if within else value
    return merged


def main(argv: list[str] | None = None) -> int:
    """Entry point of the ``mindvideo`` command; returns the exit status."""
    # Before torch is loaded. Threads that busy-wait for each other block other processes on the
    # same cores: with one other busy process, two threads were seven times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    show_old_names()
    argv = sys.argv[1:] if argv is None else argv
    if argv == ["--version"]:
        print(f"mindvideo {__version__}")
        return 0
    if not argv or argv[0] in ("-h", "--help"):
        return _print_help()
    name, *rest = argv
    if name in COMMANDS:
        return run_command(name, rest)
    if name.replace("-", "_") in stage_names():
        if forkserver.ADDRESS in os.environ and (status := forkserver.run(argv)) is not None:
            return status
        return _run_stage(read_stage(name.replace("-", "_")), rest)
    print(f"mindvideo: no such stage or command: {name!r}.\n\n{_overview()}", file=sys.stderr)
    return 2


def _run_stage(stage: Stage, argv: list[str]) -> int:
    if stage.name == "score" and argv and not argv[0].startswith("-"):
        print(
            "mindvideo score is the stage that the workflow runs. To score a folder of clips: "
            f"mindvideo score-folder {argv[0]} --to …",
            file=sys.stderr,
        )
        return 2
    arguments = vars(_parser(stage).parse_args(argv))
    processes, nodes = arguments.pop("processes", 1), arguments.pop("nodes", 1)
    how = {name: arguments.pop(name) for name in ("log", "code", "keep_state") if name in arguments}

    from mindvideo.errors import InputError
    from mindvideo.processes import (
        is_launcher,
        is_one_of_several,
        processes_on_cpu,
        run_in_processes,
        start_launchers,
    )
    from mindvideo.runner import run

    try:
        given, assignments = arguments.pop("settings"), arguments.pop("set")
        settings = read_settings(stage, given, assignments, arguments.pop("execution"))
        if stage.trains and not is_one_of_several():
            if nodes > 1 and not is_launcher():
                start_launchers(nodes, [stage.command, *argv])
            if nodes == processes == 1:
                processes = processes_on_cpu(settings)
            if nodes > 1 or processes > 1:
                return run_in_processes(processes, [stage.command, *argv], nodes)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return run(stage, arguments, settings, **how)
