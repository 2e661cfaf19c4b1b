"""What holds for every page: valid style, layout on small screens, accessibility, one file."""

import json
import re

import pytest

from mindvideo.figures.gallery import About, gallery_page, number_text, scale
from mindvideo.figures.pages import embedded_json, render
from mindvideo.figures.table import Cell, Table, table_page
from tests.figures.browser import act_on, axe, declarations, needs_browser
from tests.figures.galleries import clip, gallery, write_gallery  # noqa: F401

LINES = """
  const lines = (nodes) => new Set(nodes
    .filter((node) => node.getClientRects().length)
    .map((node) => node.getBoundingClientRect())
    .map((box) => Math.round((box.top + box.bottom) / 2))).size;
  found.lines = lines([...document.querySelectorAll("#toolbar > :not(#filters), #filters > *")]);
  found.cut = [...document.querySelectorAll("#toolbar button")]
    .filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.id);
"""
WIDTH = """
  found.overflow = document.documentElement.scrollWidth - innerWidth;
"""
AXE = """
  const { violations } = await axe.run();
  found.faults = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
"""
SCHEMES = {"light": [], "dark": ["--blink-settings=preferredColorScheme=0"]}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    cells = {"ssim": Cell(0.25, ["0.2 to 0.3"], "pink", "*")}
    tables = [Table("Sub<1>", ["ssim", "psnr"], {"a": cells}, remarks={"a": "a remark"})]
    page = tmp_path_factory.mktemp("table") / "table.html"
    page.write_text(table_page("Table 1", ["A note"], tables, legend=True))
    return page


@pytest.fixture(params=["gallery", "table"])
def page(request):
    return request.getfixturevalue(request.param)


def test_a_page_is_one_file_with_title_and_language(page):
    text = page.read_text()
    assert '<html lang="en">' in text
    assert re.search(r"<title>[^<]+</title>", text)
    assert not re.search(r"<(script|link)[^>]+(src|href)=|url\(|@import|https?://", text)
    assert "{{" not in text.replace("${", "")
    assert "{%" not in text


@needs_browser
def test_the_browser_knows_every_declaration_of_the_style(page):
    listed = [d for d in declarations(page) if not d[0].startswith("--")]
    assert len(listed) > 30
    steps = f"found.unknown = {json.dumps(listed)}.filter(([p, v]) => !CSS.supports(p, v));"
    found, _ = act_on(page, steps)
    assert found["unknown"] == []


@needs_browser
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_wider_than_the_screen(page, width):
    found, _ = act_on(page, WIDTH, size=(width, 900))
    assert found["overflow"] <= 0


@needs_browser
@pytest.mark.parametrize(("width", "lines"), [(1400, 1), (420, 2)])
def test_the_toolbar_has_one_line_or_on_a_phone_two(gallery, width, lines):  # noqa: F811
    found, _ = act_on(gallery, LINES, size=(width, 900))
    assert found["lines"] == lines
    assert found["cut"] == []


@needs_browser
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(page, scheme):
    steps = axe() + AXE + 'found.dark = matchMedia("(prefers-color-scheme: dark)").matches;'
    if page.name == "index.html":
        steps = 'byId("compare").click();' + steps if scheme == "dark" else steps
        steps = 'await until(() => document.querySelector(".built"));' + steps
    found, _ = act_on(page, steps, options=SCHEMES[scheme])
    assert found["errors"] == []
    assert found["dark"] is (scheme == "dark")
    assert found["faults"] == []


@needs_browser
def test_a_thousand_clips_are_built_only_near_the_screen(tmp_path):
    clips = [clip(i % 6) | {"clip": i} for i in range(1200)]
    page = write_gallery(tmp_path, clips, others=[])
    found, _ = act_on(
        page,
        """
        await until(() => document.querySelector(".built"));
        found.nodes = document.querySelectorAll("*").length;
        found.built = document.querySelectorAll(".built").length;
        found.videos = document.querySelectorAll("video").length;
        """,
    )
    assert 3 <= found["built"] <= 60
    assert found["nodes"] < 12000
    assert found["videos"] == 0


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.7, 0.8], (0, 1)),
        ([-0.1, 0.4], (-1, 1)),
        ([8, 14.2], (0, 20)),
        ([-3, 1], (-5, 5)),
        ([], (0, 1)),
    ],
)
def test_axes_have_fixed_ends(values, ends):
    assert scale(values) == ends


def test_numbers_have_a_minus_sign_and_no_superfluous_digits():
    assert [number_text(x) for x in (-0.02, 12.34, float("nan"))] == ["−0.020", "12.3", "–"]


def test_text_cannot_end_the_script():
    assert "</script" not in embedded_json({"caption": "</script><b>"})


def test_values_that_a_template_lacks_are_an_error():
    with pytest.raises(Exception, match="notes"):
        render("table", title="T", tables=[], colours=[])


def test_a_page_without_metrics_has_no_table(tmp_path):
    clips = [clip(0) | {"models": {"": []}}]
    text = gallery_page(About("T"), clips, [], [], width=132, height=64, fps=3)
    assert "<title>T</title>" in text
    assert "Means over all clips" not in text
