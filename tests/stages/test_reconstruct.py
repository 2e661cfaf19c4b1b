"""The stage of reconstruction, on untrained models."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from mindvideo.errors import InputError
from mindvideo.io.motion import save_decoder
from mindvideo.io.tables import save_table
from mindvideo.models.linear_encoder import LinearEncoder
from mindvideo.models.pipeline import MindVideoPipeline
from mindvideo.models.trained import load_pipeline
from mindvideo.settings.evaluation import JoinSettings, ReconstructionSettings
from mindvideo.stages import reconstructions as join
from mindvideo.stages.reconstruct import main

ROWS = [("test1", 0), ("test1", 1), ("test1", 2)]


def reconstruct(
    inputs,
    folder,
    motion=None,
    *,
    windows="windows.npy",
    train=None,
    empty=None,
    state=None,
    segment="test1",
    rows=ROWS,
    **changes,
):
    settings = {
        "steps": 2,
        "guidance": 3.0,
        "stable_diffusion": str(inputs / "sd"),
        "num_frames": 3,
        "size": 16,
        **changes,
    }
    save_table(folder / "table.tsv", pd.DataFrame(rows, columns=["segment", "clip"]))
    output = folder / "reconstructions.npy"
    output.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as fresh:
        main(
            windows=inputs / windows,
            table=folder / "table.tsv",
            null_window=inputs / "null.npy",
            model=inputs / "model",
            motion=motion,
            train_windows=None if train is None else inputs / train,
            empty_text=None if empty is None else inputs / empty,
            reconstructions=output,
            state=state or Path(fresh),
            segment=segment,
            settings=ReconstructionSettings(**settings),
        )
    return np.load(output)


def test_writes_a_clip_a_window(inputs, tmp_path):
    clips = reconstruct(inputs, tmp_path)
    assert clips.shape == (3, 3, 16, 16, 3)
    assert clips.dtype == np.uint8
    assert clips.std(axis=(1, 2, 3, 4)).min() > 0


def test_a_linear_encoder_conditions_the_same_unet(inputs, tmp_path):
    folder = tmp_path / "linear"
    shutil.copytree(inputs, folder)
    shutil.rmtree(folder / "model" / "fmri_encoder")
    shape = {"num_voxels": 32, "window_size": 2, "out_channel": 5, "out_dim": 12}
    encoder = LinearEncoder(n_components=3, embedding_dim=12, **shape)
    clips = []
    for weight in (0.0, 1.0):
        torch.nn.init.constant_(encoder.components.weight, weight)
        encoder.save_pretrained(folder / "model" / "fmri_encoder")
        clips.append(reconstruct(folder, tmp_path).astype(int))
        np.save(folder / "windows.npy", 3 * np.load(inputs / "windows.npy"))
        clips.append(reconstruct(folder, tmp_path).astype(int))
        shutil.copy(inputs / "windows.npy", folder / "windows.npy")
    blind, blind_to_others, sees, sees_others = clips
    np.testing.assert_array_equal(blind, blind_to_others)
    assert (sees != sees_others).any()
    assert (blind != reconstruct(inputs, tmp_path)).any()


def test_the_batch_size_does_not_matter_and_the_seed_does(inputs, tmp_path):
    clips = reconstruct(inputs, tmp_path, batch_size=4).astype(int)
    in_twos = reconstruct(inputs, tmp_path, batch_size=2).astype(int)
    assert np.abs(clips - in_twos).max() <= 1
    assert np.abs(clips - reconstruct(inputs, tmp_path, seed=1)).max() > 1


def test_segments_are_reconstructed_apart_to_the_same_bytes(inputs, tmp_path):
    """The noise is a function of the seed and a clip's row; batches of one, to compare bytes."""
    rows = [("test2", 1), ("test1", 0), ("test2", 0)]
    together = reconstruct(inputs, tmp_path, batch_size=1)
    parts = tmp_path / "parts"
    parts.mkdir()
    for segment in ("test1", "test2"):
        clips = reconstruct(inputs, tmp_path, rows=rows, segment=segment, batch_size=1)
        np.save(parts / f"{segment}.npy", clips)
    join.main(
        segments=[parts / "test1.npy", parts / "test2.npy"],
        table=tmp_path / "table.tsv",
        reconstructions=tmp_path / "joined.npy",
        settings=JoinSettings(),
    )
    np.testing.assert_array_equal(np.load(tmp_path / "joined.npy"), together)
    with pytest.raises(InputError, match="no windows of segment test3"):
        reconstruct(inputs, tmp_path, segment="test3")


