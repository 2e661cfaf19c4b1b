"""Write each reconstruction beside its clip as mp4, and a page that plays them all."""

from __future__ import annotations

import hashlib
import math

import pandas as pd

from mindvideo.errors import InputError
from mindvideo.figures.gallery import gallery_page
from mindvideo.io.clips import load_clips, load_shown, side_by_side
from mindvideo.io.films import write_video
from mindvideo.io.scenes import load_scenes
from mindvideo.io.tables import load_table, save_table
from mindvideo.progress import progress
from mindvideo.settings import VideoSettings
from mindvideo.stages import Input, Inputs, Output

HEIGHT = 128
"""Smaller frames are enlarged to at least this height [px]."""


def main(
    *,
    reconstructions: Input,
    table: Input,
    clips: Inputs,
    scenes: Inputs | None,
    metrics: Input,
    per_clip: Input,
    videos: Output,
    manifest: Output,
    settings: VideoSettings,
) -> None:
    """Write {segment}_{clip}.mp4 for each test clip, index.html, and their checksums.

    Without `scenes`, clips have no captions.
    """
    made = load_clips(reconstructions)
    listing = load_table(table, ["segment", "clip"])
    shown = load_shown(made, listing, clips)
    listing = _with_captions(listing, scenes) if scenes else listing.assign(caption="", scene=None)
    scores = load_table(per_clip, ["segment", "clip"])
    told = load_table(metrics, ["metric", "definition", "better"]).set_index("metric")
    names = [name for name in scores.columns if name not in ("segment", "clip")]
    columns = [
        {"name": name, "better": told["better"][name], "definition": told["definition"][name]}
        for name in names
    ]
    listing = listing.merge(scores, "left", ["segment", "clip"], validate="1:1")

    videos.mkdir()
    files, cards, picture = [], [], side_by_side(shown[0], made[0], height=HEIGHT)
    duration = made.shape[1] / settings.fps
    for i, row in enumerate(progress(listing.to_dict("records"), desc="videos", unit="clip")):
        file = f"{row['segment']}_{row['clip']:04d}.mp4"
        picture = side_by_side(shown[i], made[i], height=HEIGHT)
        write_video(videos / file, picture, fps=settings.fps)
        files.append(file)
        cards.append(
            {
                "file": file,
                "segment": row["segment"],
                "clip": row["clip"],
                "seconds": round(row["clip"] * duration, 3),
                "caption": row["caption"],
                "scene": None if row["scene"] is None else int(row["scene"]),
                "variant": "",
                "scores": [_number(row[name]) for name in names],
            }
        )
    height, width = picture.shape[1:3]
    page = gallery_page(settings.title, cards, columns, width=width, height=height)
    (videos / "index.html").write_text(page, encoding="utf-8")

    files.append("index.html")
    sums = [hashlib.sha256((videos / file).read_bytes()).hexdigest() for file in files]
    save_table(manifest, pd.DataFrame({"file": files, "sha256": sums}))


def _with_captions(listing: pd.DataFrame, scenes: Inputs) -> pd.DataFrame:
    tables = [load_scenes(path)[0].assign(segment=path.stem) for path in scenes]
    words = pd.concat(tables)[["segment", "clip", "caption", "scene"]]
    listing = listing[["segment", "clip"]].merge(words, "left", ["segment", "clip"])
    if (missing := listing["caption"].isna()).any():
        first = listing[missing].iloc[0]
        raise InputError(
            f"{missing.sum()} clips have no caption, first {first['segment']} {first['clip']}: "
            "find the scenes of the same test segments that were reconstructed"
        )
    return listing


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
