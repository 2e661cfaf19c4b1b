"""The page of surface maps: what it contains, and how it acts in a real browser."""

from html.parser import HTMLParser

import numpy as np
import pytest

from mindvideo.figures import surfaces
from mindvideo.figures.surfaces import GroupSurface, SurfaceMap, surfaces_page
from tests.figures.browser import act_on, needs_browser
from tests.surfaces import array_of, page_data, values_of

# Two octahedra in the place of the hemispheres.
CORNERS = np.concatenate([np.eye(3), -np.eye(3)])
FACES = [[a, b, c] for a in (0, 3) for b in (1, 4) for c in (2, 5)]
VALUES = np.array([0.5, -0.2, np.nan, 4.0, 1.0, 0.0, 0.25, 2.0, np.nan, 3.0, 1.5, 0.1])


def octahedra(size):
    return np.stack([size * CORNERS + [x, -15, 15] for x in (-32, 32)]).astype(np.float32)


@pytest.fixture(scope="module")
def surface():
    meshes = {"inflated": octahedra(30.0), "midthickness": octahedra(20.0)}
    depth = np.linspace(-1, 1, 12).astype(np.float32)
    depth[2] = np.nan
    areas = np.array(["V1", "V2", "", "MT", "V1", "V1"] * 2)
    return GroupSurface(meshes, np.array([FACES, FACES]), depth, areas)


def a_map(key, scale="positive", values=VALUES, **changes):
    texts = {"name": f"Map {key}", "group": "Maps", "about": f"About {key}.", "unit": "units"}
    return SurfaceMap(
        key=key, values=values, scale=scale, **texts | {"colours": "viridis"} | changes
    )


@pytest.fixture(scope="module")
def page(surface):
    maps = [a_map("r"), a_map("t", "signed", -VALUES, colours="RdBu_r")]
    maps.append(a_map("ratio", "ratio", 1 + np.abs(VALUES), about="</script><b>"))
    return surfaces_page("sub1: a <title>", maps, surface)


