"""The commands that are no stages: they look after data sets and configurations."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mindvideo.errors import InputError


@dataclass(frozen=True)
class Command:
    """A command's one-line summary, the function that declares its arguments, and what it does."""

    summary: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _nothing(_: argparse.ArgumentParser) -> None:
    """A command without arguments."""


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, metavar="CONFIG", help="configuration file (YAML)")


# --- schema, runs ---------------------------------------------------------------------------------


def _schema(_: argparse.Namespace) -> int:
    from mindvideo.config import Config

    print(json.dumps(Config.model_json_schema(), indent=2))
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from mindvideo.config import load_config
    from mindvideo.run_table import write_runs

    sys.stdout.write(write_runs(load_config(arguments.config).dataset.rows))
    return 0


# --- unpack ---------------------------------------------------------------------------------------


def _declare_unpack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archives", type=Path, nargs="+", metavar="ARCHIVE", help="zip files")
    parser.add_argument(
        "--to", type=Path, default=Path(), metavar="FOLDER",
        help="where the data set's folder is made (here)",
    )  # fmt: skip
    parser.add_argument(
        "--root", default="video_fmri_dataset", metavar="NAME",
        help="the data set's own folder (%(default)s); '' leaves all names as they are",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only list what is in the archives")


def _unpack(arguments: argparse.Namespace) -> int:
    from mindvideo.io import archives
    from mindvideo.progress import progress

    folder = arguments.to
    if not arguments.list:
        folder.mkdir(parents=True, exist_ok=True)
    written = there = 0
    for archive in arguments.archives:
        with archives.members(archive, folder if folder.is_dir() else None) as members:
            targets = archives.targets(members, folder, arguments.root)
            if arguments.list:
                for target, member in targets.items():
                    print(f"{member.size:>14,}  {target}")
                continue
            missing = {
                target: member
                for target, member in progress(targets.items(), desc="comparing", unit="file")
                if not archives.is_there(member, target)
            }
            there += len(targets) - len(missing)
            _check_space(folder, sum(member.size for member in missing.values()))
            for target, member in progress(missing.items(), desc=archive.name, unit="file"):
                archives.extract(member, target)
                written += 1
    if not arguments.list:
        print(f"{written} files unpacked to {folder.resolve()}, {there} were there already")
    return 0


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.resolve()}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: "
            "make room, or name another folder with --to"
        )


COMMANDS = {
    "runs": Command("Write the table of runs that a data set's description stands for.", _config,
                    _runs),
    "unpack": Command("Unpack a data set's archives, zipped once or twice, to its tree.",
                      _declare_unpack, _unpack),
    "schema": Command("Write the JSON schema of the configuration.", _nothing, _schema),
}  # fmt: skip


def run(name: str, argv: list[str]) -> int:
    """Run a command; returns the exit status."""
    command = COMMANDS[name]
    parser = argparse.ArgumentParser(prog=f"mindvideo {name}", description=command.summary)
    command.declare(parser)
    try:
        return command.run(parser.parse_args(argv))
    except InputError as error:
        print(f"mindvideo {name}: {error}", file=sys.stderr)
        return 1
