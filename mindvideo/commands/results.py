"""Commands that look after results: explain, adopt, discard."""

from __future__ import annotations

import argparse
from pathlib import Path

from mindvideo.results_folder import DEMO, VARIABLE, default_configuration


def declare_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="what a stage made, or a part of it"
    )
    parser.add_argument("--all", action="store_true", help="tell settings at their defaults, too")
    parser.add_argument(
        "--deep", action="store_true", help="tell of all that it was made from, to the beginning"
    )


def explain(arguments: argparse.Namespace) -> int:
    from mindvideo.explain import run as run_explain

    return run_explain(arguments.path, everything=arguments.all, deep=arguments.deep)


def declare_adopt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="outputs of stages, or their states"
    )
    parser.add_argument(
        "--config", type=Path, metavar="CONFIG",
        help=f"configuration whose results they are (${VARIABLE}, or {DEMO})",
    )  # fmt: skip
    parser.add_argument(
        "--deep", action="store_true", help="adopt all that they were made from as well"
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, to be noted")


def adopt(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_adopt

    return run_adopt(
        arguments.paths,
        arguments.config or default_configuration(),
        deep=arguments.deep,
        why=arguments.why,
    )


def declare_discard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "states", type=Path, nargs="+", metavar="STATE", help="a folder of results/state"
    )


def discard(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_discard

    return run_discard(arguments.states)
