"""How often each rule runs for the demo."""

from collections import Counter

SEGMENTS = 18 + 5
RECONSTRUCT = (*["reconstruct"] * 5, "reconstructions")
SHARED = {
    "demo_film": SEGMENTS,
    "clips": SEGMENTS,
    "clip_motion": 1,
    "captions": SEGMENTS,
    "scenes": SEGMENTS,
    "latents": 1,
    "embeddings": 1,
    "demo_rest": 6,
    "samples": 3,
    "pretraining": 1,
    "video_tuning": 1,
}
OWN = {
    "demo_train_runs": 18,
    "demo_test_runs": 5,
    "regions": 1,
    "clean": SEGMENTS,
    "living": 1,
    "select": 1,
    "windows": 1,
    "repetition_windows": 1,
    "test_windows": 1,
    "segment_windows": 5,
    "null_window": 1,
    "mbm_tuning": 1,
    "contrastive": 1,
    "cotraining": 1,
    "motion": 1,
    "reconstruct": 5,
    "reconstructions": 1,
    "score": 1,
    "videos": 1,
}
EARLY = {"brain_figure": 1, "drawings": 1}
"""The pictures that a subject's page brings along."""
CHAIN = SHARED | OWN
SHARED_COUNTS = Counter(SHARED)
