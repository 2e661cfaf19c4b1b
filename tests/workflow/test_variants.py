"""Dry runs: which jobs variants, baselines and replicates add to those of the full model."""

from collections import Counter

import pytest

from tests.workflow.counts import CHAIN, EARLY, RECONSTRUCT, SEGMENTS, SHARED_COUNTS


def test_a_variant_adds_only_what_it_changes(checkout):
    checkout.configure(variants={"faster": {"reconstruction": {"steps": 5}}})
    both = checkout.jobs("results/sub1/metrics.tsv", "results/sub1/variants/faster/metrics.tsv")
    alone = checkout.jobs("results/sub1/metrics.tsv")
    assert both - alone == Counter([*RECONSTRUCT, "score"])


LINEAR = {
    **{name: n for name, n in CHAIN.items() if not name.startswith(("demo_rest", "pretraining"))},
    "ridge": 1,
}
for _name in ("samples", "repetition_windows", "mbm_tuning", "contrastive", "videos"):
    del LINEAR[_name]
LINEAR |= {"captions": 18, "scenes": 18}  # of the training segments


@pytest.mark.parametrize("variant", ["linear", "linear-cotrained"])
def test_a_linear_variant_trains_no_transformer(checkout, variant):
    assert checkout.jobs(f"results/sub1/variants/{variant}/metrics.tsv") == LINEAR


def test_copies_of_training_clips_need_no_video_model(checkout):
    without = ("video_tuning", "cotraining", "motion", "clip_motion", "null_window", "reconstruct")
    expected = {name: n for name, n in LINEAR.items() if name not in without}
    assert checkout.jobs("results/sub1/variants/retrieval/metrics.tsv") == expected | {"nearest": 5}


def test_linear_variants_share_all_that_the_full_model_has(checkout):
    metrics = [f"results/sub1/variants/{name}/metrics.tsv" for name in ("linear", "retrieval")]
    both = checkout.jobs("results/sub1/metrics.tsv", *metrics)
    alone = checkout.jobs("results/sub1/metrics.tsv")
    copied = ["ridge", *["nearest"] * 5, "reconstructions", "score"]
    assert both - alone == Counter([*copied, "cotraining", *RECONSTRUCT, "score"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "linear/interpretation/cotraining/attention.npy",
            "cotraining.encoder is ridge, and a linear encoder has no attention to interpret",
        ),
        ("retrieval/films/test1.mp4", "only a model with method: diffusion generates films"),
    ],
)
def test_what_a_linear_variant_cannot_have_is_refused(checkout, target, said):
    done = checkout.snakemake("--dry-run", "--", f"results/sub1/variants/{target}")
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


OF_WINDOWS = (
    *("windows", "repetition_windows", "test_windows", *["segment_windows"] * 5, "null_window"),
    *("mbm_tuning", "contrastive", "cotraining"),
    *("motion", *RECONSTRUCT, "score"),
)
OF_ENCODER = ("mbm_tuning", "contrastive", "cotraining", *RECONSTRUCT, "score")
WITHOUT_ENCODER = ("cotraining", *RECONSTRUCT, "score")
OF_UNET = ("video_tuning", *WITHOUT_ENCODER)
OF_IMAGES = (  # its lag moves the volumes that are kept
    *(*["clean"] * SEGMENTS, "living", "select", "video_tuning"),
    *(rule for rule in OF_WINDOWS if rule != "motion"),
)
ABLATED = {  # what a row of Table 1 adds to the full model
    "window-1": OF_WINDOWS,
    "window-3": OF_WINDOWS,
    "without-contrastive": ("contrastive", "cotraining", *RECONSTRUCT, "score"),
    "text-fmri": ("contrastive", "cotraining", *RECONSTRUCT, "score"),
    "image-fmri": ("contrastive", "cotraining", *RECONSTRUCT, "score"),
    "without-guidance": (*RECONSTRUCT, "score"),
    "without-pretraining": OF_ENCODER,
    "without-video-tuning": OF_UNET,
    "linear": ("ridge", *WITHOUT_ENCODER),
    "linear-cotrained": WITHOUT_ENCODER,  # the same ridge regression
    "retrieval": (
        "nearest",
        "nearest",
        "nearest",
        "nearest",
        "nearest",
        "reconstructions",
        "score",
    ),
    "image-model": OF_IMAGES,
    "no-brain": (*RECONSTRUCT, "score"),
}


