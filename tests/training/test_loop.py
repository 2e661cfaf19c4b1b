"""The training loop: resuming, accumulation, and losses that are not finite."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate.state import AcceleratorState
from pydantic import ValidationError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn
from torch._dynamo.utils import counters

from mindvideo.errors import InputError
from mindvideo.models.device import device
from mindvideo.models.masked_autoencoder import MaskedAutoencoder
from mindvideo.training.finite import NonFiniteError
from mindvideo.training.history import TIMES
from mindvideo.training.loop import adamw
from mindvideo.training.objectives.mbm import MaskedModelling
from mindvideo.training.validation import Validation, equal_parts

STEPS = 4 * 5  # epochs of the toy x batches of 4 of 23 examples


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def history(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "history.tsv", sep="\t")
    return table.drop(columns=TIMES)


class Stop(Exception):  # noqa: N818
    pass


def stop_at(call: int) -> object:
    def before(n: int) -> None:
        if n == call:
            raise Stop

    return before


def test_learns_and_writes_its_history(toy: ModuleType, tmp_path: Path) -> None:
    toy.run(tmp_path, duration=60, batch_size=23)
    table = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    assert list(table) == ["step", "loss", "bias", "grad_norm", "lr", *TIMES]
    assert list(table.step) == list(range(1, 61))
    assert table.loss[-10:].mean() < 0.5 * table.loss[:10].mean()
    assert table.lr.max() == 0.01
    assert (table.memory > 10).all()


def test_frozen_weights_do_not_change(toy: ModuleType, tmp_path: Path) -> None:
    before = toy.network().state_dict()
    after = toy.run(tmp_path)
    assert [name for name in before if torch.equal(before[name], after[name])] == ["0.bias"]


@pytest.mark.parametrize("call", [1, 2, 8, STEPS])
def test_interrupted_and_resumed_is_bitwise_the_same(
    toy: ModuleType, tmp_path: Path, call: int
) -> None:
    whole = toy.run(tmp_path / "whole")
    with pytest.raises(Stop):
        toy.run(tmp_path / "parts", toy.Regression(before=stop_at(call)), checkpoint_minutes=1e-9)
    objective = toy.Regression()
    parts = toy.run(tmp_path / "parts", objective)
    assert objective.calls == STEPS - call + 1
    assert same(whole, parts)
    pd.testing.assert_frame_equal(history(tmp_path / "whole"), history(tmp_path / "parts"))


def test_steps_after_the_checkpoint_are_repeated(toy: ModuleType, tmp_path: Path) -> None:
    """The SIGTERM leaves the only checkpoint; the five steps after it are lost."""
    whole = toy.run(tmp_path / "whole")

    def before(n: int) -> None:
        if n == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit, match="143"):
        toy.run(tmp_path / "parts", toy.Regression(before=before))
    assert [path.name for path in (tmp_path / "parts/state").glob("step-*")] == ["step-6"]
    with pytest.raises(Stop):
        toy.run(tmp_path / "parts", toy.Regression(before=stop_at(6)))
    assert len(pd.read_csv(tmp_path / "parts/state/history.tsv", sep="\t")) == 11
    assert same(whole, toy.run(tmp_path / "parts"))
    pd.testing.assert_frame_equal(history(tmp_path / "whole"), history(tmp_path / "parts"))


def test_a_second_sigterm_does_not_end_the_step(toy: ModuleType, tmp_path: Path) -> None:
    """Near the end of a job several come: from Slurm, and from torch's launcher."""
    whole = toy.run(tmp_path / "whole")

    def before(n: int) -> None:
        if n == 6:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit, match="143"):
        toy.run(tmp_path / "parts", toy.Regression(before=before))
    assert [path.name for path in (tmp_path / "parts/state").glob("step-*")] == ["step-6"]
    assert same(whole, toy.run(tmp_path / "parts"))


def test_a_second_interrupt_ends_the_step(toy: ModuleType, tmp_path: Path) -> None:
    def before(n: int) -> None:
        if n == 6:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        toy.run(tmp_path, toy.Regression(before=before))
    assert not list((tmp_path / "state").glob("step-*"))


