import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import structural_similarity

from mindvideo.errors import InputError
from mindvideo.io.tables import load_table, save_table
from mindvideo.metrics import paired_clips
from mindvideo.settings.evaluation import ScoringSettings
from mindvideo.stages import score as stage

PIXELS = ("ssim", "psnr", "ssim_grey", "hue_cosine", "flow_agreement", "flow_error")
CLIP = (
    *("retrieval_top_1", "retrieval_top_10"),
    *("clip_similarity", "clip_consistency", "clip_consistency_gated"),
)


def mean_colours(_, frames):
    """Stands for CLIP."""
    colours = torch.from_numpy(np.stack(frames).reshape(len(frames), -1, 3).mean(axis=1) - 127)
    return torch.nn.functional.normalize(colours, dim=-1)


@pytest.fixture
def run(test_set, colour_classifier, monkeypatch):
    monkeypatch.setattr(stage, "load_image_classifier", lambda name: colour_classifier)
    monkeypatch.setattr(stage, "load_video_classifier", lambda name: colour_classifier)
    monkeypatch.setattr(stage, "load_clip", lambda name: SimpleNamespace(model=torch.nn.Identity()))
    monkeypatch.setattr(stage, "embed_frames", mean_colours)

    states = itertools.count()

    def main(scoring=None, **changed):
        settings = ScoringSettings(
            seconds=2,
            permutations=200,
            resamples=100,
            **(
                dict.fromkeys(("image_classifier", "video_classifier", "clip"), "any")
                | (scoring or {})
            ),
        )
        inputs = {
            "reconstructions": test_set.reconstructions,
            "table": test_set.table,
            "clips": test_set.clips,
            "shots": None,
            "scenes": None,
            "state": test_set.folder / f"state-{next(states)}",
            **changed,
        }
        inputs["state"].mkdir(exist_ok=True)
        out = {name: test_set.folder / f"{name}.tsv" for name in ("metrics", "per_clip")}
        stage.main(**inputs, **out, settings=settings)
        return load_table(out["metrics"]).set_index("metric"), load_table(out["per_clip"])

    return main


def test_metrics_stand_beside_chance_null_and_interval(run, caplog):
    with caplog.at_level("INFO"):
        metrics, _ = run()
    assert metrics.index.tolist() == [
        *("identification_video", "video_2_way"),
        *("identification_frame", "frame_2_way", *CLIP, *PIXELS),
    ]
    assert "video 50-way left out: the classifier has 12 classes" in caplog.text
    assert (metrics["n_clips"] == 14).all()
    assert (metrics["ci_low"] <= metrics["value"]).all()
    assert (metrics["value"] <= metrics["ci_high"]).all()
    assert metrics.loc["identification_video", "value"] > 0.95  # colours survive the noise
    assert metrics.loc["video_2_way", "chance"] == 0.75
    assert np.isnan(metrics.loc["ssim", "chance"])
    # 8 × 6 combinations of shifts, one of them the true order
    # They compare with no clip, or measure motion in clips that stand still.
    others = metrics.drop(["flow_agreement", "flow_error", "clip_consistency"])
    assert (others["p"] < 4 / 48).all()
    assert (others["null_mean"] < others["value"]).all()
    assert metrics.loc["flow_error", "better"] == "lower"
    assert metrics.loc["retrieval_top_1", "chance"] == pytest.approx(1 / 14)
    assert np.isnan(metrics.loc["clip_consistency", "p"])  # it compares with no clip


def test_the_papers_trials_are_reported_beside_the_expectation(run):
    metrics, per_clip = run({"trials": 400})
    for name in ("video_2_way", "frame_2_way"):
        exact, trials = metrics.loc[name], metrics.loc[f"{name}_trials"]
        assert trials["value"] == pytest.approx(exact["value"], abs=0.02)
        assert trials["chance"] == exact["chance"]
        assert np.isnan(trials["p"])
        assert np.abs(per_clip[f"{name}_trials"] - per_clip[name]).max() < 0.1
    again, _ = run({"trials": 400})
    assert again["value"].equals(metrics["value"])


