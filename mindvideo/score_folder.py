"""``mindvideo score-folder``: score the clips of any method with the stages of the workflow."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mindvideo.errors import InputError
from mindvideo.paths import path_argument

NETWORKS = ("image_classifier", "video_classifier", "clip")

FOLDER = (
    "reconstructions: mp4 or GIF, named SEGMENT_NUMBER or NUMBER, in folders by segment or not; or "
    ".npy, one for each segment. Their left half may be the ground truth: GIFs as MinD-Video "
    "released them (the padding is cropped), other pairs of squares, or this project's videos"
)
NAMES = (
    "how mp4 and GIF files are named, if names do not end with the clip's number: "
    "'{segment}_{clip}_seed*', with * for anything; files with other names are ignored"
)
TRUTH = "ground truth, under the same names, if the files in FOLDER do not contain it"
TO = "the folder to write: metrics.tsv, per_clip.tsv, videos/index.html"
CONFIG = "configuration that names the networks and the settings of scores (default: the paper's)"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("folder", type=path_argument, metavar="FOLDER", help=FOLDER)
    add("--names", metavar="PATTERN", help=NAMES)
    add("--truth", type=path_argument, metavar="FOLDER", help=TRUTH)
    add("--truth-names", metavar="PATTERN", help="the same for the folder of ground truth")
    add("--to", type=path_argument, required=True, metavar="FOLDER", help=TO)
    add("--size", type=int, metavar="PX", help="scale all frames to this size")
    add("--frames", type=int, metavar="N", help="use N frames of each clip")
    add("--fps", type=float, default=3.0, help="frame rate of the videos (%(default)g)")
    add("--partial", action="store_true", help="score the clips that exist if others are missing")
    add("--config", type=path_argument, nargs="+", action="extend", metavar="FILE", help=CONFIG)
    for name in NETWORKS:
        option = "--" + name.replace("_", "-")
        add(option, metavar="NAME", help="hub name or folder; none: leave out its metrics")


def run(arguments: argparse.Namespace) -> int:
    """Convert the clips to the format of the stages, run `score` and `videos`, print the table."""
    from mindvideo.io.tables import load_table
    from mindvideo.registry import read_stage
    from mindvideo.runner import run_stage
    from mindvideo.settings.evaluation import VideoSettings
    from mindvideo.transaction import writing

    if arguments.to.exists():
        raise InputError(
            f"{arguments.to} already exists: delete it, or choose another folder with --to"
        )
    scoring = _scoring(arguments)
    with tempfile.TemporaryDirectory() as name, writing(arguments.to) as out:
        out.mkdir()
        gathered = gather(arguments, Path(name))
        scores = {"metrics": out / "metrics.tsv", "per_clip": out / "per_clip.tsv"}
        state = Path(name) / "state"
        run_stage(
            read_stage("score"),
            {**gathered, "shots": None, "scenes": None, **scores, "state": state},
            scoring,
        )
        run_stage(
            read_stage("videos"),
            {
                **gathered,
                "scenes": None,
                **scores,
                "videos": out / "videos",
                "manifest": out / "videos.tsv",
            },
            VideoSettings(fps=arguments.fps, title=f"Reconstructions in {arguments.folder.name}"),
        )
    table = load_table(arguments.to / "metrics.tsv")
    columns = ["metric", "n_clips", "value", "ci_low", "ci_high", "chance", "null_mean"]
    digits = {
        c: table[c].map(lambda p: f"{p:.2g}", na_action="ignore") for c in ("p", "p_holm", "p_min")
    }
    print(
        table[columns]
        .assign(**digits)
        .to_string(index=False, na_rep="–", float_format=lambda x: f"{x:.3f}")
    )
    print(f"\n{arguments.to / 'videos' / 'index.html'}")
    return 0


def gather(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Write reconstructions, their table and the stimuli in the format that the stages read.

    Raises
    ------
    InputError
        If clips are missing, unreadable, or differ in size or number of frames; all are named.
    """
    import numpy as np
    import pandas as pd

    from mindvideo.io.clips import load_clips
    from mindvideo.io.tables import save_table

    sources = _find(arguments.folder, arguments.names, "--names")
    truth = arguments.truth and _find(arguments.truth, arguments.truth_names, "--truth-names")
    keys = _paired(sources, truth, arguments)
    reader = _reader(arguments, sources, truth)
    (folder / "clips").mkdir()
    segments = list(dict.fromkeys(segment for segment, _ in keys))
    problems: list[str] = []
    flat: dict[str, list[str]] = {"reconstruction": [], "ground truth": []}
    arrays: dict[str, Any] = {}
    reconstructions = folder / "reconstructions.npy"
    shape: tuple[int, ...] | None = None
    first = keys[0]
    counts = {s: 1 + max(n for segment, n in keys if segment == s) for s in segments}
    for i, key in enumerate(keys):
        try:
            stimulus, reconstruction = reader(key)
        except InputError as error:
            problems.append(str(error))
            continue
        for kind, frames in (("ground truth", stimulus), ("reconstruction", reconstruction)):
            if (np.ptp(frames.reshape(len(frames), -1, 3), axis=1) == 0).all(axis=-1).any():
                flat[kind].append(_name(key))
        if shape is None:
            shape, first = reconstruction.shape, key
            arrays[""] = _memmap(reconstructions, (len(keys), *shape))
            for s in segments:
                arrays[s] = _memmap(folder / "clips" / f"{s}.npy", (counts[s], *shape))
        for kind, frames in (("ground truth", stimulus), ("reconstruction", reconstruction)):
            if frames.shape != shape:
                problems.append(
                    f"{_name(key)}: {kind} has (frames, height, width) {frames.shape[:3]}, but "
                    f"{_name(first)} has {shape[:3]}: --frames and --size make them equal"
                )
        if not problems:
            arrays[""][i] = reconstruction
            arrays[key[0]][key[1]] = stimulus
    if problems:
        raise InputError("\n  ".join([f"{len(problems)} clips cannot be used:", *problems]))
    for kind, names in flat.items():
        if names:
            print(f"warning: a {kind} has a frame of a single colour: {', '.join(names)}")
    table = pd.DataFrame(keys, columns=["segment", "clip"])
    save_table(folder / "table.tsv", table)
    clips = [folder / "clips" / f"{segment}.npy" for segment in segments]
    print(f"{len(load_clips(reconstructions))} clips of {len(segments)} segments")
    return {"reconstructions": reconstructions, "table": folder / "table.tsv", "clips": clips}


