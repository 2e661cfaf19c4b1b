"""A hub that breaks off: the error names what could not be fetched, and the next try succeeds."""

import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mindvideo.models.folders import ZOO

FOLDER = ZOO / "image-classifier"
WEIGHTS = "model.safetensors"
LOAD = """
import sys
from mindvideo.errors import InputError
from mindvideo.models.pretrained import load_image_classifier
try:
    _, model = load_image_classifier("someone/classifier")
    print("loaded", sum(p.numel() for p in model.parameters()))
except InputError as error:
    print(error)
"""


class Hub(BaseHTTPRequestHandler):
    """Files of one model, as the Hugging Face hub serves them; its weights up to some byte."""

    protocol_version = "HTTP/1.1"
    breaks_off = 0
    requests: list[str]

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        path = self.server.folder / self.path.rpartition("/")[2]
        if "/resolve/" not in self.path or not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{path.name}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if body:
            end = self.server.breaks_off if path.name == WEIGHTS else 0
            self.server.requests.append((path.name, start))
            self.wfile.write(content[start : end or None])
            self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.folder, server.breaks_off, server.requests = FOLDER, 0, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def load(hub, tmp_path):
    """Load the model of the hub in a process of its own; what it says."""
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"} | {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }

    def in_a_process():
        done = subprocess.run(
            [sys.executable, "-c", LOAD],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return done.stdout

    return in_a_process


def test_a_download_that_broke_off_is_reported_and_the_next_one_works(hub, load):
    size = (FOLDER / WEIGHTS).stat().st_size
    hub.breaks_off = size // 2
    message = load()
    assert "someone/classifier: could not load an image classifier" in message
    assert "check the name and the connection" in message
    assert any(name == WEIGHTS for name, _ in hub.requests)
    hub.breaks_off = 0
    assert load().startswith("loaded")


def test_a_repository_that_has_half_precision_only_is_loaded(hub, load, tmp_path):
    hub.folder = shutil.copytree(FOLDER, tmp_path / "half")
    (hub.folder / WEIGHTS).rename(hub.folder / "model.fp16.safetensors")
    assert load().startswith("loaded")
    assert "model.fp16.safetensors" in [name for name, _ in hub.requests]