def test_table_1_adds_what_each_variant_changes(checkout):
    alone = checkout.jobs(*(f"results/{subject}/metrics.tsv" for subject in ("sub1", "sub2")))
    of_subject = checkout.jobs("results/sub3/metrics.tsv") - SHARED_COUNTS
    expected = alone + of_subject
    for rules in ABLATED.values():
        expected.update(rules)
    assert checkout.jobs("results/tables/table1.html") == expected + Counter(["tables"])


def test_training_that_is_left_out_needs_no_data(checkout):
    full = "results/sub1/metrics.tsv"
    alone = "results/sub1/variants/without-pretraining/metrics.tsv"
    of_others = ("demo_rest", "samples", "pretraining")
    assert not set(of_others) & set(checkout.jobs(alone))
    assert checkout.jobs(alone, full) - checkout.jobs(full) == Counter(OF_ENCODER)
    figure = "results/sub1/variants/without-pretraining/figures/training.png"
    assert not set(of_others) & set(checkout.jobs(figure))
    untuned = "results/sub1/variants/without-video-tuning/metrics.tsv"
    assert checkout.jobs(untuned, full) - checkout.jobs(full) == Counter(OF_UNET)


def test_without_fmri_only_the_reconstruction_differs(checkout):
    full, alone = (f"results/sub1{v}/metrics.tsv" for v in ("", "/variants/no-brain"))
    assert checkout.jobs(alone, full) - checkout.jobs(full) == Counter([*RECONSTRUCT, "score"])


def test_replicates_are_trained_for_the_tables_alone(checkout):
    table, page = "results/tables/table1.html", "results/sub1/videos"
    before, of_page = checkout.jobs(table), checkout.jobs(page)
    checkout.configure(replicates=2)
    assert checkout.jobs(page) == of_page
    # The models of three subjects, under one further seed, and the video model that they share.
    added = Counter(["video_tuning", *OF_ENCODER * 3])
    for variant, rules in ABLATED.items():
        added.update(rule for rule in rules if rule in (*OF_ENCODER, "nearest"))
        # Others share that of the replicate.
        added["video_tuning"] += variant in ("image-model", "without-video-tuning")
    assert checkout.jobs(table) == before + added


def test_windows_of_each_repetition_are_cut_where_they_are_mixed(checkout):
    checkout.configure(
        contrastive={"mix_repetitions": False},
        variants={"mixed": {"contrastive": {"mix_repetitions": True}}},
    )
    full, alone = (f"results/sub1{v}/metrics.tsv" for v in ("", "/variants/mixed"))
    added = Counter(["repetition_windows", "contrastive", *WITHOUT_ENCODER])
    assert checkout.jobs(alone, full) - checkout.jobs(full) == added


def test_an_image_model_is_trained_on_its_own(checkout):
    full, alone = (f"results/sub1{v}/metrics.tsv" for v in ("", "/variants/image-model"))
    assert checkout.jobs(alone, full) - checkout.jobs(full) == Counter(OF_IMAGES)


def test_variants_on_the_page_are_made_for_it(checkout):
    alone = checkout.jobs("results/sub1/videos")
    checkout.configure(videos={"variants": ["without-guidance"]})
    assert checkout.jobs("results/sub1/videos") - alone == Counter([*RECONSTRUCT, "score"])
    page = "results/sub1/variants/without-guidance/videos"
    assert checkout.jobs(page) == alone - Counter(EARLY)


def test_the_control_shares_the_films_and_the_selection(checkout):
    page = "results/sub1/videos"
    added = checkout.jobs("control", page) - checkout.jobs(page)
    assert added == Counter([*OF_WINDOWS, "videos"])


def test_without_pretraining_data_no_other_people_are_read(checkout):
    whole = checkout.jobs("results/sub1/videos")
    of_others = {"demo_rest": 6, "samples": 3, "pretraining": 1}
    (checkout.folder / "mae").mkdir()
    checkout.configure(pretraining_data=None)
    alone = checkout.jobs("results/sub1/videos")
    assert whole - alone == of_others
    assert alone["mbm_tuning"] == 1
    checkout.configure(given={"pretraining": "mae"})
    assert checkout.jobs("results/sub1/videos") == alone


@pytest.mark.parametrize("what", ["pretraining/model", "samples/rest1.npy"])
def test_what_needs_other_people_says_so_without_them(checkout, what):
    checkout.configure(pretraining_data=None)
    done = checkout.snakemake("--dry-run", "--", f"results/shared/{what}")
    said = "this needs runs of other people to pre-train on, but pretraining_data is not set"
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