def _find(folder: Path, template: str | None, option: str) -> dict:
    """The clips of a folder, with a warning if another number in the names may be the clip's.

    Raises
    ------
    InputError
        If, without a template, each of several segments has one clip: there would be no null
        distribution.
    """
    from mindvideo.io.clip_names import other_template
    from mindvideo.io.collection import find_clips

    clips = find_clips(folder, template)
    counts = Counter(segment for segment, _ in clips)
    most = max(counts.values())
    single = [key for key in clips if counts[key[0]] == 1]
    names = [place.path.stem for place in clips.values() if place.index is None]
    if template is None and names and len(counts) > most:
        first = ", ".join(map(_name, list(clips)[:3]))
        other = other_template(names)
        per_segment = "1 clip" if most == 1 else f"up to {most} clips"
        doubt = (
            f"{folder}: {len(counts)} segments, each of {per_segment} ({first}, …): the number at "
            "the end of each name was read as the clip's number, the rest as its segment. If this "
            "is wrong, describe the names of clips"
            + (f": {option} '{other}'" if other else f", with {option}")
        )
        if most == 1:
            raise InputError(
                f"{doubt}. Null distributions and p compare the clips of a segment, so there would "
                f"be none; to continue without them, use {option} '{{segment}}_{{clip}}'"
            )
        print(f"warning: {doubt}")
    elif single:
        alone = _ranges(single)
        print(f"warning: {folder}: only clips of their segments, left out of nulls and p: {alone}")
    return clips


