"""A small gallery on the disk: six clips of two films, a control, and pages of other models."""

import numpy as np
import pytest

from mindvideo.figures.gallery import About, gallery_page, other_models, summary_script
from mindvideo.io.films import write_video
from mindvideo.io.posters import write_poster

CAPTIONS = ["a red fox", "a grey owl", "the fox, red", "an elk </script>", "an elk", "a car"]
SSIM = [0.2, 0.9, 0.5, None, 0.1, 0.3]
FLOW = [5, 1, 3, 2, 4, 6]
NAN = float("nan")


def metric(name, **changed):
    row = {"metric": name, "definition": f"what {name} is", "better": "higher"}
    row |= {"value": 0.4, "ci_low": 0.3, "ci_high": 0.5, "chance": NAN, "null_mean": 0.2}
    return row | {"p": 0.02, "p_holm": 0.06, "p_min": 0.02} | changed


METRICS = [
    metric("flow_error", better="lower", value=3.5, ci_low=2.5, ci_high=4.5, null_mean=3.6),
    metric("video_2_way", value=0.76, ci_low=0.7, ci_high=0.8, chance=0.75, null_mean=0.74),
    metric("ssim"),
    metric("clip_consistency", null_mean=NAN, p=NAN, p_holm=NAN, p_min=NAN),
    metric("ssim_unseen", value=0.3),
]
PER_CLIP = ["flow_error", "video_2_way", "ssim", "clip_consistency"]
MODELS = ["sub1", "sub1/variants/window-1", "sub1/variants/shuffled", "sub2"]


def clip(i):
    models = {"": [FLOW[i], 0.76, SSIM[i], 0.5]}
    if i != 1:
        models["window-1"] = [i, 0.5, 0.1 * i, 0.5]
    return {
        **{"segment": f"test{1 + i // 4}", "clip": i, "seconds": 2 * i, "caption": CAPTIONS[i]},
        **{"scene": i // 2, "models": models},
    }


def write_gallery(folder, clips=None, others=MODELS):
    about = About(
        "Films reconstructed from fMRI",
        note="A short <note> of what this is.",
        name="sub1",
        facts={"Subject": "sub1", "Model": "full <model>", "Data set": "demo", "Date": ""},
        links={"All metrics (TSV)": "../metrics.tsv"},
        perhaps={"Methods": "../methods.html", "Strip of clips": "../figures/strip.png"},
        models=other_models("sub1", others),
        compared={name: "Control" for name in others if name == "sub1/variants/shuffled"},
        missing={"sub1/variants/shuffled": "snakemake --cores all control/videos"},
    )
    clips = [clip(i) for i in range(6)] if clips is None else clips
    page = gallery_page(about, clips, METRICS, PER_CLIP, width=132, height=64, fps=3)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(page)
    return folder / "index.html"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """The page of sub1, with pages of sub2 and of the control, but none of window-1."""
    results = tmp_path_factory.mktemp("results")
    videos = results / "sub1/videos"
    page = write_gallery(videos)
    (videos / "posters").mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        frames = np.full((6, 64, 132, 3), 40 * i, np.uint8)
        frames[:, 20:40, 20:40] = rng.integers(0, 255, (6, 1, 1, 3))
        for variant in clip(i)["models"]:
            stem = f"{f'{variant}_' if variant else ''}test{1 + i // 4}_{i:04d}"
            write_video(videos / f"{stem}.mp4", frames, fps=3)
            write_poster(videos / "posters" / f"{stem}.webp", frames)
    (results / "sub1/methods.html").write_text("<title>Methods</title>")
    for name in ("sub2", "sub1/variants/shuffled"):
        folder = results / name / "videos"
        folder.mkdir(parents=True)
        control = [metric("ssim", value=0.111), metric("video_2_way", value=0.749)]
        (folder / "summary.js").write_text(summary_script(name, control))
    return page
