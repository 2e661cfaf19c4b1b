"""What a person sees when the disk or the memory fails, or somebody else's files are hostile."""

import errno
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.runner import _of_the_system
from tests.workflow.conftest import TINY, Checkout


def rest(folder, n_volumes=60, before=""):
    """Call a stage that writes some 20 MB for each 60 volumes."""
    call = (
        "import sys; from mindvideo.cli import main; "
        f"sys.exit(main(['demo-rest', '--subject', 'rest1', '--run', 'rfMRI_REST1_LR', "
        f"'--dtseries', {str(folder / 'run.dtseries.nii')!r}, "
        f"'--set', 'n_volumes={n_volumes}', '--set', 'tr=0.72']))"
    )
    return subprocess.run(
        [sys.executable, "-c", before + call], capture_output=True, text=True, check=False
    )


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_reported_and_nothing_half_written_stays(small_disk):
    done = rest(small_disk)
    assert done.returncode == 1
    assert "No space left on device. Free disk space and run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(small_disk.iterdir())


def test_a_folder_that_may_only_be_read_is_reported(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = rest(small_disk)
    assert done.returncode == 1
    assert f"{small_disk}" in done.stderr
    assert "Read-only file system. Set `results` in the configuration" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_limit_on_the_size_of_files_is_reported(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)); "
    done = rest(tmp_path, before=limit)
    assert done.returncode == 1
    assert "File too large. The system does not allow files of this size (ulimit -f)" in done.stderr
    assert not list(tmp_path.iterdir())


def test_too_little_memory_is_reported(tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30)); "
    done = rest(tmp_path, n_volumes=40_000, before=limit)
    assert done.returncode == 1
    assert "out of memory" in done.stderr
    assert "Lower batch_size" in done.stderr
    assert not list(tmp_path.iterdir())


def test_torchs_ways_to_say_it_are_known():
    for text in (
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: not enough memory: you tried "
        "to allocate 4000000000000 bytes.",
        "CUDA out of memory. Tried to allocate 20.00 MiB.",
    ):
        assert _of_the_system(RuntimeError(text)).startswith("out of memory (")
    assert _of_the_system(RuntimeError("shapes do not fit")) == ""
    assert _of_the_system(OSError(errno.EINVAL, "Invalid argument")) == ""


# --- names and paths ------------------------------------------------------------------------------


def test_paths_with_spaces_and_letters_of_all_kinds_and_linked_data(tmp_path):
    """Also what a shell would run, were it not quoted."""
    folder = tmp_path / "my project, été 北京 'quoted'"
    elsewhere = tmp_path / "a big disk"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "data").symlink_to(elsewhere)
    checkout = Checkout(folder)
    results = "mes résultats; touch pwned $(touch pwned) `touch pwned` & \"x\" 'y'"
    checkout.configure(**TINY | {"results": results})
    done = checkout.snakemake("--", f"{results}/shared/samples/rest1.npy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert np.load(folder / results / "shared/samples/rest1.npy").ndim == 2
    assert list(elsewhere.rglob("*.dtseries.nii"))
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "name", ["a;touch pwned", "$(touch pwned)", "../up", "a b", "{wild}", "a\nb", "'", "-rf", ""]
)
def test_names_that_are_no_names_are_refused(name):
    config = {"dataset": TINY["dataset"] | {"subjects": {name: "subject1"}}}
    with pytest.raises(InputError):
        check_config(config | {"pretraining_data": _rest()}, "configuration")
    variants = {"variants": {name: {"scoring": {"seed": 1}}}}
    with pytest.raises(InputError):
        check_config(
            {"dataset": TINY["dataset"], "pretraining_data": _rest()} | variants, "configuration"
        )


def _rest():
    return {"tr": 0.72, "subjects": ["rest1"], "runs": ["r"], "run": "{subject}/{run}.nii"}


# --- files that would run code --------------------------------------------------------------------


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def bomb(tmp_path):
    return Bomb(tmp_path / "pwned")


def test_the_bomb_works(bomb):
    pickle.loads(pickle.dumps(bomb)).close()  # noqa: S301
    assert bomb.path.exists()


def test_released_checkpoints_run_no_code(tmp_path, bomb):
    from mindvideo.io import released

    folder = tmp_path / "fmri_encoder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    torch.save({"weight": bomb}, folder / "diffusion_pytorch_model.bin")
    torch.save({"model": bomb}, tmp_path / "checkpoint.pth")
    with pytest.raises(InputError):
        released.read_encoder(folder)
    with pytest.raises(InputError):
        released.read_checkpoint(tmp_path / "checkpoint.pth")
    assert not bomb.path.exists()


def test_checkpoints_of_trainings_run_no_code(tmp_path, bomb):
    from mindvideo.training import checkpoint

    model = torch.nn.Linear(2, 2)
    checkpoint.save(tmp_path, 3, model, {})
    torch.save({"step": 3, "optimizer": bomb}, tmp_path / "step-3/training.pt")
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.restore(tmp_path, model, {})
    assert not bomb.path.exists()


def test_arrays_of_others_run_no_code(tmp_path, bomb):
    from mindvideo.io.clips import load_clips

    np.save(tmp_path / "clips.npy", np.array([bomb], dtype=object), allow_pickle=True)
    with pytest.raises(InputError):
        load_clips(tmp_path / "clips.npy")
    assert not bomb.path.exists()