def _paired(reconstructions: dict, truth: dict | None, arguments: argparse.Namespace) -> list:
    """The clips to score; missing ones are an error, or with --partial a warning."""
    if truth is not None:
        if extra := [key for key in reconstructions if key not in truth]:
            raise InputError(
                f"{arguments.truth}: no ground truth for {len(extra)} clips: {_ranges(extra)}; it "
                f"has {_ranges(list(truth))}. Use the same names in both folders"
            )
        missing = [key for key in truth if key not in reconstructions]
    else:
        missing = []
        for segment in dict.fromkeys(segment for segment, _ in reconstructions):
            numbers = [n for s, n in reconstructions if s == segment]
            gaps = set(range(min(numbers), max(numbers))) - set(numbers)
            missing += [(segment, n) for n in sorted(gaps)]
    if missing:
        report = f"{arguments.folder}: {len(missing)} clips are missing: {_ranges(missing)}"
        if not arguments.partial:
            raise InputError(f"{report}; --partial scores the {len(reconstructions)} that exist")
        print(f"warning: {report}; they are left out")
    return list(reconstructions)


def _reader(
    arguments: argparse.Namespace, reconstructions: dict, truth: dict | None
) -> Callable[[tuple[str, int]], tuple[Any, Any]]:
    """A function that reads a clip's ground truth and reconstruction, in the requested format."""
    from mindvideo.io.collection import choose_frames, read_clip, resize, split_sides

    def alike(frames: Any, place: Any) -> Any:
        if arguments.frames is not None:
            frames = frames[choose_frames(place, len(frames), arguments.frames)]
        return frames if arguments.size is None else resize(frames, arguments.size)

    def read(key: tuple[str, int]) -> tuple[Any, Any]:
        place = reconstructions[key]
        clip = read_clip(place)
        if truth is not None:
            return alike(read_clip(truth[key]), truth[key]), alike(clip, place)
        sides = split_sides(clip)
        if sides is None:
            height, width = clip.shape[1:3]
            raise InputError(
                f"{place.path}: {width} × {height} px is not a pair of squares side by side (such "
                f"as {2 * height - 2} × {height}): name the folder of ground truth with --truth"
            )
        return alike(sides[0], place), alike(sides[1], place)

    return read


def _scoring(arguments: argparse.Namespace) -> Any:
    from mindvideo.config import load_config
    from mindvideo.settings.base import Pretrained
    from mindvideo.settings.evaluation import Scoring, ScoringSettings

    config = load_config(*arguments.config) if arguments.config else None
    pretrained = config.pretrained if config else Pretrained()
    scoring = config.scoring if config else Scoring()
    named = {name: getattr(arguments, name) or getattr(pretrained, name) for name in NETWORKS}
    # Attributes, subsets and cuts need tables of the films, which a folder does not have.
    without: dict[str, Any] = {"attributes": {}, "subset": None, "leave_out_cuts": False}
    return ScoringSettings(
        **scoring.model_dump() | without,
        seconds=1.0,
        **{name: None if value == "none" else value for name, value in named.items()},
    )


def _memmap(path: Path, shape: tuple[int, ...]) -> Any:
    import numpy as np

    return np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)


def _ranges(keys: list[tuple[str, int]]) -> str:
    """Names of clips in order, consecutive ones by first and last: "test1 3, test2 0–23"."""
    runs: list[list[Any]] = []
    for segment, n in keys:
        if runs and runs[-1][0] == segment and runs[-1][2] == n - 1:
            runs[-1][2] = n
        else:
            runs.append([segment, n, n])
    return ", ".join(f"{s} {a}" if a == b else f"{s} {a}–{b}" for s, a, b in runs)


def _name(key: tuple[str, int]) -> str:
    return f"{key[0]} {key[1]}"