class Resources(HTMLParser):
    """Collects what a browser would fetch, and the tags that are open."""

    def __init__(self, page):
        super().__init__()
        self.fetched, self.open, self.text = [], [], {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        names = {"src", "href", "srcset", "data", "poster", "action", "background"}
        self.fetched += [f"{tag} {name}={value}" for name, value in attributes if name in names]
        if tag not in ("meta", "link", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text[self.open[-1] if self.open else ""] = data


def test_the_page_fetches_nothing(page):
    read = Resources(page)
    assert read.fetched == []
    assert read.open == []
    assert "url(" not in read.text["style"]
    assert "@import" not in read.text["style"]
    for word in ("fetch(", "XMLHttpRequest", "import(", "http:", "https:"):
        assert word not in read.text["script"]  # the page's own, which is the last
    assert read.text["title"] == "sub1: a <title>"


def test_values_are_stored_to_16_bits(page):
    np.testing.assert_allclose(values_of(page, "r"), VALUES, atol=4.2 / 65534)
    np.testing.assert_allclose(values_of(page, "ratio"), 1 + np.abs(VALUES), rtol=1e-3)


def test_scales_fit_what_the_map_is(page):
    maps = {entry["key"]: entry for entry in page_data(page)["maps"]}
    top = float(f"{np.nanquantile(np.abs(VALUES), 0.98):.2g}")
    assert maps["r"]["range"] == [0, top]
    assert maps["t"]["range"] == [-top, top]
    assert maps["ratio"]["ticks"] == ["0.25", "0.5", "1", "2", "≥ 4"]
    assert maps["r"]["ticks"][0] == "≤ 0"  # -0.2 lies below
    assert maps["r"]["ticks"][-1] == f"≥ {top:g}"
    assert maps["ratio"]["about"] == "</script><b>"


def test_meshes_faces_and_areas_return(page, surface):
    points = array_of(page, "mesh-1", "<i2").reshape(2, 3, 6).swapaxes(1, 2) / 100
    np.testing.assert_allclose(points, octahedra(20.0), atol=0.005)
    faces = array_of(page, "faces", "<u2").reshape(2, 3, 8).swapaxes(1, 2)
    np.testing.assert_array_equal(faces, [FACES, FACES])
    names = np.array(page_data(page)["areas"])
    np.testing.assert_array_equal(names[array_of(page, "areas", np.uint8)], surface.areas)
    greys = array_of(page, "depth", np.uint8)
    assert greys[0] < greys[-1]
    assert greys[2] == surfaces.WALL


def test_bytes_are_the_same_each_time(page, surface):
    maps = [a_map("r"), a_map("t", "signed", -VALUES, colours="RdBu_r")]
    assert surfaces_page("x", maps, surface) == surfaces_page("x", maps, surface)


@pytest.mark.parametrize("values", [np.full(12, np.nan), np.zeros(12)])
def test_maps_without_values_or_of_one_value(surface, values):
    entry = page_data(surfaces_page("x", [a_map("r", values=values)], surface))["maps"][0]
    assert entry["range"] == [0, 1]
    assert entry["high"] > entry["low"]


def test_without_plotly_it_is_said_what_to_install(surface, monkeypatch):
    monkeypatch.setattr(surfaces, "find_spec", lambda name: None)
    with pytest.raises(
        surfaces.InputError, match=r"install the version of envs/requirements\.lock"
    ):
        surfaces_page("x", [a_map("r")], surface)


# Acts as people do, looks at the picture after each act, and sends what it found.
PEOPLE = """
  const byId = (id) => document.getElementById(id);
  const plot = byId("plot");
  const until = async (wanted) => {
    for (let i = 0; i < 200 && !wanted(); i++) await new Promise((r) => setTimeout(r, 50));
    return Boolean(wanted());
  };
  const picture = async () => {
    await new Promise((r) => setTimeout(r, 500));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [200, 200];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(plot.querySelector("canvas"), 0, 0, 200, 200);
    return canvas;
  };
  const colours = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, 200, 200);
    const seen = new Set();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3]) seen.add(data.slice(i, i + 3).join());
    }
    return seen.size;
  };
  const choose = (id, value) => {
    byId(id).value = value;
    byId(id).dispatchEvent(new Event("change"));
  };
  found.ready = await until(() => plot.dataset.ready);
  const pictures = [await picture()];
  found.colours = colours(pictures[0]);
  found.texts = [plot.data[0].text.slice(0, 3), plot.data[1].text.slice(3, 4)];
  choose("map", "t");
  pictures.push(await picture());
  found.about = byId("about").textContent;
  choose("mesh", "1");
  document.querySelector("button[value=left-lateral]").click();
  pictures.push(await picture());
  found.x = plot.data[0].x.slice(0, 1);
  found.visible = plot.data.map((trace) => trace.visible);
  found.hash = location.hash;
  found.different = new Set(pictures.map((canvas) => canvas.toDataURL())).size;
  found.fetched = performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("data:") && !name.startsWith("blob:"));
  found.width = document.documentElement.scrollWidth <= innerWidth;
"""
# A canvas of WebGL is blank when it is read after the browser has shown it, unless it is kept.
KEEP = """<script>
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, options) {
  return getContext.call(this, kind, { ...options, preserveDrawingBuffer: true });
};
</script></head>"""
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@needs_browser
@pytest.mark.parametrize("size", [(900, 700), (420, 700)])
def test_the_surface_is_drawn_and_acts(page, tmp_path, size):
    file = tmp_path / "index.html"
    file.write_text(page.replace("</head>", KEEP, 1))
    results, console = act_on(file, PEOPLE, size=size, options=WEBGL, patience=200)
    # Hints on speed, to plotly.js and to those who read its canvas.
    hints = ("willReadFrequently", "GL Driver Message")
    assert [line for line in console if not any(hint in line for hint in hints)] == []
    assert results["errors"] == []
    assert results["ready"]
    assert results["colours"] > 50  # shaded faces, not an empty scene
    assert results["texts"] == [
        ["left V1: 0.5", "left V2: -0.2", "no area: no value"],
        ["right MT: 3"],
    ]
    assert results["about"] == "About t."
    assert results["different"] == 3
    assert results["x"] == [-32 + 20 - 2]  # of the other mesh, away from the midline
    assert results["visible"] == [True, False]
    assert results["hash"] == "#t/left-lateral"
    assert results["fetched"] == []
    assert results["width"]
