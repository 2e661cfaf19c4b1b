"""Write each reconstruction beside its clip as mp4, and a page that plays them all."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.gallery import (
    About,
    file_stem,
    gallery_page,
    other_models,
    summary_script,
)
from mindvideo.io.clips import load_clips, load_stimuli, side_by_side
from mindvideo.io.dates import day_of
from mindvideo.io.films import write_video
from mindvideo.io.posters import write_poster
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import load_table, save_table
from mindvideo.progress import progress
from mindvideo.settings.evaluation import VideoSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

KEYS = ["segment", "clip"]
NUMBERS = ["value", "ci_low", "ci_high", "chance", "null_mean", "p", "p_min"]
POSTERS = "posters"


@chapter("reconstruction")
@makes("videos", made_from=["scoring", "scenes"])
def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    scenes: Inputs | None,
    metrics: Input,
    per_clip: Input,
    others: Inputs | None = None,
    other_tables: Inputs | None = None,
    other_scores: Inputs | None = None,
    videos: Output,
    manifest: Output,
    model: str = "",
    configuration: str = "",
    settings: VideoSettings,
) -> None:
    """Write {segment}_{clip}.mp4 and a poster for each clip, index.html, and their checksums.

    Without `scenes`, clips have no captions. `others` are the reconstructions of the settings'
    variants, in their order, or none: then the page is of one model alone. `model` is its name,
    "sub1" or "sub1/variants/NAME", `configuration` the file of its settings.
    """
    summary = load_table(metrics, ["metric", "definition", "better", *NUMBERS])
    if "p_holm" not in summary:  # a table of an earlier version
        summary["p_holm"] = math.nan
    columns = [str(name) for name in load_table(per_clip).columns if name not in KEYS]
    variants = settings.variants if others else []
    if not len(variants) == len(others or []) == len(other_tables or []) == len(other_scores or []):
        raise InputError(
            f"{len(variants)} variants ({', '.join(variants)}), {len(others or [])} "
            "reconstructions: one, its table and its scores are needed for each"
        )
    given = zip(others or [], other_tables or [], other_scores or [])
    models = {"": (reconstructions, table, per_clip), **dict(zip(variants, given))}

    videos.mkdir()
    (videos / POSTERS).mkdir()
    files: list[str] = []
    cards: dict[tuple[str, int], dict] = {}
    size = (0, 0)
    for variant, (reconstructions_path, table_path, scores_path) in models.items():
        reconstructed, listing = load_clips(reconstructions_path), load_table(table_path, KEYS)
        stimuli = load_stimuli(reconstructed, listing, clips)
        listing = _with_captions(listing[KEYS], scenes or [])
        listing = listing.merge(load_table(scores_path, KEYS), "left", KEYS, validate="1:1")
        bar = progress(listing.to_dict("records"), desc=f"videos {variant}", unit="clip")
        for i, row in enumerate(bar):
            stem = file_stem(variant, row["segment"], row["clip"])
            picture = side_by_side(stimuli[i], reconstructed[i])
            write_video(videos / f"{stem}.mp4", picture, fps=settings.fps)
            write_poster(videos / POSTERS / f"{stem}.webp", picture)
            size = picture.shape[1:3]
            files += [f"{stem}.mp4", f"{POSTERS}/{stem}.webp"]
            card = {
                "segment": row["segment"],
                "clip": row["clip"],
                "seconds": round(row["clip"] * reconstructed.shape[1] / settings.fps, 3),
                "caption": row["caption"],
                "scene": None if row["scene"] is None else int(row["scene"]),
                "models": {},
            }
            scores = [_number(row.get(name, math.nan)) for name in columns]
            cards.setdefault((row["segment"], row["clip"]), card)["models"][variant] = scores

    rows: Any = summary.to_dict("records")
    # The date is that of the input, not of this run: a rerun writes the same page.
    about = _about(model, configuration, day_of(reconstructions, metrics), settings)
    page = gallery_page(
        about,
        [*cards.values()],
        rows,
        columns,
        width=size[1],
        height=size[0],
        fps=settings.fps,
    )
    (videos / "index.html").write_text(page, encoding="utf-8")
    (videos / "summary.js").write_text(summary_script(model, rows), encoding="utf-8")

    files += ["index.html", "summary.js"]
    sums = [hashlib.sha256((videos / file).read_bytes()).hexdigest() for file in files]
    save_table(manifest, pd.DataFrame({"file": files, "sha256": sums}))


def _about(model: str, configuration: str, date: str, settings: VideoSettings) -> About:
    subject, _, variant = model.partition("/variants/")
    facts = {
        "Subject": subject,
        "Model": (variant or "full model") if model else "",
        "Data set": settings.dataset,
        "Configuration": configuration,
        "Date": date,
    }
    if not model:  # clips of another method, which `score-folder` scored
        links = {"All metrics (TSV)": "../metrics.tsv"}
        return About(settings.title, note=settings.note, facts=facts, links=links)
    control = f"{subject}/variants/{settings.control}" if settings.control else ""
    compared = {control: "Control"} if control and control != model else {}
    root = "../" * (model.count("/") + 2)
    files = configuration.split(", ")
    options = f"--configfile {' '.join(files)} -- " if len(files) > 1 else ""
    return About(
        settings.title,
        note=settings.note,
        name=model,
        facts=facts,
        links={"All metrics (TSV)": "../metrics.tsv"},
        perhaps={
            "Methods": "../methods.html",
            "Recorded brain": "../figures/brain.png",
            "Clips from captions": "../figures/drawings.png",
            "Strip of clips": "../figures/strip.png",
            "Worst clips": "../figures/worst.png",
            "Distributions": "../figures/distributions.png",
            "Time courses": "../figures/time_courses.png",
            "Table 1": f"{root}tables/table1.html",
        },
        models=other_models(model, settings.models),
        compared=({subject: "Full model"} if variant else {}) | compared,
        missing={
            name: f"snakemake --cores all {options}{settings.results}/{name}/videos"
            for name in compared
        },
    )


def _with_captions(listing: pd.DataFrame, scenes: Inputs) -> pd.DataFrame:
    if not scenes:
        return listing.assign(caption="", scene=None)
    tables = [load_scenes(path)[0].assign(segment=path.stem) for path in scenes]
    words = pd.concat(tables)[["segment", "clip", "caption", "scene"]]
    listing = listing.merge(words, "left", KEYS)
    if (missing := listing["caption"].isna()).any():
        first = listing[missing].iloc[0]
        raise InputError(
            f"{missing.sum()} clips have no caption, first {first['segment']} {first['clip']}: "
            "find the scenes of the same segments that were reconstructed"
        )
    return listing


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