def test_signal_handlers_are_restored(toy: ModuleType, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    toy.run(tmp_path, duration=2)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_finished_training_is_not_repeated(toy: ModuleType, tmp_path: Path) -> None:
    """Killed after training but before its outputs were written: only these are written."""
    whole = toy.run(tmp_path)
    (tmp_path / "history.tsv").unlink()
    objective = toy.Regression()
    assert same(whole, toy.run(tmp_path, objective))
    assert objective.calls == 0
    assert len(history(tmp_path)) == STEPS


def test_kill_9_and_resume_is_bitwise_the_same(toy: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, toy.__file__, str(tmp_path / "killed")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    rows = tmp_path / "killed/state/history.tsv"
    with subprocess.Popen([*command, "0.1"], env=environment, stderr=subprocess.DEVNULL) as process:
        while not rows.exists() or rows.read_text().count("\n") < 6:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not (tmp_path / "killed/weights.pt").exists()
    subprocess.run([*command, "0"], env=environment, check=True, stderr=subprocess.DEVNULL)
    resumed = torch.load(tmp_path / "killed/weights.pt", weights_only=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert same(toy.run(tmp_path / "whole"), resumed)
    finally:
        torch.set_num_threads(threads)
    pd.testing.assert_frame_equal(history(tmp_path / "whole"), history(tmp_path / "killed"))


def test_weights_depend_on_the_seed_alone(toy: ModuleType, tmp_path: Path) -> None:
    first, second = toy.run(tmp_path / "a", seed=1), toy.run(tmp_path / "b", seed=2)
    torch.manual_seed(99)
    again = toy.run(tmp_path / "c", seed=1)
    assert same(first, again)
    assert not same(first, second)


def test_accumulated_gradients_are_those_of_the_large_batch(
    toy: ModuleType, tmp_path: Path
) -> None:
    def deterministic() -> nn.Module:
        net = toy.network()
        net[3].p = 0.0
        return net

    changes = {"batch_size": 12, "duration": 5}
    once = toy.run(tmp_path / "1", toy.Regression(noise=0), deterministic(), **changes)
    thrice = toy.run(
        tmp_path / "3", toy.Regression(noise=0), deterministic(), accumulate=3, **changes
    )
    for name, weight in once.items():
        torch.testing.assert_close(weight, thrice[name], rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(history(tmp_path / "1"), history(tmp_path / "3"), rtol=1e-3)


def test_batch_that_cannot_be_divided(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"an example for each of 5 parts\. Lower accumulate"):
        toy.run(tmp_path, accumulate=5)


def test_accumulation_of_a_loss_that_compares_examples_is_refused(
    toy: ModuleType, tmp_path: Path
) -> None:
    objective = toy.Regression()
    objective.decomposes = False
    with pytest.raises(InputError, match="would change it"):
        toy.run(tmp_path, objective, accumulate=2)


def with_a_bad_example(toy: ModuleType) -> tuple[np.ndarray, np.ndarray, int]:
    """The toy's examples, of which number 7 is not a number, and the first step that reads it."""
    x = np.ones((toy.N_EXAMPLES, toy.WIDTH), np.float32)
    y = x.sum(axis=1, keepdims=True)
    y[7] = np.nan
    order = toy.Batches(len(x), 4, 3)
    return x, y, next(n for n in range(STEPS) if 7 in order.batch_at(n))


def test_non_finite_loss_names_the_step_and_keeps_the_checkpoint(
    toy: ModuleType, tmp_path: Path
) -> None:
    x, y, bad = with_a_bad_example(toy)
    assert bad  # the first batch is finite, so there is a checkpoint to keep
    with pytest.raises(NonFiniteError, match=rf"step {bad + 1}: .*`y` of example 7\."):
        toy.run(tmp_path, data=toy.Examples(x=x, y=y), checkpoint_minutes=1e-9)
    (kept,) = (tmp_path / "state").glob("step-*")
    assert kept.name == f"step-{bad}"
    assert not (tmp_path / "history.tsv").exists()


def test_non_finite_gradient_is_refused_too(toy: ModuleType, tmp_path: Path) -> None:
    class Cusp(toy.Regression):  # type: ignore[name-defined,misc]
        def __call__(self, model, batch, generator):  # type: ignore[no-untyped-def]
            loss, logs = super().__call__(model, batch, generator)
            return (loss - loss.detach()).sqrt(), logs  # 0, of infinite slope

    with pytest.raises(NonFiniteError, match="gradient"):
        toy.run(tmp_path, Cusp())


def test_a_refused_step_leaves_the_weights_of_the_step_before(
    toy: ModuleType, tmp_path: Path
) -> None:
    """Also if the host looks at it several steps later."""
    x, y, bad = with_a_bad_example(toy)
    last, weights = bad + 3, []
    for looks, broken in ((1, False), (last, True)):
        net = toy.network()
        data = toy.Examples(x=x, y=y if broken else np.nan_to_num(y))
        objective = toy.Regression(before=stop_at(bad + 1) if not broken else lambda n: None)
        with pytest.raises(
            NonFiniteError if broken else Stop, match=f"step {bad + 1}:" if broken else None
        ):
            toy.run(tmp_path / str(looks), objective, net, data, log_every=looks)
        weights.append(net.state_dict())
    assert same(*weights)
    assert list(history(tmp_path / str(last) / "state").step) == list(range(1, bad + 1))


def test_the_history_does_not_depend_on_how_often_the_host_looks(
    toy: ModuleType, tmp_path: Path
) -> None:
    often = toy.run(tmp_path / "often")
    with pytest.raises(Stop):
        toy.run(tmp_path / "rarely", toy.Regression(before=stop_at(10)), log_every=6)
    assert len(history(tmp_path / "rarely/state")) == 6
    assert same(often, toy.run(tmp_path / "rarely", log_every=6))
    pd.testing.assert_frame_equal(history(tmp_path / "often"), history(tmp_path / "rarely"))
    seconds = pd.read_csv(tmp_path / "rarely/history.tsv", sep="\t").seconds
    assert seconds[:6].nunique() == 1


def test_a_history_of_an_earlier_version_is_continued_with_its_columns(
    toy: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        toy.run(tmp_path, toy.Regression(before=stop_at(8)), checkpoint_minutes=1e-9)
    rows = tmp_path / "state/history.tsv"
    older = pd.read_csv(rows, sep="\t").drop(columns=TIMES[2:])
    older.to_csv(rows, sep="\t", index=False)
    toy.run(tmp_path)
    table = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    assert list(table) == list(older)
    assert list(table.step) == list(range(1, STEPS + 1))
    assert table.notna().all(axis=None)


def test_the_history_has_the_throughput(toy: ModuleType, tmp_path: Path) -> None:
    toy.run(tmp_path, toy.Regression(noise=0), nn.Linear(toy.WIDTH, 5))
    table = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    np.testing.assert_allclose(table.examples_per_second * table.seconds, 4, rtol=1e-4)
    # Forward, and the gradient of the weights: 2 operations each for 4 x 8 x 5 products.
    flops = table.teraflops * table.seconds * 1e12
    np.testing.assert_allclose(flops, 2 * 2 * 4 * 8 * 5, rtol=1e-4)
    assert table.share_of_peak.isna().all()  # no GPU


def test_bf16_trains_float32_weights(toy: ModuleType, tmp_path: Path) -> None:
    weights = toy.run(tmp_path, precision="bf16")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert np.isfinite(history(tmp_path).loss).all()


def test_vectors_do_not_decay(toy: ModuleType) -> None:
    net = toy.network()
    decaying, others = adamw(net, toy.settings(weight_decay=0.3)).param_groups
    assert decaying["weight_decay"] == 0.3
    assert others["weight_decay"] == 0
    assert [id(p) for p in decaying["params"]] == [id(net[0].weight), id(net[4].weight)]
    assert [id(p) for p in others["params"]] == [
        id(net[1].weight),
        id(net[1].bias),
        id(net[4].bias),
    ]


def test_warm_up_must_be_shorter_than_the_training(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="warm-up"):
        toy.run(tmp_path, warmup=4)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a compiler: no g++")
def test_a_compiled_training_has_the_same_weights(toy: ModuleType, tmp_path: Path) -> None:
    counters.clear()
    compiled = toy.run(tmp_path / "compiled", net=toy.without_dropout(), compile=True)
    assert counters["stats"]["unique_graphs"] == 1
    AcceleratorState._reset_state(reset_partial_state=True)
    plain = toy.run(tmp_path / "plain", net=toy.without_dropout())
    for name, weight in plain.items():
        torch.testing.assert_close(compiled[name], weight, rtol=1e-3, atol=1e-5)


def test_gradient_checkpointing_keeps_the_weights(tmp_path: Path, toy: ModuleType) -> None:
    torch.manual_seed(0)
    shape = {"num_voxels": 24, "patch_size": 4, "embed_dim": 8, "depth": 2, "num_heads": 2}
    shape |= {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    plain = MaskedAutoencoder(**shape)
    checkpointed = copy.deepcopy(plain)
    volumes = toy.Examples(volumes=np.random.default_rng(0).random((8, 24), dtype=np.float32))
    for net, enabled in ((plain, False), (checkpointed, True)):
        folder = tmp_path / str(enabled)
        changes = {"gradient_checkpointing": enabled, "duration": 2}
        toy.run(folder, MaskedModelling(0.5, 4), net, volumes, **changes)
        assert net.is_gradient_checkpointing == enabled
    assert same(plain.state_dict(), checkpointed.state_dict())


def test_tensorboard_events_have_the_history(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        toy.run(tmp_path, toy.Regression(before=stop_at(8)), checkpoint_minutes=1e-9)
    toy.run(tmp_path)
    events = EventAccumulator(str(tmp_path / "events"), purge_orphaned_data=True).Reload()
    table = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    assert set(events.Tags()["scalars"]) == set(table) - {"step", "share_of_peak"}
    losses = events.Scalars("loss")
    assert [event.step for event in losses] == list(table.step)
    np.testing.assert_allclose([event.value for event in losses], table.loss, rtol=1e-5)


def test_half_precision_without_a_gpu(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        toy.run(tmp_path, precision="fp16")


def test_a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES=0 gives this job a GPU"):
        device()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device().type == "cpu"


# --- validation -----------------------------------------------------------------------------------


def validated(toy: ModuleType, folder: Path, objective: object = None, **changes: object):
    """The toy's training run, with validation examples of its own, in batches of 3 and 2."""
    x = np.random.default_rng(1).standard_normal((5, toy.WIDTH)).astype(np.float32)
    data = toy.Examples(x=x, y=x.sum(axis=1, keepdims=True))
    net = toy.network()
    validation = Validation(toy.Regression(), data, equal_parts(5, 3, 0), seed=7)
    weights = toy.run(folder, objective, net, validation=validation, **changes)
    return weights, validation, net


def test_validation_changes_no_weight_and_no_other_column(toy: ModuleType, tmp_path: Path) -> None:
    without = toy.run(tmp_path / "without")
    weights, *_ = validated(toy, tmp_path / "with")
    assert same(without, weights)
    table = history(tmp_path / "with")
    columns = list(history(tmp_path / "without"))
    pd.testing.assert_frame_equal(table[columns], history(tmp_path / "without"))
    assert [*table][len(columns) :] == ["validation_loss", "validation_bias"]
    assert table["validation_loss"].notna().all()  # 20 steps, 20 points


def test_validation_is_the_same_after_a_resume(toy: ModuleType, tmp_path: Path) -> None:
    whole, *_ = validated(toy, tmp_path / "whole", validate_every=3)
    objective = toy.Regression(before=stop_at(11))
    with pytest.raises(Stop):
        validated(toy, tmp_path / "parts", objective, validate_every=3, checkpoint_minutes=1e-9)
    parts, *_ = validated(toy, tmp_path / "parts", validate_every=3)
    assert same(whole, parts)
    pd.testing.assert_frame_equal(history(tmp_path / "whole"), history(tmp_path / "parts"))
    table = history(tmp_path / "whole")
    there = table["step"][table["validation_loss"].notna()]
    assert there.tolist() == [1, 3, 6, 9, 12, 15, 18, 20]


def test_the_validation_loss_is_the_mean_over_examples_in_evaluation_mode(
    toy: ModuleType, tmp_path: Path
) -> None:
    _, validation, net = validated(toy, tmp_path)
    net.train()
    net[1].eval()  # the mode of each module is restored
    noiseless = Validation(toy.Regression(noise=0), validation.examples, validation.batches, 7)
    values = noiseless(net)
    assert [module.training for module in net] == [True, False, True, True, True]
    net.eval()
    batch = validation.examples.batch(np.arange(5))
    expected = float((net(batch["x"]) - batch["y"]).detach().square().mean())
    assert values["validation_loss"] == pytest.approx(expected, rel=1e-5)
    assert validation(net) == validation(net) != noiseless(net)
    assert sorted(np.concatenate(validation.batches)) == [0, 1, 2, 3, 4]


def test_a_validation_point_is_not_an_event_of_other_steps(toy: ModuleType, tmp_path: Path) -> None:
    validated(toy, tmp_path, validate_every=10)
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert [event.step for event in events.Scalars("validation_loss")] == [1, 10, 20]
    assert len(events.Scalars("loss")) == STEPS
