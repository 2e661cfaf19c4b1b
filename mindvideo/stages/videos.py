"""Write each reconstruction beside its clip as mp4, and a page that plays them all."""

from __future__ import annotations

import hashlib
import math

import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.gallery import gallery_page
from mindvideo.io.clips import load_clips, load_stimuli, side_by_side
from mindvideo.io.films import write_video
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import load_table, save_table
from mindvideo.progress import progress
from mindvideo.settings.evaluation import VideoSettings
from mindvideo.stages import Input, Inputs, Output, chapter, makes

KEYS = ["segment", "clip"]


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
    settings: VideoSettings,
) -> None:
    """Write {segment}_{clip}.mp4 for each test clip, index.html, and their checksums.

    Without `scenes`, clips have no captions. `others` are the reconstructions of the settings'
    variants, in their order, or none: then the page is of one model alone.
    """
    summary = load_table(metrics, ["metric", "definition", "better"]).set_index("metric")
    names = [str(name) for name in load_table(per_clip).columns if name not in KEYS]
    columns = [
        {"name": name, "better": summary["better"][name], "definition": summary["definition"][name]}
        for name in names
    ]
    variants = settings.variants if others else []
    if not len(variants) == len(others or []) == len(other_tables or []) == len(other_scores or []):
        raise InputError(
            f"{len(variants)} variants ({', '.join(variants)}), {len(others or [])} "
            "reconstructions: one, its table and its scores are needed for each"
        )
    given = zip(others or [], other_tables or [], other_scores or [])
    models = {"": (reconstructions, table, per_clip), **dict(zip(variants, given))}

    videos.mkdir()
    files: list[str] = []
    cards: list[dict] = []
    size = (0, 0)
    for variant, (reconstructions_path, table_path, scores_path) in models.items():
        reconstructed, listing = load_clips(reconstructions_path), load_table(table_path, KEYS)
        stimuli = load_stimuli(reconstructed, listing, clips)
        listing = _with_captions(listing[KEYS], scenes or [])
        listing = listing.merge(load_table(scores_path, KEYS), "left", KEYS, validate="1:1")
        bar = progress(listing.to_dict("records"), desc=f"videos {variant}", unit="clip")
        for i, row in enumerate(bar):
            file = f"{f'{variant}_' if variant else ''}{row['segment']}_{row['clip']:04d}.mp4"
            picture = side_by_side(stimuli[i], reconstructed[i])
            write_video(videos / file, picture, fps=settings.fps)
            size = picture.shape[1:3]
            files.append(file)
            cards.append(
                {
                    "file": file,
                    "segment": row["segment"],
                    "clip": row["clip"],
                    "seconds": round(row["clip"] * reconstructed.shape[1] / settings.fps, 3),
                    "caption": row["caption"],
                    "scene": None if row["scene"] is None else int(row["scene"]),
                    "variant": variant,
                    "scores": [_number(row.get(name, math.nan)) for name in names],
                }
            )
    page = gallery_page(settings.title, cards, columns, width=size[1], height=size[0])
    (videos / "index.html").write_text(page, encoding="utf-8")

    files.append("index.html")
    sums = [hashlib.sha256((videos / file).read_bytes()).hexdigest() for file in files]
    save_table(manifest, pd.DataFrame({"file": files, "sha256": sums}))


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
            "find the scenes of the same test segments that were reconstructed"
        )
    return listing


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
