"""Commands of trained models: decode, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from mindvideo.errors import InputError
from mindvideo.paths import path_argument
from mindvideo.run_files import files_of

MODEL = (
    "a folder of results (results/sub1, results/sub1/variants/NAME), a model that `mindvideo "
    "export` has written, or a released checkpoint"
)
PRECISIONS = ("fp32", "bf16", "fp16", "auto")
OVERRIDES = ("steps", "guidance", "seed", "precision", "batch_size", "num_frames", "size")


def declare_decode(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", type=path_argument, metavar="MODEL", help=MODEL)
    add(
        "windows",
        type=path_argument,
        nargs="?",
        metavar="WINDOWS",
        help="one window (volumes, voxels) or several (windows, volumes, voxels), .npy",
    )
    add(
        "--run",
        type=path_argument,
        metavar="RUN",
        help="a run of the subject, in place of them; {hemi} for a pair, FILE::NAME for an array",
    )
    add("--to", type=path_argument, required=True, metavar="FOLDER", help="folder to write")
    add(
        "--first",
        type=int,
        default=0,
        metavar="N",
        help="number of the first clip among all evaluated clips, which selects its noise "
        "(default: %(default)s)",
    )
    add("--confounds", type=path_argument, metavar="TSV", help="the run's table of confounds")
    for end in ("start", "end"):
        add(
            f"--drop-{end}",
            type=int,
            metavar="N",
            help=f"volumes to drop at the {end} of the run (default: as for the evaluated runs)",
        )
    add(
        "--null-window",
        type=path_argument,
        metavar="NPY",
        help="negative condition of the guidance (volumes, voxels), in place of the model's",
    )
    settings = parser.add_argument_group("settings in place of the model's")
    add = settings.add_argument
    add("--steps", type=int, metavar="N", help="denoising steps")
    add("--guidance", type=float, metavar="SCALE", help="guidance scale; 1: no guidance")
    add("--seed", type=int, metavar="N", help="of the noise that denoising starts from")
    add("--precision", choices=PRECISIONS, help="number format of the networks")
    add("--batch-size", type=int, metavar="N", help="clips generated together")
    add("--frames", dest="num_frames", type=int, metavar="N", help="frames of a clip")
    add("--size", type=int, metavar="PX", help="height and width of a frame [px]")
    add("--fps", type=float, metavar="RATE", help="frames per second of the videos")


def decode(arguments: argparse.Namespace) -> int:
    _check(arguments)
    from mindvideo.contents import file_digest
    from mindvideo.decoding.folder import TR, open_model
    from mindvideo.decoding.model import load_windows
    from mindvideo.decoding.run import windows_of_run, write_clips
    from mindvideo.devices import claim, claimed
    from mindvideo.libraries import versions
    from mindvideo.transaction import writing

    changes = {name: getattr(arguments, name) for name in OVERRIDES}
    model = open_model(arguments.model).with_settings(changes, arguments.null_window)
    source = arguments.run or arguments.windows
    if arguments.run:
        windows = windows_of_run(
            model,
            arguments.run,
            confounds=arguments.confounds,
            drop_start=arguments.drop_start,
            drop_end=arguments.drop_end,
        )
    else:
        windows = load_windows(source)
    model.check(windows, source)
    tr = model.recording.settings.tr if model.recording else TR
    fps = arguments.fps or model.settings.num_frames / tr
    record = {
        "model": str(arguments.model),
        "inputs": {file: file_digest(Path(file)) for file in files_of(source)},
        "settings": model.settings.model_dump(mode="json") | {"first": arguments.first},
        "versions": versions(),
    }
    if not claimed():
        claim(1)
    with writing(arguments.to) as folder:
        generator = model.load(source, windows.shape[1:])
        clips = write_clips(
            folder,
            generator,
            windows,
            first=arguments.first,
            fps=fps,
            film=arguments.run is not None,
            record=record,
        )
    n, frames, height, width, _ = clips.shape
    print(f"{arguments.to}: {n} clips of {frames} frames of {height} × {width} px")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Check the arguments, before anything is loaded."""
    if arguments.to.exists():
        raise InputError(
            f"{arguments.to} already exists: delete it, or choose another folder with --to"
        )
    if (arguments.windows is None) == (arguments.run is None):
        found = "neither" if arguments.run is None else "both"
        raise InputError(f"give either WINDOWS or --run RUN; found {found}")
    if arguments.first < 0:
        raise InputError(f"--first {arguments.first}: clips are counted from 0")
    if arguments.fps is not None and arguments.fps <= 0:
        raise InputError(f"--fps {arguments.fps:g}: a rate above 0 is needed")
    for name in ("confounds", "drop_start", "drop_end"):
        if arguments.run is None and getattr(arguments, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: only for a run (--run)")
    for option, path in (
        ("WINDOWS", arguments.windows),
        ("--run", arguments.run),
        ("--null-window", arguments.null_window),
        ("--confounds", arguments.confounds),
    ):
        for file in [] if path is None else files_of(path):
            if not Path(file).is_file():
                raise InputError(f"{option} {file}: no such file")


def declare_export(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        type=path_argument,
        metavar="RESULTS",
        help="a folder of results: results/sub1, results/sub1/variants/NAME",
    )
    add("--to", type=path_argument, required=True, metavar="FOLDER", help="folder to write")


def export(arguments: argparse.Namespace) -> int:
    if arguments.to.exists():
        raise InputError(
            f"{arguments.to} already exists: delete it, or choose another folder with --to"
        )
    from mindvideo.decoding.card import card, facts_of
    from mindvideo.decoding.folder import SETTINGS, open_model, write_model
    from mindvideo.transaction import writing

    model = open_model(arguments.model)
    if model.complete:
        kind = "an exported model" if (arguments.model / SETTINGS).is_file() else "a checkpoint"
        raise InputError(
            f"{arguments.model} is {kind} already, one folder that can be copied: name a folder of "
            "results to export"
        )
    facts = facts_of(arguments.model)
    with writing(arguments.to) as folder:
        write_model(model, folder)
        (folder / "README.md").write_text(card(model, facts), encoding="utf-8")
    size = sum(path.stat().st_size for path in arguments.to.rglob("*") if path.is_file())
    print(f"{arguments.to}: {size / 1e6:.0f} MB; read README.md before you pass it on")
    if model.recording is None:
        print("without regions and voxels, which are not on record: it decodes windows only")
    return 0
