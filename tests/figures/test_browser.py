"""The gallery in a real browser: people sort, filter, play, compare, and follow links."""

import pytest

from tests.figures.browser import act_on, needs_browser
from tests.figures.galleries import gallery, write_gallery  # noqa: F401

pytestmark = needs_browser

HELPERS = """
  const shown = () => [...list.children].map((item) => cards.indexOf(item));
  const choose = (select, value) => {
    select.value = value;
    select.dispatchEvent(new Event("change"));
    return shown();
  };
  const key = (key) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true }));
  const mouse = (card, type) =>
    card.dispatchEvent(new PointerEvent(type, { pointerType: "mouse" }));
  const videos = (card) => [...card.querySelectorAll("video")];
"""
SORT = """
  found.time = shown();
  found.best = choose(sort, "2");
  found.least_error = choose(sort, "0");
  found.worst = choose(order, "-1");
  found.tenth = choose(part, "0.1");
  choose(part, "1");
  choose(order, "1");
  choose(sort, "");
  found.film = choose(film, "test2");
  found.scenes = [...scene.options].map((option) => option.text);
  choose(film, "");
  found.variant = choose(model, "window-1");
  found.by_variant = choose(sort, "2");
  choose(sort, "");
  choose(model, "");
  words.value = "RED fox";
  words.dispatchEvent(new Event("input"));
  found.words = shown();
  found.count = byId("count").textContent;
"""
PLAY = """
  const [first] = cards;
  found.poster = await until(() => first.querySelector("img").naturalWidth === 132);
  found.no_video = videos(first).length;
  mouse(first, "pointerenter");
  found.plays = await until(() => videos(first)[0]?.currentTime > 0.1);
  mouse(first, "pointerleave");
  found.back_to_poster = videos(first).length;
  choose(speed, "0.25");
  first.querySelector(".picture").click();
  found.tapped = await until(() => videos(first).some((v) => !v.paused));
  found.speed = videos(first)[0].playbackRate;
  await until(() => videos(first)[0].readyState > 0);
  first.querySelector(".picture").click();
  found.paused = videos(first)[0].paused;
  const output = first.querySelector("output");
  const bar = first.querySelector(".controls");
  found.buttons = !bar.hidden;
  videos(first)[0].currentTime = 0;
  await until(() => !videos(first)[0].seeking);
  first.querySelector(".picture").focus();
  const times = [];
  for (const each of [".", ".", ",", ",", ","]) {
    key(each);
    await until(() => !videos(first)[0].seeking);
    times.push(output.textContent);
  }
  found.times = times;
  bar.lastElementChild.click();
  await until(() => !videos(first)[0].seeking);
  found.button_steps = output.textContent;
  key("ArrowRight");
  key("ArrowRight");
  found.focus = cards.indexOf(document.activeElement.closest("li"));
  byId("play").click();
  found.all = await until(() => {
    const playing = cards.filter((card) => videos(card).some((v) => !v.paused));
    return playing.length >= 2;
  });
  byId("play").click();
  found.none = document.querySelectorAll("video").length;
"""
COMPARE = """
  byId("compare").click();
  await until(() => cards[0].querySelectorAll("figure").length === 2);
  found.labels = [...cards[0].querySelectorAll("figcaption span")].map((x) => x.textContent);
  cards[3].scrollIntoView();
  await until(() => cards[3].querySelector("figure"));
  found.alone = cards[1].querySelectorAll("figure").length;
  found.rows = [...cards[3].querySelector("tbody").rows].map((row) => row.textContent);
  found.best = [...cards[3].querySelectorAll("tbody .best")].map((cell) => cell.textContent);
  cards[0].scrollIntoView();
  mouse(cards[0], "pointerenter");
  found.both = await until(
    () => videos(cards[0]).length === 2 && videos(cards[0]).every((v) => !v.paused));
  const tops = [...cards[0].querySelectorAll(".picture")].map((x) => x.getBoundingClientRect());
  found.aligned = tops[0].top === tops[1].top && Math.abs(tops[0].height - tops[1].height) < 3;
  byId("compare").click();
  await until(() => cards[0].querySelector(".scores"));
  found.figures = document.querySelectorAll("figure").length;
"""
TABLE = """
  await until(() => !document.querySelector("[data-model]").hidden && others.length
    && !document.querySelector(".probe"));
  const text = (selector) => [...document.querySelectorAll(selector)]
    .filter((node) => !node.closest("[hidden]"))
    .map((node) => node.textContent.trim().replace(/\\s+/g, " "));
  found.title = document.title;
  found.facts = text(".facts > div");
  found.rows = text(".means tbody tr");
  found.p_min = text(".notes > p:not(.links)");
  found.control = text("tbody [data-model]");
  found.missing = text("[data-missing]");
  found.links = text(".links a");
  cards[0].scrollIntoView();
  await until(() => cards[0].querySelector(".tick"));
  const tick = cards[0].querySelector(".scores > div:nth-child(1) .tick");
  found.bar = cards[0].querySelector(".scores > div:nth-child(1) .filled").style.width;
  found.tick = tick.style.left;
  cards[3].scrollIntoView();
  await until(() => cards[3].querySelector(".tick"));
  found.bars = [...cards[3].querySelectorAll(".scores dt")].map((x) => x.textContent);
  found.ticks = cards[3].querySelectorAll(".scores .tick").length;
  found.clock = cards[3].querySelector(".where").textContent;
"""


