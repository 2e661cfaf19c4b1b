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
    from mindvideo.bids_table import Found

OF_CHOICE = ("space", "desc", "task", "only", "segment", "train", "test")
OF_RECORDING = ("film", "drop_start", "drop_end", "lag", "raw")


def declare(parser: argparse.ArgumentParser) -> None:
    declare_config(parser)
    bids = parser.add_argument_group("of a BIDS folder, instead of a configuration")
    bids.add_argument(
        "--bids",
        type=path_argument,
        metavar="FOLDER",
        help="derivatives, as fMRIPrep's output folder",
    )
    for name, metavar, text in (
        ("space", "SPACE", "of the runs: MNI152NLin2009cAsym:res-2, fsLR:den-91k, func"),
        ("desc", "LABEL", "of volumes (preproc)"),
        ("segment", "ENTITIES", "what makes a segment: task (default), task+run, session, …"),
        ("film", "TEMPLATE", "path of a segment's film, with {segment}"),
    ):
        bids.add_argument(f"--{name}", metavar=metavar, help=text)
    for name, metavar, text in (
        ("task", "PATTERN", "only these tasks"),
        ("only", "ENTITY-PATTERN", "only these runs: sub-0*, ses-02, acq-mb; echo- has no echo"),
        ("train", "PATTERN", "training segments (all others but rest*)"),
        ("test", "PATTERN", "test segments (those that start with test)"),
    ):
        bids.add_argument(f"--{name}", nargs="+", metavar=metavar, help=text)
    for name, text in (
        ("drop-start", "volumes before the film (as events.tsv says, or 0)"),
        ("drop-end", "volumes after the film (as many as its length leaves, or 0)"),
        ("lag", "volumes by which the response is late; they are dropped at the start, too (0)"),
    ):
        bids.add_argument(f"--{name}", type=_count, metavar="N", help=text)
    bids.add_argument(
        "--raw", type=path_argument, metavar="FOLDER",
        help="raw BIDS data: TR, events (the folder that holds the derivatives)",
    )  # fmt: skip


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"a number of volumes was needed; found {text!r}")
    return int(text)


def runs(arguments: argparse.Namespace) -> int:
    from mindvideo.run_table import write_runs

    options = {name: getattr(arguments, name) for name in (*OF_CHOICE, *OF_RECORDING)}
    given = {name: value for name, value in options.items() if value is not None}
    if arguments.config and arguments.bids:
        raise InputError("a configuration or --bids FOLDER was needed, not both")
    if arguments.bids is None:
        if given:
            named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise InputError(f"{named}: only with --bids FOLDER, not with a configuration")
        sys.stdout.write(write_runs(load(arguments).dataset.rows))
        return 0
    found = _of_bids(arguments.bids, dict(given))
    sys.stdout.write(write_runs(found.rows))
    print(_about(found, given), file=sys.stderr)
    return 0


def _of_bids(folder: Path, given: dict) -> Found:
    from mindvideo.bids import Choice
    from mindvideo.bids_table import Recording, bids_table

    only = [*given.pop("only", []), *(f"task-{task}" for task in given.pop("task", []))]
    if "segment" in given:
        given["segment"] = given["segment"].split("+")
    recording = Recording(**{name: given.pop(name) for name in OF_RECORDING if name in given})
    return bids_table(folder, Choice(only=only, **given), recording)


def _about(found: Found, given: dict) -> str:
    """What was found, and the configuration that the table needs."""
    from mindvideo.settings.stimuli import Clips

    rows = found.rows
    n = len({run.subject for run in rows})
    lines = [f"{len(rows)} runs of {n} subject{'s'[: n > 1]} in {found.space}"]
    for split in ("train", "test"):
        own = dict.fromkeys(run.segment for run in rows if run.split == split)
        lines.append(f"{split}: {', '.join(own)}")
    kept = {run.segment: (run.drop_start, run.clips, run.drop_end) for run in rows}
    for start, clips, end in dict.fromkeys(kept.values()):
        there = [segment for segment, values in kept.items() if values == (start, clips, end)]
        lines.append(
            f"volumes: {start} dropped at the start, {clips or 'all others'} kept, {end} dropped "
            f"at the end ({', '.join(there)})"
        )
    lines += [f"note: {note}" for note in found.notes]
    tr = next((run.tr for run in rows), None)
    lag = "0 # the table drops the volumes before the response" if "lag" in given else (
        "… # volumes from a clip to its response. Better: mindvideo runs --lag N, so that the last "
        "clips have volumes of their own"
    )  # fmt: skip
    lines += ["", "# A configuration of this data set, with the table as runs.tsv:"]
    lines += ["results: results-mine", "pretraining_data: config/datasets/hcp1200.yaml"]
    if tr and (n_frames := round(Clips().fps * tr)) != Clips().fps * tr:
        lines.append(
            f"clips: {{ fps: {n_frames / tr:.6g} }} # {n_frames} frames a clip of {tr:g} s"
        )
    lines += ["dataset:", "  name: mine", f"  lag: {lag}", "  runs: runs.tsv"]
    if tr and (start := given.get("drop_start")) is not None:
        lines.append(f"  film_onset: {{ default: {start * tr:g} }} # [s] after the start of a run")
    lines.append(f"  space: {'cifti' if found.is_cifti else 'volume'}")
    lines += [] if tr else ["  tr: … # repetition time [s]"]
    lines += [] if rows[0].film else ["  film: stimuli/{segment}.mp4 # or mindvideo runs --film"]
    if not all(run.clips for run in rows):
        lines.append("  clips_per_segment: { default: … } # volumes that are kept")
    if not (found.is_cifti or found.space.startswith("MNI152")):
        lines.append(
            "regions: { atlas: false } # not in MNI152 space: voxels are those of the masks"
        )
    return "\n".join(lines)
