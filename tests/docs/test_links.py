"""Links lead somewhere, and every page can be reached."""

import re
import subprocess
import sys

import pytest
import yaml

from tests.docs.pages import DOCS, FENCED, PAGES, ROOT, named


def anchors(page):
    """Headings as links name them."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()).strip() for title in titles]
    return {re.sub(r" ", "-", title) for title in plain}


def links(page):
    """Targets of links within the project: (file, anchor)."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text())):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    for place, anchor in links(page):
        assert place.exists(), place
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), (place, anchor)


def test_every_page_is_reached_by_links():
    reached, waiting = set(), [ROOT / "README.md", DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [place for place, _ in links(page) if place.suffix == ".md"]
    missing = [named(page) for page in DOCS.rglob("*.md") if page not in reached]
    assert not missing


def entries(nav):
    for entry in nav:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            if isinstance(value, list):
                yield from entries(value)
            else:
                yield value


def test_every_page_is_in_the_navigation():
    # mkdocs.yml has tags (!!python/name:…) that a safe loader does not know.
    text = (ROOT / "mkdocs.yml").read_text()
    nav = yaml.safe_load(text[text.index("\nnav:") :])["nav"]
    listed = list(entries(nav))
    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_pages_build_without_a_warning(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for complaint in ("not included in the", "does not contain an anchor", "unrecognized"):
        assert complaint not in said, said
    assert (tmp_path / "reference/settings.html").is_file()
