"""The fMRI encoder at the paper's size: steps, memory, and reading samples from disk.

``python -m benchmarks.encoder steps``      a training step of each kind, and of a plain transformer
``python -m benchmarks.encoder reading``    batches of 500 out of 600,000 samples on disk

Weights and samples are random, which suffices for timing. Each step is measured in a separate
process, whose peak memory is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.sizes import FULL, Sizes
from mindvideo.models.device import device
from mindvideo.models.fmri_encoder import FmriEncoder
from mindvideo.models.masked_autoencoder import MaskedAutoencoder, draw_order
from mindvideo.settings.training import Mbm
from mindvideo.training.datasets import Examples, load_volumes
from mindvideo.training.history import peak_memory
from mindvideo.training.loop import adamw
from mindvideo.training.objectives.contrastive import FmriToClip
from mindvideo.training.sampling import Batches
from mindvideo.training.similarity import clip_loss

HCP_VOXELS, SUBJECT_VOXELS, WINDOW = FULL.hcp_voxels, FULL.voxels, 2
CONTRASTIVE_BATCH = FULL.batches["contrastive"]
GLOBAL_BATCH, SAMPLES, EPOCHS = FULL.batches["masked brain modelling"], 600_000, 500
PATCH = 16
PER_SUBJECT = 862
"""Samples of an HCP subject with all runs (docs/how-to/cluster.md)."""


class PlainAutoencoder(nn.Module):
    """A masked autoencoder of torch's layers, of the same widths and depths."""

    def __init__(self, patch: int = PATCH, width: int = 1024, narrow: int = 512) -> None:
        super().__init__()

        def layers(dim: int, depth: int) -> nn.Module:
            layer = nn.TransformerEncoderLayer(
                dim, 16, dim, 0.0, "gelu", batch_first=True, norm_first=True
            )
            return nn.TransformerEncoder(layer, depth, nn.LayerNorm(dim), False)

        self.patch, self.embed = patch, nn.Linear(patch, width)
        self.encoder, self.narrow = layers(width, 24), nn.Linear(width, narrow)
        self.decoder, self.out = layers(narrow, 8), nn.Linear(narrow, patch)

    def forward(self, volumes: Tensor, _: Tensor, n_visible: int) -> tuple[Tensor]:
        """(b, v) → loss; the first patches are visible."""
        patches = volumes.unflatten(1, (-1, self.patch))
        tokens = self.narrow(self.encoder(self.embed(patches[:, :n_visible])))
        hidden = tokens.new_zeros(len(tokens), patches.shape[1] - n_visible, tokens.shape[2])
        rebuilt = self.out(self.decoder(torch.cat([tokens, hidden], dim=1)))
        return (F.mse_loss(rebuilt[:, n_visible:], patches[:, n_visible:]),)


def masked(model: nn.Module, batch: int, sizes: Sizes = FULL) -> Tensor:
    """Loss of masked brain modelling on `batch` random volumes."""
    volumes = torch.randn(batch, sizes.hcp_voxels, device=device())
    patches = sizes.hcp_voxels // sizes.autoencoder.get("patch_size", PATCH)
    return model(volumes, *draw_order(batch, patches, 0.75, None, device()))[0]


def contrast(model: nn.Module, batch: int, sizes: Sizes = FULL) -> Tensor:
    """Loss of contrastive learning on `batch` random windows."""
    windows = torch.randn(batch, WINDOW, sizes.voxels, device=device())
    _, fmri_embeddings, scale = model(windows)
    clip_embeddings = F.normalize(torch.randn_like(fmri_embeddings), dim=-1)
    return clip_loss(fmri_embeddings, clip_embeddings, scale)


def encoder(sizes: Sizes = FULL) -> nn.Module:
    return FmriToClip(
        FmriEncoder(num_voxels=sizes.voxels, window_size=WINDOW, dropout=0.6, **sizes.encoder)
    )


def autoencoder(sizes: Sizes = FULL) -> nn.Module:
    return MaskedAutoencoder(num_voxels=sizes.hcp_voxels, **sizes.autoencoder)


FRUGAL = ", gradient checkpointing"
KINDS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, int], Tensor]]] = {
    "masked brain modelling": (autoencoder, masked),
    f"masked brain modelling{FRUGAL}": (autoencoder, masked),
    "the same in torch's own layers": (PlainAutoencoder, masked),
    f"contrastive{FRUGAL}": (encoder, contrast),
}
"""Constructor of a model, and its loss on a number of random examples."""


def measure(name: str, batch: int, n_repetitions: int, precision: str, compiled: bool) -> dict:
    """Seconds, FLOPs and peak memory [GiB] of a training step; call it in a new process."""
    torch.manual_seed(0)
    make, loss = KINDS[name]
    model = make().to(device()).train()
    set_checkpointing(model, name.endswith(FRUGAL))
    return measure_step(model, loss, [batch], n_repetitions, precision, compiled)


def set_checkpointing(model: nn.Module, enabled: bool) -> None:
    """Let the networks in a model recompute activations in the backward pass."""
    for part in model.modules():
        if enabled and isinstance(part, ModelMixin):
            part.enable_gradient_checkpointing()


