"""A stage that the server forks does what the job's own process would have done."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from mindvideo import forkserver

SETTINGS = '{"seed": 1, "size": 32, "fps": 5, "split": "train", "seconds": 2}'


@pytest.fixture(scope="module")
def server():
    """A server as a workflow starts it, without most of the libraries."""
    before = os.environ.pop(forkserver.ADDRESS, None)
    preload = "import sys; from mindvideo import forkserver as f; from pathlib import Path; "
    preload += "f.LIBRARIES, f.CLASSES = ('numpy',), (); f.serve(Path(sys.argv[1]), sys.stdin)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forkserver, "COMMAND", (sys.executable, "-c", preload))
        process = forkserver.start()
    address = os.environ.pop(forkserver.ADDRESS)
    for _ in range(200):
        if os.path.exists(address):
            break
        time.sleep(0.05)
    yield address
    process.stdin.close()
    assert process.wait(20) == 0
    assert not os.path.exists(os.path.dirname(address))
    if before is not None:
        os.environ[forkserver.ADDRESS] = before


def command(folder, **names):
    options = {"segment": "seg1", "film": folder / "f.mp4", "shots": folder / "f.tsv"} | names
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "mindvideo", "demo-film", *words, "--settings", SETTINGS]


def run(words, address, **more):
    environment = os.environ | {forkserver.ADDRESS: address} | more.pop("environment", {})
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False, timeout=60, **more
    )


def test_files_messages_and_status_are_the_same(server, tmp_path):
    results = []
    for name, address in {"forked": server, "alone": "/none"}.items():
        folder = tmp_path / name
        folder.mkdir()
        good = run(command(folder, log="l"), address, cwd=folder)
        bad = run(command(folder, film="missing/f.mp4", shots="missing/f.tsv"), address, cwd=folder)
        wrong = run([*command(folder), "--none"], address, cwd=folder)
        files = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".mp4", ".tsv")}
        said = [(done.returncode, done.stdout, done.stderr) for done in (good, bad, wrong)]
        results.append((files, str(said).replace(str(folder), "")))
        assert good.returncode == 0
        assert (folder / "l").read_text().count("done in") == 1
    assert set(results[0][0]) == {"f.mp4", "f.tsv"}
    assert results[0] == results[1]


STAGE = """
    import os, signal, sys, time
    from mindvideo import cli, forkserver
    from pathlib import Path

    def main(argv):
        Path(argv[0]).write_text(f"{os.getpid()} {os.environ['OF_JOB']} {os.getcwd()}")
        if argv[1] == "exit":
            sys.exit(int(argv[2]))
        if argv[1] == "raise":
            raise RuntimeError("in the stage")
        if argv[1] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        def end(number, frame):
            Path(argv[0]).write_text("signal")
            sys.exit(130)
        signal.signal(signal.SIGTERM, end)
        Path(argv[0] + ".ready").touch()
        time.sleep(60)

    cli.main = main
    forkserver.LIBRARIES, forkserver.CLASSES = (), ()
    forkserver.serve(Path(sys.argv[1]), sys.stdin)
"""
CLIENT = "import sys; from mindvideo.forkserver import run; sys.exit(run(sys.argv[1:]))"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A server whose stages exit, raise or wait as they are told."""
    monkeypatch.delenv(forkserver.ADDRESS, raising=False)
    command = (sys.executable, "-c", textwrap.dedent(STAGE))
    monkeypatch.setattr(forkserver, "COMMAND", command)
    process = forkserver.start()
    address = os.environ[forkserver.ADDRESS]
    wait_until(lambda: os.path.exists(address))
    monkeypatch.setenv("OF_JOB", "said")
    monkeypatch.chdir(tmp_path)
    yield
    process.stdin.close()
    process.wait(20)


def wait_until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


def client(*words):
    return subprocess.Popen([sys.executable, "-c", CLIENT, *words], stderr=subprocess.PIPE)


@pytest.mark.parametrize(
    ("words", "status"),
    [(("exit", "0"), 0), (("exit", "3"), 3), (("raise",), 1), (("die",), forkserver.KILLED)],
)
def test_the_exit_status_is_the_stages(toy, tmp_path, words, status):
    job = client("out", *words)
    errors = job.communicate(timeout=30)[1].decode()
    assert job.returncode == status
    process, of_job, folder = (tmp_path / "out").read_text().split(maxsplit=2)
    assert (of_job, folder) == ("said", str(tmp_path))
    assert int(process) != job.pid
    assert ("RuntimeError: in the stage" in errors) == (words[0] == "raise")


def test_a_signal_reaches_the_stage(toy, tmp_path):
    job = client("out", "wait")
    wait_until((tmp_path / "out.ready").exists)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=30)
    assert job.returncode == 130
    assert (tmp_path / "out").read_text() == "signal"


def test_a_stage_ends_with_its_killed_job(toy, tmp_path):
    job = client("out", "wait")
    wait_until((tmp_path / "out.ready").exists)
    process = int((tmp_path / "out").read_text().split()[0])
    os.kill(process, 0)
    job.kill()
    job.communicate(timeout=30)
    wait_until(lambda: not os.path.exists(f"/proc/{process}"))


def test_without_a_server_a_job_runs_its_stage_itself(monkeypatch, tmp_path):
    for address in ("0", "", str(tmp_path / "none"), str(tmp_path)):
        monkeypatch.setenv(forkserver.ADDRESS, address)
        assert forkserver.run(["captions"]) is None


def test_another_software_environment_is_refused(toy, monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/another")
    assert forkserver.run(["out", "exit", "0"]) is None


def test_all_that_it_imports_is_installed():
    """So that a renamed module is noticed."""
    code = (
        "import importlib, transformers; from mindvideo.forkserver import CLASSES, LIBRARIES\n"
        "for name in LIBRARIES: importlib.import_module(name)\n"
        "for name in CLASSES: getattr(transformers, name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