def test_segments_of_another_run_are_refused(inputs, tmp_path):
    np.save(tmp_path / "test1.npy", reconstruct(inputs, tmp_path)[:2])
    with pytest.raises(InputError, match=r"lists windows of {'test1': 3}, .* of {'test1': 2}"):
        join.main(
            segments=[tmp_path / "test1.npy"],
            table=tmp_path / "table.tsv",
            reconstructions=tmp_path / "joined.npy",
            settings=JoinSettings(),
        )


def test_killed_it_goes_on_where_it_was(inputs, tmp_path, monkeypatch):
    expected = reconstruct(inputs, tmp_path, batch_size=1)
    state = tmp_path / "state"
    state.mkdir()
    calls = []
    by_pipeline = MindVideoPipeline.__call__

    def counted(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return by_pipeline(self, *arguments, **options)

    monkeypatch.setattr(MindVideoPipeline, "__call__", counted)
    with pytest.raises(KeyboardInterrupt):
        reconstruct(inputs, tmp_path, state=state, batch_size=1)
    clips = reconstruct(inputs, tmp_path, state=state, batch_size=1)
    np.testing.assert_array_equal(clips, expected)
    assert len(calls) == 2 + 1 + 1


def test_negative_conditions_differ(inputs, tmp_path):
    clips = {
        negative: reconstruct(inputs, tmp_path, negative=negative).astype(int)
        for negative in ("null-window", "zero", "none")
    }
    unguided = reconstruct(inputs, tmp_path, guidance=1.0)
    assert np.array_equal(clips["none"], unguided)
    assert not np.array_equal(clips["zero"], clips["null-window"])
    assert not np.array_equal(clips["zero"], clips["none"])


def write_training_set(inputs, folder):
    """Training windows, the empty caption's tokens, and the test windows in another order."""
    rng = np.random.default_rng(1)
    np.save(folder / "train.npy", rng.normal(size=(70, 2, 32)).astype(np.float32))
    np.save(folder / "empty.npy", rng.normal(size=(5, 12)).astype(np.float32))
    np.save(folder / "reversed.npy", np.load(inputs / "windows.npy")[::-1])
    return {"train": folder / "train.npy", "empty": folder / "empty.npy"}


def test_tokens_as_the_negative_condition(inputs, tmp_path):
    files = write_training_set(inputs, tmp_path)
    null = reconstruct(inputs, tmp_path).astype(int)
    for negative, needed in (("mean-tokens", "train-windows"), ("empty-caption", "empty-text")):
        with pytest.raises(InputError, match=f"pass them as --{needed}"):
            reconstruct(inputs, tmp_path, negative=negative)
        clips = reconstruct(inputs, tmp_path, **files, negative=negative).astype(int)
        assert not np.array_equal(clips, null)
        unguided = reconstruct(inputs, tmp_path, **files, negative=negative, guidance=1.0)
        assert np.array_equal(unguided, reconstruct(inputs, tmp_path, guidance=1.0))


def test_without_fmri_windows_do_not_matter(inputs, tmp_path):
    """Clips differ by their noise; the negative condition still has an effect."""
    none = {"condition": "mean-tokens", **write_training_set(inputs, tmp_path)}
    clips = reconstruct(inputs, tmp_path, **none)
    others = reconstruct(inputs, tmp_path, **none, windows=tmp_path / "reversed.npy")
    assert np.array_equal(clips, others)
    assert not np.array_equal(clips[0], clips[1])
    unguided = reconstruct(inputs, tmp_path, **none, negative="none")
    assert not np.array_equal(clips, unguided)
    assert not np.array_equal(clips, reconstruct(inputs, tmp_path))
    # Between two equal conditions, guidance has no direction.
    assert np.array_equal(unguided, reconstruct(inputs, tmp_path, **none, negative="mean-tokens"))


def test_without_fmri_all_noise_moves_as_in_the_mean_training_window(inputs, tmp_path):
    files = write_training_set(inputs, tmp_path)
    settings = {"shared_noise": 1.0, "moving_noise": True, "condition": "mean-tokens", **files}
    decoder, coef = tmp_path / "decoder.npy", np.random.default_rng(2).normal(size=(3, 64)) / 9
    save_decoder(decoder, coef, np.zeros(3))
    moved = reconstruct(inputs, tmp_path, decoder, **settings)
    mean = np.load(files["train"]).mean(axis=0, dtype=np.float64).astype(np.float32)
    save_decoder(decoder, 0 * coef, coef @ mean.ravel())
    np.testing.assert_array_equal(moved, reconstruct(inputs, tmp_path, decoder, **settings))
    save_decoder(decoder, 0 * coef, np.zeros(3))
    assert not np.array_equal(moved, reconstruct(inputs, tmp_path, decoder, **settings))


def test_a_still_clip_is_one_image(inputs, tmp_path):
    clips = reconstruct(inputs, tmp_path, still=True)
    assert clips.shape == (3, 3, 16, 16, 3)
    assert (clips == clips[:, :1]).all()
    assert np.array_equal(clips[:, :1], reconstruct(inputs, tmp_path, num_frames=1))
    with pytest.raises(ValidationError, match=r"still: true, but reconstruction\.moving_noise"):
        reconstruct(inputs, tmp_path, still=True, shared_noise=1.0, moving_noise=True)


def test_noise_moves_as_the_decoder_says(inputs, tmp_path):
    settings = {"shared_noise": 1.0, "batch_size": 2, "moving_noise": True}
    with pytest.raises(InputError, match="moving_noise: true needs a decoder of motion"):
        reconstruct(inputs, tmp_path, **settings)
    windows = np.load(inputs / "windows.npy").reshape(len(ROWS), -1).astype(np.float64)
    coef = np.zeros((3, windows.shape[1]))
    coef[0] = np.linalg.pinv(windows) @ [0, 0, 0.1]  # of the third window alone, to the right
    decoder = tmp_path / "decoder.npy"
    save_decoder(decoder, coef, np.zeros(3))
    moved = reconstruct(inputs, tmp_path, decoder, **settings)
    save_decoder(decoder, 0 * coef, np.zeros(3))
    still = reconstruct(inputs, tmp_path, decoder, **settings)
    assert np.array_equal(moved[:2], still[:2])
    assert not np.array_equal(moved[2], still[2])
    save_decoder(decoder, coef[:, 1:], np.zeros(3))
    with pytest.raises(InputError, match=r"decoder\.npy has shape .* training windows of the same"):
        reconstruct(inputs, tmp_path, decoder, **settings)


def test_a_segment_alone_is_reconstructed_as_among_others(inputs, tmp_path):
    """Noise goes by a clip's number among all test clips, wherever its window lies in the file."""
    rows = [("test1", 0), ("test2", 0), ("test2", 1)]
    among = reconstruct(inputs, tmp_path, segment="test2", rows=rows)
    alone = tmp_path / "alone"
    shutil.copytree(inputs, alone, symlinks=True)
    np.save(alone / "windows.npy", np.load(inputs / "windows.npy")[1:])
    clips = reconstruct(alone, tmp_path, segment="test2", rows=rows[1:], first=1)
    np.testing.assert_array_equal(clips, among)
    other = reconstruct(alone, tmp_path, segment="test2", rows=rows[1:])
    assert not np.array_equal(other, among)


def test_samples_by_ddim_without_clipping(inputs):
    pipeline = load_pipeline(inputs / "model", str(inputs / "sd"))
    assert type(pipeline.scheduler).__name__ == "DDIMScheduler"
    assert pipeline.scheduler.config.clip_sample is False
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("dpm-solver++", "DPMSolverMultistepScheduler"), ("unipc", "UniPCMultistepScheduler")],
)
def test_samples_by_the_scheduler_that_is_set(inputs, tmp_path, name, kind):
    pipeline = load_pipeline(inputs / "model", str(inputs / "sd"), name)
    assert type(pipeline.scheduler).__name__ == kind
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"
    clips = reconstruct(inputs, tmp_path, scheduler=name)
    assert not np.array_equal(clips, reconstruct(inputs, tmp_path))


def test_half_precision_is_near(inputs, tmp_path):
    whole = reconstruct(inputs, tmp_path).astype(int)
    half = reconstruct(inputs, tmp_path, precision="bf16").astype(int)
    assert 0 < np.abs(half - whole).mean() < 0.05 * whole.std()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_fp16_needs_a_gpu(inputs, tmp_path):
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        reconstruct(inputs, tmp_path, precision="fp16")


def test_refuses_a_null_window_of_another_shape(inputs, tmp_path):
    np.save(tmp_path / "null.npy", np.zeros((1, 32), np.float32))
    save_table(tmp_path / "table.tsv", pd.DataFrame(ROWS, columns=["segment", "clip"]))
    with pytest.raises(InputError, match=r"\(1, 32\).*\(2, 32\)"):
        main(
            windows=inputs / "windows.npy",
            table=tmp_path / "table.tsv",
            null_window=tmp_path / "null.npy",
            model=inputs / "model",
            motion=None,
            train_windows=None,
            empty_text=None,
            reconstructions=tmp_path / "reconstructions.npy",
            state=tmp_path,
            segment="test1",
            settings=ReconstructionSettings(
                stable_diffusion=str(inputs / "sd"), num_frames=3, size=16
            ),
        )
