"""The page that shows all reconstructions: one HTML file, plain script and style, no network."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mindvideo.figures.style import metric_label


def gallery_page(
    title: str,
    clips: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    *,
    width: int,
    height: int,
) -> str:
    """Write the page.

    Parameters
    ----------
    title : str
    clips : sequence of mapping
        In the order of the films: `file` (relative to the page), `segment`, `clip`, `seconds`
        (when it was shown), `caption`, and `scores`, a list as long as `metrics`.
    metrics : sequence of str
        Names of the scores.
    width, height : int
        Of the videos [px].

    Returns
    -------
    str
        HTML. Videos load and play only while they are on screen, so that a page of a thousand
        clips opens at once.
    """
    data = {"clips": list(clips), "metrics": [metric_label(name) for name in metrics]}
    # "<" would end the script element if a caption held "</script>".
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    page = _PAGE.replace("{{width}}", str(width)).replace("{{height}}", str(height))
    return page.replace("{{title}}", html.escape(title)).replace("{{data}}", text)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --card: #fff; --ink: #1c1e21; --soft: #5f656d; --line: #e0e0dc; --bar: #2f6f9f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --card: #1f2226; --ink: #e9eaec; --soft: #9aa1aa; --line: #31353b;
    --bar: #6fb1e0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
header, main, footer { max-width: 1500px; margin: 0 auto; padding: 0 clamp(12px, 3vw, 32px); }
h1 { font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2; margin: 1.4rem 0 .3rem; }
header p, footer { color: var(--soft); }
header p { margin: 0 0 1rem; max-width: 70ch; }
nav {
  position: sticky; top: 0; z-index: 2; background: var(--page);
  border-bottom: 1px solid var(--line); margin-bottom: 1rem;
}
nav > div {
  max-width: 1500px; margin: 0 auto; padding: .6rem clamp(12px, 3vw, 32px);
  display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
}
label { display: flex; gap: .4rem; align-items: center; color: var(--soft); font-size: .9rem; }
select, button {
  font: inherit; font-size: .9rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem; min-height: 36px;
}
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--bar); outline-offset: 1px; }
#count { margin-left: auto; color: var(--soft); font-size: .9rem; }
#clips {
  list-style: none; margin: 0; padding: 0; display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr));
}
#clips li {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
}
video {
  display: block; width: 100%; height: auto; aspect-ratio: {{width}} / {{height}};
  background: var(--line); cursor: pointer;
}
.sides { display: flex; font-size: .75rem; color: var(--soft); }
.sides span { flex: 1; padding: .35rem .8rem 0; }
.text { padding: .3rem .8rem .8rem; }
.where { font-weight: 600; font-size: .85rem; }
.where span { font-weight: 400; color: var(--soft); }
.caption { margin: .15rem 0 .6rem; }
dl {
  margin: 0; display: grid; grid-template-columns: auto 1fr auto; gap: .2rem .6rem;
  font-size: .8rem; align-items: center;
}
dt { color: var(--soft); white-space: nowrap; }
dd { margin: 0; font-variant-numeric: tabular-nums; text-align: right; }
dd.bar { height: 6px; border-radius: 3px; background: var(--line); overflow: hidden; }
dd.bar i { display: block; height: 100%; background: var(--bar); border-radius: 3px; }
@media (max-width: 600px) { nav { position: static; } }
.chosen { color: var(--ink); font-weight: 600; }
footer { padding-top: 1.5rem; padding-bottom: 2rem; font-size: .85rem; }
</style>
</head>
<body>
<header>
<h1>{{title}}</h1>
<p>Each clip plays what was on screen (left) beside what was reconstructed from brain activity
(right). Captions describe what was on screen.</p>
</header>
<nav><div>
<label>Film <select id="film"><option value="">all</option></select></label>
<label>Sort by <select id="sort"><option value="">time</option></select></label>
<label>Order <select id="order">
<option value="best">best first</option><option value="worst">worst first</option>
</select></label>
<button id="play" type="button" aria-pressed="true">Pause</button>
<span id="count" role="status"></span>
</div></nav>
<main>
<noscript>The list of clips needs JavaScript; the mp4 files lie beside this page.</noscript>
<ul id="clips"></ul>
</main>
<footer>Bars run from the lowest to the highest score of all clips. Definitions of the scores stand
in the table of metrics.</footer>
<script type="application/json" id="data">{{data}}</script>
<script>
"use strict";
const { clips, metrics } = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const list = byId("clips"), film = byId("film"), sort = byId("sort"), order = byId("order");
let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const known = (values) => values.filter((value) => value !== null);
const ranges = metrics.map((_, m) => {
  const values = known(clips.map((clip) => clip.scores[m]));
  return [Math.min(...values), Math.max(...values)];
});

function clock(seconds) {
  const rest = Math.floor(seconds % 60).toString().padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${rest}`;
}

function card(clip) {
  const item = element("li"), sides = element("div", "sides"), text = element("div", "text");
  sides.append(element("span", "", "on screen"), element("span", "", "reconstructed"));
  const video = element("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true, preload: "none" });
  video.width = {{width}};
  video.height = {{height}};
  video.dataset.src = clip.file;
  video.setAttribute("aria-label", `${clip.segment}, clip ${clip.clip}: ${clip.caption}`);
  video.onclick = () => (video.paused ? video.play() : video.pause());
  const where = element("div", "where", clip.segment + " ");
  where.append(element("span", "", `clip ${clip.clip} · ${clock(clip.seconds)}`));
  const scores = element("dl");
  metrics.forEach((name, m) => {
    const value = clip.scores[m], [low, high] = ranges[m];
    const bar = element("dd", "bar"), filled = element("i");
    const share = value === null || high === low ? 0 : (value - low) / (high - low);
    filled.style.width = `${100 * share}%`;
    bar.append(filled);
    const shown = value === null ? "–" : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
    scores.append(element("dt", "", name), bar, element("dd", "", shown));
  });
  text.append(where, element("p", "caption", clip.caption), scores);
  item.append(sides, video, text);
  return item;
}

const cards = clips.map(card);
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.dataset.seen = isIntersecting ? "1" : "";
    update(target);
  }
}, { rootMargin: "200px" });

function update(video) {
  const wanted = video.dataset.seen === "1";
  if (wanted && !video.src) {
    video.preload = "auto";
    video.src = video.dataset.src;
  }
  if (wanted && playing) video.play().catch(() => {});
  else video.pause();
}

function arrange() {
  const m = sort.value === "" ? -1 : Number(sort.value);
  const way = order.value === "best" ? -1 : 1;
  order.disabled = m < 0;
  let shown = clips.map((_, i) => i).filter((i) => !film.value || clips[i].segment === film.value);
  if (m >= 0) {
    const worst = -way * Infinity;
    const score = (i) => clips[i].scores[m] ?? worst;
    shown.sort((a, b) => way * (score(a) - score(b)) || a - b);
  }
  list.replaceChildren(...shown.map((i) => cards[i]));
  for (const item of cards) {
    const names = item.querySelectorAll("dt");
    names.forEach((name, i) => name.classList.toggle("chosen", i === m));
  }
  byId("count").textContent = `${shown.length} clips`;
}

function pressed() {
  byId("play").textContent = playing ? "Pause" : "Play";
  byId("play").setAttribute("aria-pressed", String(playing));
  for (const item of cards) update(item.querySelector("video"));
}

for (const name of new Set(clips.map((clip) => clip.segment))) film.add(new Option(name, name));
metrics.forEach((name, m) => sort.add(new Option(name, m)));
film.onchange = sort.onchange = order.onchange = arrange;
byId("play").onclick = () => { playing = !playing; pressed(); };
arrange();
for (const item of cards) seen.observe(item.querySelector("video"));
pressed();
</script>
</body>
</html>
"""
