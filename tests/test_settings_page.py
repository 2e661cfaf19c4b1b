"""The page of all settings is what the settings say, and they say all."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from mindvideo.cli import main
from mindvideo.config import Config
from mindvideo.settings_page import _words, settings_page

DOCS = Path(__file__).parents[1] / "docs/reference"


def test_the_page_that_lies_in_docs_is_the_present_one(capsys):
    assert main(["settings"]) == 0
    assert capsys.readouterr().out == (DOCS / "settings.md").read_text(), "mindvideo settings > …"


def test_every_setting_has_a_meaning():
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert not [row for row in rows if row.endswith("|  |")]


def test_every_section_is_there():
    page = settings_page()
    assert all(f"`{name}`" in page for name in Config.model_fields)
    assert "## `video_tuning.drawings`" in page


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int | None, "integer or nothing"),
        (Literal["a", "b"], "`a` or `b`"),
        (list[Annotated[float, Field(ge=0)]], "list of number"),
        (dict[str, bool], "text → true or false"),
    ],
)
def test_types_in_words(kind, words):
    assert _words(kind) == words
