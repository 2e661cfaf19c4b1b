"""The command `runs`: the table of runs of a description, or of a folder of BIDS derivatives."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mindvideo.commands.data_sets import declare_config, load
from mindvideo.errors import InputError
from mindvideo.paths import path_argument

if TYPE_CHECKING:
    from mindvideo.bids_table import BidsTable

OF_CHOICE = ("space", "desc", "task", "only", "segment", "train", "test")
OF_RECORDING = ("film", "drop_start", "drop_end", "lag", "raw")


def declare(parser: argparse.ArgumentParser) -> None:
    declare_config(parser)
    bids = parser.add_argument_group("a BIDS folder instead of a configuration")
    bids.add_argument(
        "--bids",
        type=path_argument,
        metavar="FOLDER",
        help="derivatives, such as fMRIPrep's output folder",
    )
    for name, metavar, text in (
        ("space", "SPACE", "space of the runs: MNI152NLin2009cAsym:res-2, fsLR:den-91k, func"),
        ("desc", "LABEL", "desc- of the volumes (preproc)"),
        (
            "segment",
            "ENTITIES",
            "entities that distinguish segments: task (default), task+run, session, …",
        ),
        ("film", "TEMPLATE", "path of a segment's film, with {segment}"),
    ):
        bids.add_argument(f"--{name}", metavar=metavar, help=text)
    for name, metavar, text in (
        ("task", "PATTERN", "only these tasks"),
        (
            "only",
            "ENTITY-PATTERN",
            "only these runs: sub-0*, ses-02, acq-mb; `echo-`: only runs without the entity echo",
        ),
        ("train", "PATTERN", "training segments (all others but rest*)"),
        ("test", "PATTERN", "test segments (those that start with test)"),
    ):
        bids.add_argument(f"--{name}", nargs="+", metavar=metavar, help=text)
    for name, text in (
        ("drop-start", "volumes recorded before the film (from events.tsv, or 0)"),
        ("drop-end", "volumes recorded after the film (from its length, or 0)"),
        ("lag", "haemodynamic delay in volumes; as many are also dropped at the start (0)"),
    ):
        bids.add_argument(f"--{name}", type=_count, metavar="N", help=text)
    bids.add_argument(
        "--raw",
        type=path_argument,
        metavar="FOLDER",
        help="raw BIDS data set, for TR and events (the folder that contains the derivatives)",
    )


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a number of volumes; found {text!r}")
    return int(text)


def runs(arguments: argparse.Namespace) -> int:
    from mindvideo.run_table import write_runs

    options = {name: getattr(arguments, name) for name in (*OF_CHOICE, *OF_RECORDING)}
    given = {name: value for name, value in options.items() if value is not None}
    if arguments.config and arguments.bids:
        raise InputError("give either a configuration or --bids FOLDER")
    if arguments.bids is None:
        if given:
            named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise InputError(f"{named}: only with --bids FOLDER, not with a configuration")
        sys.stdout.write(write_runs(load(arguments).dataset.rows))
        return 0
    table = _of_bids(arguments.bids, dict(given))
    sys.stdout.write(write_runs(table.rows))
    print(_about(table, given), file=sys.stderr)
    return 0


def _of_bids(folder: Path, given: dict) -> BidsTable:
    from mindvideo.bids import Choice
    from mindvideo.bids_table import Recording, bids_table

    only = [*given.pop("only", []), *(f"task-{task}" for task in given.pop("task", []))]
    if "segment" in given:
        given["segment"] = given["segment"].split("+")
    recording = Recording(**{name: given.pop(name) for name in OF_RECORDING if name in given})
    return bids_table(folder, Choice(only=only, **given), recording)


PRETRAINING = "pretraining_data: config/datasets/hcp1200.yaml # or leave it out"


def _about(table: BidsTable, given: dict) -> str:
    """A summary of the folder, and a configuration for the table."""
    from mindvideo.settings.stimuli import Clips

    rows = table.rows
    n = len({run.subject for run in rows})
    lines = [f"{len(rows)} runs of {n} subject{'s'[: n > 1]} in {table.space}"]
    for split in ("train", "test"):
        segments = dict.fromkeys(run.segment for run in rows if run.split == split)
        lines.append(f"{split}: {', '.join(segments)}")
    kept: dict[tuple, dict[str, None]] = {}
    for run in rows:
        kept.setdefault((run.drop_start, run.clips, run.drop_end), {})[run.segment] = None
    for (start, clips, end), there in kept.items():
        lines.append(
            f"volumes: {start} dropped at the start, {clips or 'all others'} kept, {end} dropped "
            f"at the end ({', '.join(there)})"
        )
    lines += [f"note: {note}" for note in table.notes]
    tr = next((run.tr for run in rows), None)
    lag = "0 # the table already drops the volumes of the haemodynamic delay"
    if "lag" not in given:
        lag = "… # haemodynamic delay in volumes, about 4 s"
    lines += ["", "# A configuration of this data set, with the table as runs.tsv:"]
    lines += ["results: results-mine", PRETRAINING]
    if tr and (n_frames := round(Clips().fps * tr)) != Clips().fps * tr:
        lines.append(
            f"clips: {{ frames: {n_frames} }} # in a clip of {tr:g} s: {n_frames / tr:.4g} a second"
        )
    lines += ["dataset:", "  name: mine", f"  lag: {lag}", "  runs: runs.tsv"]
    if tr and (start := given.get("drop_start")) is not None:
        lines.append(f"  film_onset: {{ default: {start * tr:g} }} # [s] after the start of a run")
    lines.append(f"  space: {'cifti' if table.is_cifti else 'volume'}")
    lines += [] if tr else ["  tr: … # repetition time [s]"]
    lines += [] if rows[0].film else ["  film: stimuli/{segment}.mp4 # or mindvideo runs --film"]
    if not all(run.clips for run in rows):
        lines.append("  clips_per_segment: { default: … } # number of volumes kept")
    if not (table.is_cifti or table.space.startswith("MNI152")):
        lines.append(
            "regions: { atlas: false } # not in MNI152 space: voxels are those of the masks"
        )
    return "\n".join(lines)