@pytest.mark.parametrize("size", [(1280, 900), (420, 900)])
def test_people_sort_and_filter(gallery, size):  # noqa: F811
    found, _ = act_on(gallery, HELPERS + SORT, size=size)
    assert found["errors"] == []
    assert found["time"] == [0, 1, 2, 3, 4, 5]
    assert found["best"] == [1, 2, 5, 0, 4, 3]  # without a score: last
    assert found["least_error"] == [1, 3, 2, 4, 0, 5]
    assert found["worst"] == [5, 0, 4, 2, 3, 1]
    assert found["tenth"] == [5]
    assert found["film"] == [4, 5]
    assert found["scenes"] == ["All scenes", "test2 0:08.0 an elk"]
    assert found["variant"] == [0, 2, 3, 4, 5]  # the variant has not reconstructed clip 1
    assert found["by_variant"] == [5, 4, 3, 2, 0]
    assert found["words"] == [0, 2]
    assert found["count"] == "2 of 6"


@pytest.mark.parametrize("size", [(1280, 900), (420, 900)])
def test_people_play_and_step(gallery, size):  # noqa: F811
    found, _ = act_on(gallery, HELPERS + PLAY, size=size)
    assert found["errors"] == []
    for name in ("poster", "plays", "tapped", "paused", "buttons", "all"):
        assert found[name], name
    assert found["no_video"] == found["back_to_poster"] == found["none"] == 0
    assert found["speed"] == 0.25
    assert found["times"] == ["0:00.3", "0:00.7", "0:00.3", "0:00.0", "0:01.7"]
    assert found["button_steps"] == "0:00.0"
    assert found["focus"] == 2


def test_nothing_moves_by_itself_for_those_who_prefer_less_motion(gallery):  # noqa: F811
    steps = """
      mouse(cards[0], "pointerenter");
      found.by_pointer = videos(cards[0]).length;
      cards[0].querySelector(".picture").click();
      found.by_click = await until(() => videos(cards[0]).some((v) => !v.paused));
    """
    found, _ = act_on(gallery, HELPERS + steps, options=["--force-prefers-reduced-motion"])
    assert found == {"errors": [], "by_pointer": 0, "by_click": True}


def test_models_are_compared_side_by_side(gallery):  # noqa: F811
    found, _ = act_on(gallery, HELPERS + COMPARE)
    assert found["errors"] == []
    assert found["labels"] == ["presented", "full model", "window-1"]
    assert found["alone"] == 1
    assert found["rows"] == [
        "video 2-way0.760.500.75",
        "SSIM–0.30–",
        "flow error2.003.00–",  # lower is better
        "CLIP consistency0.500.50–",
    ]
    assert found["best"] == ["0.76", "2.00"]
    assert found["both"]
    assert found["aligned"]
    assert found["figures"] == 0


def test_means_control_and_links_are_on_top(gallery):  # noqa: F811
    found, console = act_on(gallery, TABLE)
    assert found["errors"] == []
    assert found["title"] == "sub1 · full <model> · demo · Films reconstructed from fMRI"
    assert found["facts"] == ["Subject sub1", "Model full <model>", "Data set demo"]
    assert found["rows"] == [
        "video 2-way 0.760 0.700 to 0.800 0.750 0.740 0.02 0.06 0.749",
        "SSIM 0.400 0.300 to 0.500 – 0.200 0.02 0.06 0.111",
        "flow error lower is better 3.500 2.500 to 4.500 – 3.600 0.02 0.06 –",
        "CLIP consistency 0.400 0.300 to 0.500 – – – – –",
        "SSIM unseen 0.300 0.300 to 0.500 – 0.200 0.02 0.06 –",
    ]
    assert found["control"] == ["0.749", "0.111", "–", "–", "–"]
    assert found["missing"] == []
    assert found["p_min"] == ["The smallest p that these clips allow is 0.02."]
    # There is no strip.png and no page of window-1.
    assert found["links"] == ["All metrics (TSV)", "Methods", "shuffled", "sub2"]
    assert all("ERR_FILE_NOT_FOUND" in line for line in console)
    assert (found["bar"], found["tick"]) == ("76%", "75%")
    assert found["bars"] == ["video 2-way", "SSIM", "flow error", "CLIP consistency"]
    assert found["ticks"] == 3  # no chance and no null of consistency
    assert found["clock"] == "test1, clip 3 0:06.0"


def test_a_missing_control_says_how_to_compute_it(tmp_path):
    page = write_gallery(tmp_path / "sub1/videos")
    steps = 'await until(() => !document.querySelector("[data-missing]").hidden);' + TABLE.replace(
        '!document.querySelector("[data-model]").hidden && ', ""
    )
    found, _ = act_on(page, steps)
    assert found["control"] == []
    assert found["missing"][0].endswith("To compute it: snakemake --cores all control/videos")
    assert found["links"] == ["All metrics (TSV)"]


def test_an_address_leads_to_a_clip(gallery):  # noqa: F811
    steps = """
      const focused = () => cards.indexOf(document.activeElement.closest("#clips > li"));
      const seen = (card) => {
        const box = card.getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight;
      };
      found.first = await until(() => focused() === 3) && await until(() => seen(cards[3]));
      choose(film, "test2");
      found.filtered = cards[1].isConnected;
      cards[4].querySelector(".where a").click();
      found.copied = await until(() => location.hash === "#test2-4");
      location.hash = "#test1-1";
      found.shown = await until(() => focused() === 1) && await until(() => seen(cards[1]));
    """
    found, _ = act_on(gallery, HELPERS + steps, size=(420, 900), address="#test1-3")
    assert found == {
        **{"errors": [], "first": True, "filtered": False, "copied": True, "shown": True},
    }
