"""The gallery in a real browser: it loads, sorts, filters and plays, and nothing goes wrong."""

import json
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from mindvideo.figures.gallery import gallery_page
from mindvideo.io.films import write_video

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in")

# Runs after the page's own script, does as people do, and leaves what it found in the page.
PEOPLE = """<script>
(async () => {
  const found = { errors };
  const order = () => [...list.children].map((item) => cards.indexOf(item));
  const choose = (select, value) => {
    select.value = value;
    select.dispatchEvent(new Event("change"));
    return order();
  };
  const until = async (wanted) => {
    for (let i = 0; i < 100 && !wanted(); i++) await new Promise((r) => setTimeout(r, 50));
    return wanted();
  };
  found.time = order();
  found.best = choose(sort, "0");
  found.least_error = choose(sort, "1");
  found.worst = choose(byId("order"), "-1");
  found.tenth = choose(byId("part"), "0.1");
  choose(byId("part"), "1");
  choose(sort, "");
  found.film = choose(film, "test2");
  found.scenes = [...scene.options].map((option) => option.text);
  choose(film, "");
  found.variant = choose(variant, "=window-1");
  choose(variant, "");
  words.value = "RED fox";
  words.dispatchEvent(new Event("input"));
  found.words = order();
  words.value = "";
  words.dispatchEvent(new Event("input"));
  const video = cards[0].querySelector("video");
  await until(() => video.readyState >= 2);
  found.still = video.paused;
  cards[0].dispatchEvent(new PointerEvent("pointerenter", { pointerType: "mouse" }));
  found.plays = await until(() => !video.paused && video.currentTime > 0.1);
  cards[0].dispatchEvent(new PointerEvent("pointerleave", { pointerType: "mouse" }));
  found.stops = await until(() => video.paused);
  video.click();
  found.tapped = await until(() => !video.paused);
  video.click();
  const key = (key) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true }));
  key("ArrowRight");
  key("ArrowRight");
  found.focus = cards.indexOf(document.activeElement);
  byId("play").click();
  const onScreen = () => [...document.querySelectorAll("video")].filter((v) => v.dataset.visible);
  found.all = await until(() => onScreen().length && onScreen().every((v) => !v.paused));
  found.width = document.documentElement.scrollWidth <= innerWidth;
  fetch("http://127.0.0.1:{{port}}", {
    method: "POST", mode: "no-cors", body: JSON.stringify(found),
  });
})();
</script></body>"""
LISTEN = """<script>
const errors = [];
addEventListener("error", (e) => errors.push(String(e.message ?? e.target.src)), true);
addEventListener("unhandledrejection", (e) => errors.push(String(e.reason)));
</script></head>"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    rng = np.random.default_rng(0)
    captions = ["a red fox", "a grey owl", "the fox, red", "an elk </script>", "an elk", "a car"]
    clips = []
    for i, caption in enumerate(captions):
        frames = np.full((6, 64, 132, 3), 40 * i, np.uint8)
        frames[:, 20:40, 20:40] = rng.integers(0, 255, (6, 1, 1, 3))
        write_video(folder / f"{i}.mp4", frames, fps=3)
        clips.append(
            {
                **{"file": f"{i}.mp4", "segment": f"test{1 + i // 4}", "clip": i, "seconds": 2 * i},
                **{"caption": caption, "scene": i // 2, "variant": "window-1" if i == 5 else ""},
                "scores": [[0.2, 0.9, 0.5, None, 0.1, 0.3][i], [5, 1, 3, 2, 4, 6][i]],
            }
        )
    metrics = [
        {"name": "ssim", "definition": "likeness", "better": "higher"},
        {"name": "flow_error", "definition": "error", "better": "lower"},
    ]
    page = gallery_page("A <test>", clips, metrics, width=132, height=64)
    (folder / "index.html").write_text(page)
    return folder


class Ear(BaseHTTPRequestHandler):
    """Takes what the page sends."""

    def do_POST(self):
        self.server.heard = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def open_page(folder, page, *options, patience=60):
    """What the page sends when its scripts are done, and what the browser says of it."""
    file = folder / "opened.html"
    with HTTPServer(("127.0.0.1", 0), Ear) as server, (folder / "said.txt").open("w+") as said:
        server.heard, server.timeout = None, patience
        file.write_text(page.replace("{{port}}", str(server.server_port)))
        command = [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", *options),
            file.as_uri(),
        ]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            server.handle_request()
        finally:
            browser.terminate()
            browser.wait(20)
        said.seek(0)
        console = [line for line in said if "CONSOLE" in line]
    assert server.heard is not None, "the page's scripts did not end"
    return json.loads(server.heard), console


@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_people_can_sort_filter_and_play(gallery, size):
    page = (gallery / "index.html").read_text()
    acted = page.replace("</head>", LISTEN, 1).replace("</body>", PEOPLE)
    results, console = open_page(gallery, acted, f"--window-size={size}")
    assert console == []
    assert results["errors"] == []
    assert results["time"] == [0, 1, 2, 3, 4, 5]
    assert results["best"] == [1, 2, 5, 0, 4, 3]  # without a score: last
    assert results["least_error"] == [1, 3, 2, 4, 0, 5]
    assert results["worst"] == [5, 0, 4, 2, 3, 1]
    assert results["tenth"] == [5]
    assert results["film"] == [4, 5]
    assert results["scenes"] == ["all", "test2 0:08 an elk"]
    assert results["variant"] == [5]
    assert results["words"] == [0, 2]
    for name in ("still", "plays", "stops", "tapped", "all", "width"):
        assert results[name], name
    assert results["focus"] == 1
