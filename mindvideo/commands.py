"""The commands that are no stages: they look after data sets and configurations."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mindvideo import score_folder
from mindvideo.errors import InputError

if TYPE_CHECKING:
    from mindvideo.config import Config


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


# --- schema, settings, runs -----------------------------------------------------------------------


def _schema(_: argparse.Namespace) -> int:
    from mindvideo.config import Config

    print(json.dumps(Config.model_json_schema(), indent=2))
    return 0


def _settings(_: argparse.Namespace) -> int:
    from mindvideo.settings_page import settings_page

    sys.stdout.write(settings_page())
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from mindvideo.config import load_config
    from mindvideo.run_table import write_runs

    sys.stdout.write(write_runs(load_config(arguments.config).dataset.rows))
    return 0


# --- check-dataset --------------------------------------------------------------------------------


def _declare_check(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument("--deep", action="store_true", help="read the runs' values, too (slow)")
    parser.add_argument("--all", action="store_true", help="name every file, however many")
    parser.add_argument(
        "--only", choices=["dataset", "pretraining_data"], help="only one of the two data sets"
    )


def _check(arguments: argparse.Namespace) -> int:
    from mindvideo import check
    from mindvideo.config import load_config
    from mindvideo.findings import report

    config = load_config(arguments.config)
    found = []
    if arguments.only != "pretraining_data":
        dataset = config.dataset
        print(
            f"{dataset.name}: {len(dataset.rows)} runs of {len(dataset.segments)} segments, seen "
            f"by {', '.join(dataset.subjects)}"
        )
        found += check.check_dataset(dataset, deep=arguments.deep)
    if arguments.only != "dataset":
        seconds = config.samples.seconds
        found += check.check_pretraining(config.pretraining_data, seconds, deep=arguments.deep)
    if arguments.deep:
        _put_on_record(config)
    print("\n" + report(found, everything=arguments.all))
    return int(any(finding.level == "error" for finding in found))


def _put_on_record(config: Config) -> None:
    """Hash the runs once for all, so that no job of the workflow has to (docs/cost.md)."""
    from mindvideo.contents import Digests
    from mindvideo.descriptions import pretraining_runs, pretraining_subjects
    from mindvideo.progress import progress

    paths = [Path(run.path) for run in config.dataset.rows]
    with contextlib.suppress(InputError):  # of which the findings tell
        for subject in pretraining_subjects(config.pretraining_data):
            paths += map(Path, pretraining_runs(config.pretraining_data, subject))
    digests = Digests(Path(config.results, "digests"), "check-dataset")
    for path in progress([p for p in paths if p.is_file()], desc="digests", unit="run"):
        digests.of(path)
    digests.save()


# --- explain --------------------------------------------------------------------------------------


def _declare_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="what a stage made, or a part of it"
    )
    parser.add_argument("--all", action="store_true", help="tell settings at their defaults, too")
    parser.add_argument(
        "--deep", action="store_true", help="tell of all that it was made from, to the beginning"
    )


def _explain(arguments: argparse.Namespace) -> int:
    from mindvideo.explain import run as run_explain

    return run_explain(arguments.path, everything=arguments.all, deep=arguments.deep)


# --- adopt, discard -------------------------------------------------------------------------------


def _declare_adopt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="outputs of stages, or their states"
    )
    parser.add_argument(
        "--config", type=Path, default=Path("config/config.yaml"), metavar="CONFIG",
        help="configuration whose results they are (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--deep", action="store_true", help="adopt all that they were made from as well"
    )
    parser.add_argument("--why", default="", metavar="TEXT", help="a reason, to be noted")


def _adopt(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_adopt

    return run_adopt(arguments.paths, arguments.config, deep=arguments.deep, why=arguments.why)


def _declare_discard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "states", type=Path, nargs="+", metavar="STATE", help="a folder of results/state"
    )


def _discard(arguments: argparse.Namespace) -> int:
    from mindvideo.adoption import run_discard

    return run_discard(arguments.states)


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
        print(f"unpacked to {folder.resolve()}: {written}; there already: {there}")
    return 0


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.resolve()}: {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free: "
            "make room, or name another folder with --to"
        )


# --- import-official, export-official -------------------------------------------------------------


def _declare_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="SOURCE",
        help="the folder fmri_encoder of a released checkpoint, or the one that holds it; or a "
        "checkpoint of masked brain modelling, a file of torch's (.pth)",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="the folder to make"
    )
    parser.add_argument(
        "--num-heads", type=int, metavar="N",
        help="attention heads, which weights do not show (what the configuration says that comes "
        "with them, else the paper's 16)",
    )  # fmt: skip
    parser.add_argument(
        "--decoder-num-heads", type=int, metavar="N",
        help="the same for the decoder of masked brain modelling",
    )  # fmt: skip


def _import(arguments: argparse.Namespace) -> int:
    from mindvideo.io import released
    from mindvideo.models import official
    from mindvideo.transaction import writing

    source, given = arguments.source, vars(arguments)
    model: Any
    _check_free(arguments.to)
    if not source.exists():
        raise InputError(f"{source}: there is no such file or folder")
    if source.is_dir():
        if given["decoder_num_heads"] is not None:
            raise InputError(f"--decoder-num-heads: the encoder in {source} has no decoder")
        weights, config = released.read_encoder(source)
        with _named(source):
            model = official.encoder_from_official(weights, config, given["num_heads"])
    else:
        weights, config = released.read_checkpoint(source)
        heads = {
            name: next(
                n for n in (given[name], config.get(name), official.PAPERS_HEADS) if n is not None
            )
            for name in ("num_heads", "decoder_num_heads")
        }
        with _named(source):
            model = official.autoencoder_from_official(weights, **heads)
    with writing(arguments.to) as path:
        model.save_pretrained(path)
    _describe(arguments.to, model.config)
    return 0


def _declare_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="FOLDER",
        help="a folder of this project: an encoder's, one that holds it as fmri_encoder, or an "
        "autoencoder's of masked brain modelling",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, required=True, metavar="PATH",
        help="what to make: a folder for an encoder, a file (.pth) for an autoencoder",
    )  # fmt: skip


def _export(arguments: argparse.Namespace) -> int:
    from mindvideo.io import released
    from mindvideo.models import official
    from mindvideo.models.fmri_encoder import FmriEncoder
    from mindvideo.models.masked_autoencoder import MaskedAutoencoder
    from mindvideo.transaction import writing

    source, to = arguments.source, arguments.to
    _check_free(to)
    source = source / "fmri_encoder" if (source / "fmri_encoder").is_dir() else source
    if released.read_config(source).get("_class_name") == MaskedAutoencoder.__name__:
        autoencoder = MaskedAutoencoder.from_pretrained(source)
        weights, config = official.autoencoder_to_official(autoencoder)
        with writing(to) as path:
            released.write_autoencoder(path, weights, config)
    else:
        weights, config = official.encoder_to_official(FmriEncoder.from_pretrained(source))
        with writing(to) as path:
            released.write_encoder(path, weights, config)
        for name in official.ZERO_IN_ENCODER:
            if name in weights:
                most = weights[name].abs().max()
                print(f"{name}, up to {most:.2g}, is kept; the released code does not read it")
    _describe(to, config)
    return 0


def _describe(path: Path, sizes: Mapping[str, Any]) -> None:
    window = f", windows of {sizes['window_size']}" if "window_size" in sizes else ""
    print(
        f"{path}: {sizes['depth']} blocks of width {sizes['embed_dim']}, {sizes['num_heads']} "
        f"heads, {sizes['num_voxels']} voxels in patches of {sizes['patch_size']}{window}"
    )


def _check_free(path: Path) -> None:
    if path.exists():
        raise InputError(f"{path}: is there already: delete it, or name another with --to")


@contextlib.contextmanager
def _named(source: Path) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


COMMANDS = {
    "score FOLDER": Command("Score what any method reconstructed, from a folder of its clips.",
                            score_folder.declare, score_folder.run),
    "check-dataset": Command("Tell all that is missing or odd in the data sets, before any work.",
                             _declare_check, _check),
    "runs": Command("Write the table of runs that a data set's description stands for.", _config,
                    _runs),
    "explain": Command("Tell how a file came to be: stage, settings, inputs, versions, time.",
                       _declare_explain, _explain),
    "adopt": Command("Keep results of other code or libraries that are known to be the same.",
                     _declare_adopt, _adopt),
    "discard": Command("Delete the state of an unfinished stage, so that it begins anew.",
                       _declare_discard, _discard),
    "unpack": Command("Unpack a data set's archives, zipped once or twice, to its tree.",
                      _declare_unpack, _unpack),
    "import-official": Command("Make this project's folder of a released encoder or autoencoder.",
                               _declare_import, _import),
    "export-official": Command("Write an encoder or autoencoder as the released code reads it.",
                               _declare_export, _export),
    "schema": Command("Write the JSON schema of the configuration.", _nothing, _schema),
    "settings": Command("Write the page of all settings (docs/settings.md).", _nothing, _settings),
}  # fmt: skip


def run(name: str, argv: list[str]) -> int:
    """Run a command; returns the exit status."""
    command = COMMANDS[name]
    prog = f"mindvideo {name.split()[0]}"
    parser = argparse.ArgumentParser(prog=prog, description=command.summary)
    command.declare(parser)
    try:
        status = command.run(parser.parse_args(argv))
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"{prog}: {error}", file=sys.stderr)
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if not error.filename:
            raise
        print(f"{prog}: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1
