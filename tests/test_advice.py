"""Settings that messages advise exist, where they say so."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from mindvideo.artefacts import artefacts
from mindvideo.config import Config
from mindvideo.validation import section_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mindvideo"
NAMED = re.compile(rf"(?<![\w/.])({'|'.join(Config.model_fields)})\.([a-z_]+)(?![\w(])")
ADVISED = re.compile(r"(?<![\w.])([a-z]+(?:_[a-z]+)+): (?:true|false|[0-9])")
SUFFIXES = {"jsonl", "py", "npy", "tsv", "nii", "mp4", "html", "png", "json", "safetensors"}


def texts(path: Path) -> Iterator[str]:
    """Texts of a module but its docstrings; what is filled into them is `{}`."""
    tree = ast.parse(path.read_text())
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
        elif isinstance(getattr(node, "value", None), str) and id(node) not in parts | lone:
            yield node.value


def messages() -> Iterator[tuple[str, str]]:
    """Each module's name and texts; keys of other people's models and scripts of pages are none."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith("demo/zoo") and name != "figures/gallery.py":
            yield from ((name, text) for text in texts(path))


def pages() -> Iterator[tuple[str, str]]:
    """Each page's name, and what it has as code."""
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "config/README.md"):
        yield from ((page.name, code) for code in re.findall(r"`([^`\n]+)`", page.read_text()))


def unknown_settings(named: Iterator[tuple[str, str]]) -> set[str]:
    return {
        f"{place}: {section}.{key}"
        for place, text in named
        for section, key in NAMED.findall(text)
        if key not in SUFFIXES and not (section == "given" and key in artefacts())
        if (model := section_of(Config, section)) is None or key not in model.model_fields
    }


def sections(model: type[BaseModel] = Config) -> Iterator[type[BaseModel]]:
    yield model
    for name in model.model_fields:
        if inner := section_of(model, name):
            yield from sections(inner)


def test_every_setting_that_a_message_names_exists():
    said = " ".join(text for _, text in messages())
    assert all(name in said for name in ("dataset.exclude", "regions.atlas", "scenes.threshold"))
    assert unknown_settings(messages()) == set()


def test_every_setting_that_a_page_names_exists():
    assert unknown_settings(pages()) == set()


def test_a_setting_that_does_not_exist_would_be_found():
    assert unknown_settings(
        [("here", "set dataset.trust_header, or clean.highpass (clips.npy)")]
    ) == {
        "here: dataset.trust_header",
        "here: clean.highpass",
    }


def test_every_setting_that_a_message_gives_a_value_exists():
    existing = {name for section in sections() for name in section.model_fields}
    advised = {key: module for module, text in messages() for key in ADVISED.findall(text)}
    assert {"trust_header_tr", "gradient_checkpointing"} <= set(advised)
    assert {key: module for key, module in advised.items() if key not in existing} == {}
