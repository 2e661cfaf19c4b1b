"""Pages opened in Chromium: what their scripts find is sent back as JSON."""

import importlib.util
import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page in")

LISTEN = """<script>
const errors = [];
addEventListener("error", (e) => {
  const may_be_missing = e.target.matches?.("object, script[src$='summary.js']");
  if (!may_be_missing) errors.push(String(e.message ?? e.target.src));
}, true);
addEventListener("unhandledrejection", (e) => errors.push(String(e.reason)));
</script></head>"""
ACT = """<script>
const until = async (expected) => {
  for (let i = 0; i < 100 && !expected(); i++) await new Promise((r) => setTimeout(r, 50));
  return expected();
};
(async () => {
  const found = { errors };
  try {
    {{steps}}
  } catch (error) {
    errors.push(String(error.stack ?? error));
  }
  fetch("http://127.0.0.1:{{port}}", {
    method: "POST", mode: "no-cors", body: JSON.stringify(found),
  });
})();
</script></body>"""
FRAME = """<!doctype html><body style="margin:0">
<iframe src="{src}" style="width:{width}px;height:{height}px;border:0"></iframe>"""


class Ear(BaseHTTPRequestHandler):
    """Receives what the page sends."""

    def do_POST(self):
        self.server.heard = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def act_on(page, steps, *, size=(1280, 900), address="", options=(), patience=60):
    """Open a page from the disk, run steps after its own script, return what they found.

    Parameters
    ----------
    page : Path
    steps : str
        JavaScript that sets properties of `found`.
    size : tuple of int
        Width and height of the viewport [px]; a frame, since windows have a minimum width.
    address : str
        What follows the path, such as "#test1-3".
    patience : float
        Time that the steps may take [s].

    Returns
    -------
    found : dict
        Among it `errors` of scripts.
    console : list of str
        What the browser reported.
    """
    folder = page.parent
    opened, frame = folder / "opened.html", folder / "frame.html"
    text = page.read_text()
    with HTTPServer(("127.0.0.1", 0), Ear) as server, (folder / "said.txt").open("w+") as said:
        server.heard, server.timeout = None, patience
        act = ACT.replace("{{steps}}", steps).replace("{{port}}", str(server.server_port))
        text = text.replace("</head>", LISTEN, 1)
        opened.write_text(act.join(text.rsplit("</body>", 1)))
        src = opened.as_uri() + address
        frame.write_text(FRAME.format(src=src, width=size[0], height=size[1]))
        command = [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0"),
            *("--window-size=1500,1100", *options, frame.as_uri()),
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


def declarations(page):
    """All declarations of a page's style, (property, value)."""
    style = re.search(r"<style>(.*?)</style>", page.read_text(), re.DOTALL)[1]
    style = re.sub(r"/\*.*?\*/|!important", "", style, flags=re.DOTALL)
    blocks = re.findall(r"\{([^{}]*)\}", style)
    lines = [line.strip() for block in blocks for line in block.split(";") if line.strip()]
    return [tuple(part.strip() for part in line.split(":", 1)) for line in lines]


def axe():
    """The script of axe-core, which finds faults of accessibility."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text()
