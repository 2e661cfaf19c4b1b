"""Commands for results: explain, adopt, discard."""

from __future__ import annotations

import argparse

from mindvideo.commands.data_sets import configurations
from mindvideo.paths import path_argument
from mindvideo.results_folder import DEMO, VARIABLE


def declare_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=path_argument, metavar="PATH", help="output of a stage, or a file in it"
    )
    parser.add_argument("--all", action="store_true", help="also list settings with default values")
    parser.add_argument(
        "--deep",
        action="store_true",
        help="also explain all ancestors, back to the raw data",
    )


def explain(arguments: argparse.Namespace) -> int:
    from mindvideo.explain import run as run_explain

    return run_explain(arguments.path, everything=arguments.all, deep=arguments.deep)


def declare_adopt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        type=path_argument,
        nargs="+",
        metavar="PATH",
        help="outputs of stages, or folders of results/state",
    )
    parser.add_argument(
        "--config",
        type=path_argument,
        nargs="+",
        action="extend",
        metavar="CONFIG",
        help=f"configuration of these results, one file or several (${VARIABLE}, or {DEMO})",
    )
    parser.add_argument("--deep", action="store_true", help="also adopt all ancestors")
    parser.add_argument("--why", default="", metavar="TEXT", help="reason, which is recorded")


def adopt(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_adopt

    return run_adopt(
        arguments.paths,
        configurations(arguments),
        deep=arguments.deep,
        why=arguments.why,
    )


def declare_discard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "states", type=path_argument, nargs="+", metavar="STATE", help="a folder of results/state"
    )


def discard(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_discard

    return run_discard(arguments.states)
