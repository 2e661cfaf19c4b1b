"""The commands that are not stages, for data sets, configurations and results."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from mindvideo import score_folder
from mindvideo.commands import checkpoints, data_sets, decoding, results, rule, runs
from mindvideo.errors import InputError


@dataclass(frozen=True)
class Command:
    """A command: its one-line summary, a function that declares its arguments, and its action."""

    summary: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _nothing(_: argparse.ArgumentParser) -> None:
    """A command without arguments."""


def _schema(_: argparse.Namespace) -> int:
    from mindvideo.config import Config

    print(json.dumps(Config.model_json_schema(), indent=2))
    return 0


def _settings(_: argparse.Namespace) -> int:
    from mindvideo.settings_page import settings_page

    sys.stdout.write(settings_page())
    return 0


COMMANDS = {
    "score-folder": Command(
        "Score the reconstructions of any method, from a folder of clips.",
        score_folder.declare,
        score_folder.run,
    ),
    "decode": Command(
        "Decode windows or a new run of a subject with a trained model.",
        decoding.declare_decode,
        decoding.decode,
    ),
    "export": Command(
        "Write a trained model as one folder that can be handed on.",
        decoding.declare_export,
        decoding.export,
    ),
    "check-dataset": Command(
        "Report everything missing or unusual in the data sets, before anything runs.",
        data_sets.declare_check,
        data_sets.check,
    ),
    "runs": Command(
        "Write the table of runs of a description, or of a folder of BIDS derivatives.",
        runs.declare,
        runs.runs,
    ),
    "explain": Command(
        "Report how a file was made: stage, settings, inputs, versions, time.",
        results.declare_explain,
        results.explain,
    ),
    "adopt": Command(
        "Keep results that an update of code or libraries did not change.",
        results.declare_adopt,
        results.adopt,
    ),
    "discard": Command(
        "Delete the state of an unfinished stage, so that it starts again from the beginning.",
        results.declare_discard,
        results.discard,
    ),
    "rule": Command(
        "Print, run or debug the command of one job of the workflow.", rule.declare, rule.rule
    ),
    "unpack": Command(
        "Unpack the archives of a data set, zipped once or twice, to its folders.",
        data_sets.declare_unpack,
        data_sets.unpack,
    ),
    "import-official": Command(
        "Convert a released encoder or autoencoder to a folder of this project.",
        checkpoints.declare_import,
        checkpoints.import_official,
    ),
    "export-official": Command(
        "Convert an encoder or autoencoder to the form that the released code reads.",
        checkpoints.declare_export,
        checkpoints.export_official,
    ),
    "schema": Command("Write the JSON schema of the configuration.", _nothing, _schema),
    "settings": Command(
        "Write the page of all settings (docs/reference/settings.md).", _nothing, _settings
    ),
}


def run(name: str, argv: list[str]) -> int:
    """Run a command; returns the exit status."""
    command = COMMANDS[name]
    prog = f"mindvideo {name}"
    parser = argparse.ArgumentParser(prog=prog, description=command.summary)
    command.declare(parser)
    try:
        status = command.run(parser.parse_args(argv))
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"{prog}: {error}", file=sys.stderr)
    except BrokenPipeError:  # the reader has closed the pipe, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if not error.filename:
            raise
        print(f"{prog}: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1