def test_networks_can_be_left_out(run):
    metrics, _ = run({"image_classifier": None, "video_classifier": None, "clip": None})
    assert metrics.index.tolist() == list(PIXELS)


def test_rows_of_clips_keep_the_order_of_the_table(run, test_set):
    metrics, per_clip = run()
    assert list(zip(per_clip["segment"], per_clip["clip"])) == test_set.rows
    for i, (segment, clip) in enumerate(test_set.rows):
        pairs = zip(test_set.films[segment][clip], test_set.reconstructed[i])
        expected = [structural_similarity(*p, channel_axis=-1, data_range=255) for p in pairs]
        assert per_clip["ssim"][i] == pytest.approx(np.mean(expected))
    for name, value in metrics["value"].items():
        assert per_clip[name].mean() == pytest.approx(value)


def test_scores_do_not_depend_on_the_order_of_the_table(run, test_set):
    _, first = run()
    order = np.random.default_rng(1).permutation(len(test_set.rows))
    np.save(test_set.folder / "other.npy", test_set.reconstructed[order])
    rows = [test_set.rows[i] for i in order]
    save_table(test_set.folder / "other.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    _, other = run(
        reconstructions=test_set.folder / "other.npy", table=test_set.folder / "other.tsv"
    )
    pd.testing.assert_frame_equal(first.iloc[order].reset_index(drop=True), other)


def test_what_does_not_fit_is_named(run, test_set):
    with pytest.raises(InputError, match=r"6 clips are missing: test2 0, .*clips found: test1"):
        run(clips=test_set.clips[:1])
    np.save(test_set.folder / "few.npy", test_set.reconstructed[:3])
    with pytest.raises(InputError, match="3 reconstructions, but 14 rows"):
        run(reconstructions=test_set.folder / "few.npy")
    np.save(test_set.folder / "small.npy", test_set.reconstructed[:, :, :8])
    with pytest.raises(InputError, match=r"\(3, 8, 16, 3\), but clips of \(3, 16, 16, 3\)"):
        run(reconstructions=test_set.folder / "small.npy")


KINDS, WAYS = ("fox", "owl", "elk"), ("up", "down", "left", "right")
SHOTS = {
    # cuts at 3.5 s, inside clip 1, and at 9 s, in the middle of clip 4
    "test1": [(0, 3.5, "fox", "up", 1), (3.5, 9, "owl", "down", 0), (9, 16, "elk", "up", 1)],
    "test2": [(0, 6, "owl", "left", 0), (6, 12, "fox", "down", 0)],
}
VALUES = {  # of each clip, with those three columns
    "test1": [SHOTS["test1"][i][2:] for i in (0, 0, 1, 1, 1, 2, 2, 2)],
    "test2": [SHOTS["test2"][i][2:] for i in (0, 0, 0, 1, 1, 1)],
}
SCORING = {"attributes": {"kind": "image", "way": "video"}, "subset": "rare"}


@pytest.fixture
def shots(test_set, colour_classifier):
    """Tables of shots, and a classifier whose classes are kinds and ways."""
    labels = [f"{kind}, {way}" for kind in KINDS for way in WAYS]
    colour_classifier[1].config = SimpleNamespace(num_frames=4, id2label=dict(enumerate(labels)))
    paths = [test_set.folder / f"{segment}.shots.tsv" for segment in SHOTS]
    for path, rows in zip(paths, SHOTS.values()):
        save_table(path, pd.DataFrame(rows, columns=["start", "end", "kind", "way", "rare"]))
    return paths


