"""Dry runs: what selecting voxels otherwise than by repetitions needs; what it is refused with."""

from collections import Counter

import pytest

from tests.workflow.counts import OWN, SEGMENTS

VOXELS = "results/sub1/selection/voxels.tsv"
OF_RUNS = Counter(
    {
        name: OWN[name]
        for name in ("demo_train_runs", "demo_test_runs", "regions", "clean", "living")
    }
    | {"demo_film": SEGMENTS, "select": 1}
)


def once(checkout, **selection):
    """Show the films once, and select voxels otherwise."""
    checkout.configure(
        dataset={"like": "config/datasets/demo.yaml", "repetitions": {"train": 1, "test": 10}},
        selection=selection,
    )


def test_all_segments_that_are_read_show_where_there_is_a_signal(checkout):
    assert checkout.jobs(VOXELS) == OF_RUNS


def test_test_runs_are_not_read_if_validation_segments_are_evaluated(checkout):
    checkout.configure(
        dataset={"like": "config/datasets/demo.yaml", "validation": ["seg17", "seg18"]},
        evaluate="validation",
    )
    jobs = checkout.jobs(VOXELS)
    assert jobs["clean"] == 18
    assert "demo_test_runs" not in jobs


def test_areas_need_what_repetitions_need(checkout):
    once(checkout, by="areas", areas=["V1", "MT"], min_tsnr=10.0)
    assert checkout.jobs(VOXELS) == OF_RUNS


def test_other_subjects_training_segments_are_cleaned(checkout):
    once(checkout, by="subjects")
    others = {"demo_train_runs": 2 * 18, "regions": 2, "clean": 2 * 18}
    assert checkout.jobs(VOXELS) == OF_RUNS + Counter(others)


def test_a_variants_other_subjects_are_those_of_the_variant(checkout):
    variants = {"smooth": {"clean": {"smooth": 6.0}}, "between": {"selection": {"by": "subjects"}}}
    checkout.configure(variants=variants, tables={"baselines": [], "variants": []})
    between = "results/sub1/variants/between/selection/voxels.tsv"
    added = checkout.jobs(VOXELS, between) - checkout.jobs(VOXELS)
    others = {"demo_train_runs": 2 * 18, "regions": 2, "clean": 2 * 18}
    assert added == Counter({"living": 1, "select": 1} | others)
    both = {"clean": {"smooth": 6.0}, "selection": {"by": "subjects"}}
    checkout.configure(variants={"both": both})
    alone = checkout.jobs("results/sub1/variants/both/selection/voxels.tsv")
    assert alone["clean"] == SEGMENTS + 2 * 18
    assert alone["regions"] == 3


def test_prediction_needs_the_embeddings_of_the_training_clips(checkout):
    once(checkout, by="encoding")
    of_film = {"clips": 18, "captions": 18, "scenes": 18, "latents": 1, "embeddings": 1}
    assert checkout.jobs(VOXELS) == OF_RUNS + Counter(of_film)


def test_prediction_in_a_variant_leaves_the_full_model_as_it_is(checkout):
    before = checkout.jobs(VOXELS)
    checkout.configure(
        variants={"predicted": {"selection": {"by": "encoding"}}},
        tables={"baselines": [], "variants": []},
    )
    assert checkout.jobs(VOXELS) == before


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        ({}, "seg1, seg2, seg3 and 15 more: only one repetition"),
        ({"by": "areas", "mask": "{subject}/visual.nii.gz"}, "subject1/visual.nii.gz"),
    ],
)
def test_what_is_missing_is_said_before_any_work(checkout, selection, said):
    once(checkout, **selection)
    done = checkout.snakemake("--dry-run", "--", VOXELS)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_a_single_subject_cannot_be_compared(checkout):
    checkout.configure(
        dataset={"like": "config/datasets/demo.yaml", "subjects": {"sub1": "subject1"}},
        selection={"by": "subjects"},
    )
    done = checkout.snakemake("--dry-run", "--", VOXELS)
    assert done.returncode != 0
    assert "dataset.subjects names one subject" in done.stdout + done.stderr
