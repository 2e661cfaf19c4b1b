"""Commands of README and docs: each is run, run dry, or parsed, or its program is excused."""

import argparse
import ast
import importlib
import re
from textwrap import dedent

import pytest
import yaml

from mindvideo.artefacts import artefacts
from mindvideo.cli import COMMANDS, _parser
from mindvideo.config import Config
from mindvideo.registry import read_stage, stage_names
from tests.docs.pages import FENCED, PAGES, ROOT, blocks, commands, inline, named

CHECKED = {"mindvideo", "snakemake", "make", "python", "pytest", "pip", "export"}
"""Programs whose commands the tests of this folder check."""
EXCUSED = {
    "git": "the address of the project is the reader's",
    "cd": "changes the folder of the commands after it",
    "cp": "copies a result that the test of its target knows",
    "mkdir": "makes a folder for the reader's files",
    "torchrun": "runs on two machines; tests/training/test_nodes.py calls it",
    "tar": "unpacks a package that the tests do not download",
    "unzip": "unpacks a package that the tests do not download",
    "source": "activates the environment",
    "tensorboard": "a server, which does not end",
    "find": "searches the reader's files",
    "grep": "searches the reader's files",
}
"""Programs whose commands are not run, and why."""


def test_every_command_is_checked_or_excused():
    unknown = [
        str(command) for command in commands() if command.program not in CHECKED | {*EXCUSED}
    ]
    assert not unknown, "output and diagrams are ```text; other programs need a reason in EXCUSED"


def _options(name):
    """Of a stage or a command: the parser of its command line."""
    if name.replace("-", "_") in stage_names():
        return _parser(read_stage(name.replace("-", "_")))
    parser = argparse.ArgumentParser()
    COMMANDS[name].declare(parser)
    return parser


EXAMPLE = "docs/how-to/adding-a-stage.md"
"""Its stage, `brightness`, exists only in tests/workflow/test_adding_a_stage.py, which runs it."""
OF_MINDVIDEO = [*commands("mindvideo"), *inline("mindvideo")]


@pytest.mark.parametrize("command", OF_MINDVIDEO, ids=str)
def test_commands_of_mindvideo_have_the_options_that_are_named(command):
    name, *words = command.words[1:]
    if name.startswith("--") or name in ("STAGE", "COMMAND", "…") or command.page == EXAMPLE:
        return
    known = {*_options(name)._option_string_actions, "--help"}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("command", commands("mindvideo"), ids=str)
def test_commands_of_mindvideo_take_their_arguments(command):
    name, *words = command.words[1:]
    if name in COMMANDS and "--help" not in words:
        end = words.index(">") if ">" in words else None
        _options(name).parse_args(words[:end])


OF_MAKE = [*commands("make"), *inline("make")]


@pytest.mark.parametrize("command", OF_MAKE, ids=str)
def test_targets_of_make_are_there(command):
    makefile = (ROOT / "Makefile").read_text()
    for target in command.words[1:]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


OF_PYTHON = [*commands("python"), *inline("python")]


@pytest.mark.parametrize("command", OF_PYTHON, ids=str)
def test_scripts_and_their_options_are_there(command):
    words = command.words
    if words[1] == "-c":
        ast.parse(words[2])
        return
    if words[1] == "-m":
        place = ROOT / words[2].replace(".", "/")
        source = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    else:
        source = ROOT / words[1]
    for option in (word for word in words[2:] if word.startswith("--")):
        assert f'"{option}"' in source.read_text(), option


@pytest.mark.parametrize("command", commands("pytest"), ids=str)
def test_tests_and_their_variables_are_there(command):
    (path,) = (word for word in command.words if word.startswith("tests/"))
    source = (ROOT / path).read_text()
    for variable in command.variables:
        assert f'"{variable.partition("=")[0]}"' in source


@pytest.mark.parametrize("command", commands("pip"), ids=str)
def test_what_pip_reads_is_there(command):
    words = command.words
    assert words[1] in ("install", "download")
    if "-r" in words:
        assert (ROOT / words[words.index("-r") + 1]).is_file()
    if "-e" in words:
        assert words[words.index("-e") + 1] == "."


OF_PYTHON_BLOCKS = [p for p in PAGES if blocks(p, "python") and named(p) != EXAMPLE]


@pytest.mark.parametrize("page", OF_PYTHON_BLOCKS, ids=named)
def test_examples_in_python_parse_and_their_imports_are_there(page):
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(dedent(block))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mindvideo"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names)


def sections(page):
    """Top-level keys of a page's YAML that are sections of the configuration, with their values."""
    for block in blocks(page, "yaml"):
        values = yaml.safe_load(block)
        assert isinstance(values, dict), block
        for name, value in values.items():
            if isinstance(value, dict) and name in Config.model_fields and name != "variants":
                yield name, value


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_sections_in_yaml_have_the_settings_that_are_named(page):
    for name, values in sections(page):
        kind = Config.model_fields[name].annotation
        allowed = {*getattr(kind, "model_fields", {}), "like", "runs"}
        if name == "given":
            allowed = {*artefacts()}
        assert not values.keys() - allowed, (name, values)


def constants():
    """All texts in the package's source, f-strings in pieces."""
    for path in (ROOT / "mindvideo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_messages_that_are_explained_are_those_of_the_source():
    page = (ROOT / "docs/how-to/troubleshooting.md").read_text()
    texts = list(constants())
    messages = re.findall(r"^\| `([^`]*)` \|", page, re.MULTILINE)
    assert len(messages) > 12
    for message in messages:
        for piece in message.split("…"):
            if len(piece.strip(" :.")) > 3:
                assert any(piece.strip(" :") in text for text in texts), piece


def test_blocks_are_closed():
    for page in PAGES:
        assert "```" not in FENCED.sub("", page.read_text()), page