def slow_answer(clip, model, values, name_of):
    """Classify frames one by one, or their mean as the fake video classifier does."""
    frames = clip[[0, 1, 1, 2]] if values is not KINDS else clip
    colours = frames.reshape(len(frames), -1, 3).mean(axis=1) / 127.5 - 1
    if values is not KINDS:
        colours = colours.mean(axis=0, keepdims=True)
    layer = model.classifier
    with torch.no_grad():
        logits = layer(torch.from_numpy(colours).float())
    sums = dict.fromkeys(values, 0.0)
    for frame in logits.softmax(dim=1).tolist():
        for place, probability in enumerate(frame):
            if name_of(place) in sums:
                sums[name_of(place)] += probability
    return max(sums, key=sums.get)


def test_attributes_are_scored_by_their_classifier(run, test_set, shots, colour_classifier):
    metrics, per_clip = run(SCORING, shots=shots)
    assert metrics.index.tolist() == [
        *("identification_video", "video_2_way", "way_accuracy"),
        *("identification_frame", "frame_2_way", "kind_accuracy", *CLIP, *PIXELS),
        *("identification_video_rare", "way_accuracy_rare"),
        *("identification_frame_rare", "kind_accuracy_rare"),
    ]
    possible_ways = ("up", "down", "left")  # the tables have no "right": it is no answer
    for name, column, values, name_of in (
        ("kind_accuracy", 0, KINDS, lambda place: KINDS[place // 4]),
        ("way_accuracy", 1, possible_ways, lambda place: WAYS[place % 4]),
    ):
        right, ceiling = [], []
        for i, (segment, clip) in enumerate(test_set.rows):
            truth = VALUES[segment][clip][column]
            for clips, scores in (
                (test_set.reconstructed[i], right),
                (test_set.films[segment][clip], ceiling),
            ):
                scores.append(slow_answer(clips, colour_classifier[1], values, name_of) == truth)
        assert per_clip[name].tolist() == right
        assert metrics.loc[name, "value"] == pytest.approx(np.mean(right))
        assert metrics.loc[name, "ceiling"] == pytest.approx(np.mean(ceiling))
        assert metrics.loc[name, "chance"] == pytest.approx(1 / 3)
        assert 0 < metrics.loc[name, "ceiling"] < 1  # or the test would say little


def test_a_subset_is_scored_over_its_clips_alone(run, test_set, shots):
    metrics, per_clip = run(SCORING, shots=shots)
    rare = np.array([VALUES[segment][clip][2] == 1 for segment, clip in test_set.rows])
    for name in ("kind_accuracy", "way_accuracy", "identification_video", "identification_frame"):
        assert f"{name}_rare" not in per_clip
        assert metrics.loc[f"{name}_rare", "value"] == pytest.approx(per_clip[name][rare].mean())
        assert metrics.loc[f"{name}_rare", "n_clips"] == rare.sum() == 5
        assert metrics.loc[f"{name}_rare", "chance"] == metrics.loc[name, "chance"]


def test_ceilings_are_reported_where_no_definition_gives_them(run):
    metrics, _ = run()
    ceilings = metrics["ceiling"]
    assert ceilings[["video_2_way", "frame_2_way"]].tolist() == [1, 1]
    steady = ["clip_consistency", "clip_consistency_gated"]
    assert (ceilings[steady] < 1).all()  # colours are noisy
    assert ceilings.drop(["video_2_way", "frame_2_way", *steady]).isna().all()


def test_tables_of_shots_that_do_not_fit_are_named(run, test_set, shots):
    with pytest.raises(InputError, match=r"0 tables of shots for 2 films.*\(kind, way, rare\)"):
        run(SCORING)
    with pytest.raises(InputError, match=r"test1\.shots\.tsv: no column mood; found start, end"):
        run({"attributes": {"mood": "image"}}, shots=shots)
    with pytest.raises(InputError, match="kind: 'fox' in a table of shots; expected 0 or 1"):
        run({"subset": "kind"}, shots=shots)
    table = load_table(shots[0])
    save_table(shots[0], table.assign(rare=0))
    with pytest.raises(InputError, match="rare: marks none of the 14 clips"):
        run(SCORING, shots=shots)
    save_table(shots[0], table.assign(kind="yak"))
    with pytest.raises(
        InputError, match=r"'yak': .*12 labels of the image classifier any \(fox, up"
    ):
        run(SCORING, shots=shots)


CUTS = {"leave_out_cuts": True}


def test_clips_with_a_cut_can_be_left_out(run, test_set, shots):
    _, all_clips = run(SCORING, shots=shots)
    metrics, per_clip = run({**SCORING, **CUTS}, shots=shots, scenes=test_set.scenes)
    whole = np.array([clip % 2 == 0 for _, clip in test_set.rows])
    scores = per_clip.columns.drop(["segment", "clip"])
    assert per_clip.loc[~whole, scores].isna().all().all()
    pd.testing.assert_frame_equal(per_clip[whole], all_clips[whole], check_dtype=False)
    for name in scores:
        assert metrics.loc[name, "n_clips"] == whole.sum() == 7
        assert metrics.loc[name, "value"] == pytest.approx(per_clip[name].mean())
        assert "clips with a cut left out" in metrics.loc[name, "definition"]
    assert metrics.loc["kind_accuracy_rare", "n_clips"] == 2


def test_leaving_out_cuts_needs_scenes_and_leaves_some(run, test_set, shots):
    with pytest.raises(InputError, match="no scenes for 8 clips, first test1 7"):
        run(CUTS, scenes=test_set.scenes[1:])
    for path in test_set.scenes:
        save_table(path, load_table(path).assign(scene_1=-1))
    with pytest.raises(InputError, match="all 14 clips have a cut"):
        run(CUTS, scenes=test_set.scenes)
    for path in test_set.scenes:
        table = load_table(path)
        save_table(path, table.assign(scene_1=table["scene_3"].where(table["clip"] == 2, -1)))
    with pytest.raises(InputError, match="rare: all 5 clips of this subset have a cut"):
        run({**SCORING, **CUTS}, shots=shots, scenes=test_set.scenes)


NETWORKS = ("classify_clips", "classify_frames", "embed_frames")


def test_an_interrupted_run_computes_only_the_rest(run, test_set, interrupt, monkeypatch):
    monkeypatch.setattr(stage, "FRAMES", 9)
    monkeypatch.setattr(stage, "CLIPS", 4)
    monkeypatch.setattr(stage, "PAIRS", 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "20")
    out = [test_set.folder / f"{name}.tsv" for name in ("metrics", "per_clip")]
    calls = {name: interrupt(stage, name) for name in NETWORKS}
    pixels = interrupt(paired_clips, "scores_of_pairs")
    run({"trials": 3})
    expected = [path.read_bytes() for path in out]
    n_calls, n_pixels = {name: len(x) for name, x in calls.items()}, len(pixels)
    # Of 14 clips, 42 frames, and 8 · 8 + 6 · 6 pairs for each of six metrics.
    assert n_calls == {"classify_clips": 8, "classify_frames": 10, "embed_frames": 10}
    assert n_pixels == (4 + 2) * 6

    state = test_set.folder / "state"
    already = dict.fromkeys(NETWORKS, 0)
    for name in NETWORKS:  # in the order in which they are asked, each in the stimuli
        kept = n_calls[name] // 2 + 1
        calls = {x: interrupt(stage, x, after=kept if x == name else None) for x in NETWORKS}
        with pytest.raises(interrupt.error):
            run({"trials": 3}, state=state)
        for x in NETWORKS:
            already[x] += len(calls[x])
    calls = {name: interrupt(stage, name) for name in NETWORKS}
    interrupt(paired_clips, "scores_of_pairs", after=18 + 4 + 1)  # in the second segment's hues
    with pytest.raises(interrupt.error):
        run({"trials": 3}, state=state)
    assert {x: already[x] + len(calls[x]) for x in NETWORKS} == n_calls
    calls = {name: interrupt(stage, name, after=0) for name in NETWORKS}
    pixels = interrupt(paired_clips, "scores_of_pairs")
    run({"trials": 3}, state=state)
    assert len(pixels) == n_pixels - (18 + 4 + 1)
    assert [path.read_bytes() for path in out] == expected
