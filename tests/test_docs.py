"""What README and docs say holds: links, commands, messages."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mindvideo.cli import COMMANDS, _parser
from mindvideo.registry import read_stage, stage_names
from mindvideo.results_folder import VARIABLE
from tests.workflow.conftest import Checkout

ROOT = Path(__file__).parents[1]
PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "ARCHITECTURE.md", "config/README.md", "benchmarks/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def anchors(page):
    """Headings as links name them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()).strip() for title in titles]
    return {re.sub(r" ", "-", title) for title in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = FENCED.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place), target


def commands():
    """Lines of fenced blocks that are commands, once each: (page, words)."""
    return [(page, words) for page, words, _ in configured_commands()]


def configured_commands():
    """The same with the configuration that a block exports before, or None."""
    first_pages = {}
    for page in PAGES:
        for language, block in FENCED.findall(page.read_text()):
            if language in ("", "sh", "bash"):
                configuration = None
                for line in block.replace("\\\n", " ").splitlines():
                    for command in line.split(" && "):
                        words = shlex.split(command, comments=True)
                        if words[:1] == ["export"]:
                            variable, _, configuration = words[1].partition("=")
                            assert variable == VARIABLE
                        elif words:
                            first_pages.setdefault((tuple(words), configuration), page.name)
    return [(page, list(words), named) for (words, named), page in first_pages.items()]


def of(program, *more):
    calls = [words for _, words in commands() if words[: 1 + len(more)] == [program, *more]]
    assert calls, f"no page says how to call {program}"
    return calls


FILLED = {"TRUTH": "truth", "FOLDER": "folder", "CONFIG": "config/config.yaml"}


@pytest.mark.parametrize("words", of("mindvideo"), ids=" ".join)
def test_commands_of_mindvideo_take_their_arguments(words):
    name, arguments = words[1], [FILLED.get(word, word) for word in words[2:] if word != "…"]
    if name == "STAGE":
        return
    if name.replace("-", "_") in stage_names():
        options = _parser(read_stage(name.replace("-", "_")))._option_string_actions
        for word in arguments:
            assert not word.startswith("--") or word in options, word
        return
    command = COMMANDS[name]
    import argparse

    parser = argparse.ArgumentParser()
    command.declare(parser)
    parser.parse_args([word for word in arguments if word not in (">",)])


@pytest.mark.parametrize("words", of("make"), ids=" ".join)
def test_targets_of_make_are_there(words):
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)


def of_benchmarks():
    inline = {
        call
        for page in PAGES
        for call in re.findall(r"`(python [^`]*\bbenchmarks\b[^`]*)`", page.read_text())
    }
    assert inline
    return [shlex.split(call) for call in sorted(inline)]


@pytest.mark.parametrize("words", of_benchmarks(), ids=" ".join)
def test_benchmarks_have_the_options_that_are_reported(words):
    assert words[1] == "-m"  # they import each other
    place = ROOT / words[2].replace(".", "/")
    source = (place / "__main__.py" if place.is_dir() else place.with_suffix(".py")).read_text()
    for option in (word for word in words if word.startswith("--")):
        assert f'"{option}"' in source, option


def of_the_demo():
    """Calls of Snakemake on the demo's configuration; each set of targets once."""
    calls = {}
    for _, words, named in configured_commands():
        if (
            words[0] == "snakemake"
            and not named
            and not {"--configfile", "--report", "--unlock", "--workflow-profile"} & set(words)
        ):
            targets = [w for w in words[1:] if "/" in w or w == "control"]
            calls.setdefault(tuple(targets), words)
    return list(calls.values())


def braces(word):
    """As a shell expands test{1,2}.mp4."""
    before, opening, rest = word.partition("{")
    if not opening:
        return [word]
    choices, _, after = rest.partition("}")
    return [f"{before}{choice}{after}" for choice in choices.split(",")]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("docs"))


@pytest.mark.parametrize("words", of_the_demo(), ids=" ".join)
def test_commands_of_snakemake_know_their_targets(checkout, words):
    arguments = [word for word in words[1:] if word not in ("--cores", "all", "--dry-run")]
    end = arguments.index("--") if "--" in arguments else 0
    options, targets = arguments[:end], [t for word in arguments[end:] for t in braces(word)]
    targets = [target for target in targets if target != "--"]
    done = checkout.snakemake("--dry-run", "--quiet", "all", *options, "--", *targets)
    assert done.returncode == 0, done.stdout + done.stderr


def test_profiles_and_configurations_that_are_named_are_there():
    for _, words, configuration in configured_commands():
        named = [words[i + 1] for i, word in enumerate(words) if word == "--workflow-profile"]
        for name in [*named, configuration or ""]:
            if "/" in name:
                assert (ROOT / name).exists(), name


def test_results_that_are_asked_for_are_in_the_folder_of_the_configuration():
    """A command for the demo, run on another data set, would replace that data set's results."""
    inline = [
        (shlex.split(call), None)
        for page in PAGES
        for call in re.findall(r"`(snakemake [^`]*)`", page.read_text())
    ]
    fenced = [(w, named) for _, w, named in configured_commands() if w[0] == "snakemake"]
    requested = set()
    for words, named in [*inline, *fenced]:
        if "--configfile" in words:
            named = words[words.index("--configfile") + 1]
        path = ROOT / (named or "config/config.yaml")
        if not path.is_file():  # a made-up name, with the demo's folder
            continue
        results = yaml.safe_load(path.read_text())["results"]
        for target in (word for word in words if word.startswith("results")):
            assert target.split("/")[0] == results, (words, named)
            requested.add(results)
    assert len(requested) > 1


def test_shipped_configurations_have_folders_of_their_own():
    configs = [yaml.safe_load(p.read_text()) for p in sorted((ROOT / "config").glob("*.yaml"))]
    assert len({config["results"] for config in configs}) == len(configs) > 1
    datasets = [
        ROOT / "config/datasets" / p
        for p in ("demo.yaml", "wen2018.yaml", "wen2018-cifti.yaml", "bids.yaml")
    ]
    assert len({yaml.safe_load(p.read_text())["name"] for p in datasets}) == len(datasets)


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


def test_the_pages_build_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "reference/settings.html").is_file()