def measure_step(
    model: nn.Module,
    loss: Callable[[nn.Module, int], Tensor],
    parts: list[int],
    n_repetitions: int,
    precision: str,
    compiled: bool,
) -> dict:
    """Seconds, FLOPs and peak memory [GiB] of an optimizer step.

    Parameters
    ----------
    model
        In training mode, on its device.
    loss
        Loss of the model on a number of random examples.
    parts
        Examples in each backward pass of the step.
    n_repetitions, precision, compiled
    """
    optimizer, batch = adamw(model, Mbm()), sum(parts)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)

    def step(run: nn.Module) -> None:
        for part in parts:
            with torch.autocast(device().type, half, enabled=half is not None):
                value = loss(run, part)
            (value * part / batch).backward()
        nn.utils.clip_grad_norm_(trained, 0.8)
        optimizer.step()
        optimizer.zero_grad()
        if device().type == "cuda":
            torch.cuda.synchronize()

    run = torch.compile(model) if compiled else model
    times = []
    for _ in range(n_repetitions + 1):
        start = time.perf_counter()
        step(run)
        times.append(time.perf_counter() - start)
    memory = peak_memory(device()) / 1024
    with FlopCounterMode(display=False) as counter:  # one example: it keeps all that it counts
        loss(model, 1).backward()
    return {
        "batch": batch,
        "weights": sum(p.numel() for p in model.parameters()),
        "seconds": float(np.median(times[1:] or times)),  # the first one compiles, if at all
        "flops": counter.get_total_flops() * batch,
        "memory": memory,
    }


def steps(arguments: argparse.Namespace) -> None:
    """Print a table of all steps, and the total cost of the paper's pre-training."""
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    how = f"{arguments.precision}{', compiled' if arguments.compile else ''}"
    print(f"{where}, {torch.get_num_threads()} threads, precision {how}\n")
    print("| step | weights | batch | time | examples/s | TFLOP | TFLOP/s | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    per_sample = 0.0
    for name in KINDS:
        batch = CONTRASTIVE_BATCH if name.startswith("contrastive") else arguments.batch
        options = ["--batch", str(batch), "--repetitions", str(arguments.repetitions)]
        options += ["--precision", arguments.precision, *(["--compile"] * arguments.compile)]
        command = [sys.executable, "-m", "benchmarks.encoder", "step", "--name", name, *options]
        result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        tera, size, took = result["flops"] / 1e12, result["batch"], result["seconds"]
        print(
            f"| {name} | {result['weights'] / 1e6:.0f} M | {size} | {took:.2f} s "
            f"| {size / took:.2f} | {tera:.2f} | {tera / took:.3f} "
            f"| {result['memory']:.1f} GiB |",
            flush=True,
        )
        if name == "masked brain modelling":
            per_sample = tera / size
    total = per_sample * SAMPLES * EPOCHS
    print(f"\nThe paper's pre-training: {SAMPLES * EPOCHS:,} samples, {total / 1e6:.1f} EFLOP.")


def reading(arguments: argparse.Namespace) -> None:
    """Print the time of a batch read from samples on disk that are not in the page cache."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        block = rng.standard_normal((PER_SUBJECT, HCP_VOXELS), dtype=np.float32)
        paths = []
        for i in range(arguments.samples // PER_SUBJECT):
            paths.append(Path(folder, f"{i}.npy"))
            np.save(paths[-1], block)
            forget(paths[-1])
        before = private_memory()
        examples = Examples(volumes=load_volumes(paths))
        order = Batches(len(examples), GLOBAL_BATCH, 0)

        def batches(count: int) -> float:
            start = time.perf_counter()
            for step in range(count):
                examples.batch(order.batch_at(step))
            return (time.perf_counter() - start) / count

        order.batch_at(0)  # lays out the epoch
        cold = batches(arguments.repetitions)
        warm = batches(arguments.repetitions)
        grown = private_memory() - before
        size = len(examples) * HCP_VOXELS * 4 / 2**30
        print(f"{len(examples):,} samples in {len(paths)} files, {size:.1f} GiB\n")
        print("| a batch of 500 | |\n|---|---|")
        print(f"| from disk | {cold * 1e3:.0f} ms |")
        print(f"| from the system's memory | {warm * 1e3:.0f} ms |")
        print(f"| the process's own memory grows by | {grown:.0f} MiB |")


def private_memory() -> float:
    """Memory of the process without mapped files, which the system may reclaim [MiB]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def forget(path: Path) -> None:
    """Drop a file from the page cache, so that it is read from disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["steps", "reading", "step"])
    parser.add_argument("--name", help="kind of a single step")
    parser.add_argument("--batch", type=int, default=16, help="samples in a step (paper: 500)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--folder", help="where the samples are written (10 GB)")
    arguments = parser.parse_args()
    if arguments.what == "step":
        result = measure(
            arguments.name,
            batch=arguments.batch,
            n_repetitions=arguments.repetitions,
            precision=arguments.precision,
            compiled=arguments.compile,
        )
        print(json.dumps(result))
    else:
        {"steps": steps, "reading": reading}[arguments.what](arguments)


if __name__ == "__main__":
    main()
