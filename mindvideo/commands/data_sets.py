"""Commands for data sets: check-dataset, unpack."""

from __future__ import annotations

import argparse
import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mindvideo.errors import InputError
from mindvideo.paths import path_argument
from mindvideo.results_folder import DEMO, VARIABLE, check_results, default_configuration

if TYPE_CHECKING:
    from mindvideo.config import Config
    from mindvideo.dataset import Dataset


def declare_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        type=path_argument,
        nargs="*",
        metavar="CONFIG",
        help=f"configuration file, YAML; later ones override earlier ones (${VARIABLE}, or {DEMO})",
    )


def load(arguments: argparse.Namespace) -> Config:
    from mindvideo.config import load_config

    return load_config(*configurations(arguments))


def configurations(arguments: argparse.Namespace) -> list[Path]:
    """The configuration files that the command line names, or else the default."""
    return arguments.config or [default_configuration()]


# --- check-dataset ---


def declare_check(parser: argparse.ArgumentParser) -> None:
    declare_config(parser)
    parser.add_argument(
        "--deep", action="store_true", help="also read the values of all runs (slow)"
    )
    parser.add_argument(
        "--all", action="store_true", help="list every file, even if there are many"
    )
    parser.add_argument(
        "--only",
        choices=["dataset", "pretraining_data"],
        help="check only one of the two data sets",
    )


def check(arguments: argparse.Namespace) -> int:
    from mindvideo import checks
    from mindvideo.alignment import clip_seconds, clip_times, lag_of, n_needed
    from mindvideo.checks.given import given_artefacts
    from mindvideo.checks.settings import check_settings
    from mindvideo.checks.timing import check_timing, describe_timing
    from mindvideo.findings import Finding, refused, report
    from mindvideo.given import can_pretrain, computed

    config = load(arguments)
    name = " ".join(map(str, configurations(arguments)))
    findings: list[Finding] = [
        *refused(
            "results",
            check_results,
            config.results,
            config.dataset.name,
            name,
            config.evaluate,
        )
    ]
    stages = [config.stages(variant) for variant in (None, *config.variants)]
    if arguments.only != "pretraining_data":
        dataset = config.dataset
        here = computed(config)
        n_runs = f"{len(dataset.rows)} runs of " if "clean" in here else ""
        print(
            f"{dataset.name}: {n_runs}{len(dataset.segments)} segments{_held_out(dataset)}, "
            f"subjects {', '.join(dataset.subjects)}"
        )
        if promised := str(dataset.expect or ""):
            print(f"Promised (dataset.expect): {promised}")
        if "clean" in here:
            model = config.stages()
            times, lag = clip_times(dataset, model), lag_of(dataset, model)
            print(describe_timing(dataset, times, lag, everything=arguments.all))
            findings += check_timing(dataset, times, lag)
        findings += given_artefacts(config, deep=arguments.deep)
        findings += checks.check_dataset(
            dataset,
            evaluate=config.evaluate,
            clips=max(
                ((clip_seconds(dataset, s), s.clips.fps) for s in stages), key=lambda clip: clip[1]
            ),
            needed=lambda segment, start: max(n_needed(dataset, s, segment, start) for s in stages),
            columns=config.clean.confounds,
            atlas=any(s.regions.atlas for s in stages),
            deep=arguments.deep,
        )
    pretrains = arguments.only is None and any(s.pretraining.trains for s in stages)
    pretrains = pretrains and "pretraining" in computed(config)
    others = config.pretraining_data
    if arguments.only == "pretraining_data" and others is None:
        raise InputError(
            f"{name}: there is no pretraining_data to check: set it to the path of its "
            "description, such as config/datasets/hcp1200.yaml, or leave out --only"
        )
    if others and (arguments.only == "pretraining_data" or pretrains):
        seconds = config.samples.seconds
        findings += checks.check_pretraining(others, seconds, deep=arguments.deep)
    elif not can_pretrain(config) and "mbm_tuning" in computed(config):
        print(
            "No pretraining_data: masked brain modelling starts from random weights, on each "
            "subject's own training windows (mbm_tuning)."
        )
    if arguments.only is None:
        findings += check_settings(config)
    if arguments.deep:
        _put_on_record(config)
    print("\n" + report(list(dict.fromkeys(findings)), everything=arguments.all))
    return int(any(finding.level == "error" for finding in findings))


def _held_out(dataset: Dataset) -> str:
    """The validation segments, if there are any."""
    names = ", ".join(dataset.validation)
    return f" ({len(dataset.validation)} for validation: {names})" if names else ""


def _put_on_record(config: Config) -> None:
    """Record the digests of the runs: jobs need not compute them (docs/reference/cost.md)."""
    from mindvideo.contents import Digests
    from mindvideo.descriptions import pretraining_runs, pretraining_subjects
    from mindvideo.progress import progress
    from mindvideo.run_files import files_of

    paths = [Path(file) for run in config.dataset.rows for file in files_of(run.path)]
    paths = list(dict.fromkeys(paths))
    if others := config.pretraining_data:
        with contextlib.suppress(InputError):  # the findings report it
            for subject in pretraining_subjects(others):
                paths += map(Path, pretraining_runs(others, subject))
    digests = Digests(Path(config.results, "digests"), "check-dataset")
    for path in progress([p for p in paths if p.is_file()], desc="digests", unit="run"):
        digests.of(path)
    digests.save()


# --- unpack ---


def declare_unpack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "archives", type=path_argument, nargs="+", metavar="ARCHIVE", help="zip files"
    )
    parser.add_argument(
        "--to",
        type=path_argument,
        default=Path(),
        metavar="FOLDER",
        help="folder to unpack into (the working folder)",
    )
    parser.add_argument(
        "--root",
        default="video_fmri_dataset",
        metavar="NAME",
        help="top folder of the data set (%(default)s); '' keeps all names as they are",
    )
    parser.add_argument(
        "--list", action="store_true", help="list what is in the archives, and unpack nothing"
    )


def unpack(arguments: argparse.Namespace) -> int:
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
        print(f"unpacked to {folder.resolve()}: {written}; already there: {there}")
    return 0


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.resolve()}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: "
            "free disk space, or choose another folder with --to"
        )
