"""Figures as files: the same bytes from the same figure, fonts that can be edited."""

import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from mindvideo.figures.style import style
from mindvideo.io.figures import save_figure

DRAW = """
import sys
from pathlib import Path
import numpy as np
from matplotlib.figure import Figure
from mindvideo.figures.style import style
from mindvideo.io.figures import save_figure
with style():
    figure = Figure()
    figure.subplots().plot([1, 2], label="one")
    figure.axes[0].set_title("title, naïve")
    figure.axes[0].imshow(np.eye(3), interpolation="none")
save_figure(figure, [Path(sys.argv[1], name) for name in ("a.png", "a.pdf")])
"""


def test_the_same_figure_gives_the_same_bytes_in_another_process(tmp_path):
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": seed}
        subprocess.run([sys.executable, "-c", DRAW, folder], check=True, env=environment)
        written.append([(folder / name).read_bytes() for name in ("a.png", "a.pdf")])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"\x89PNG")
    assert written[0][1].startswith(b"%PDF")
    assert b"CreationDate" not in written[0][1]


def test_text_of_a_pdf_is_truetype_and_an_image_is_embedded_once(tmp_path):
    with style():
        figure = Figure()
        figure.subplots().imshow(np.eye(5), interpolation="none")
        figure.axes[0].set_title("title")
    save_figure(figure, [tmp_path / "a.pdf"])
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert content.count(b"/Subtype /Image") == 1
    assert b"/Width 5" in content  # as many pixels as there are values


def test_a_figure_has_two_formats(tmp_path):
    with pytest.raises(KeyError, match="svg"):
        save_figure(Figure(), [tmp_path / "a.svg"])
