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
    metrics: Sequence[Mapping[str, str]],
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
        (when it was shown), `caption`, `scene` (its number in the film, or None), `variant` (which
        model reconstructed it; "" for the full one), and `scores`, a list as long as `metrics`.
    metrics : sequence of mapping
        `name`, `definition`, and whether "higher" or "lower" is `better`.
    width, height : int
        Of the videos [px].

    Returns
    -------
    str
        HTML. A clip plays while the pointer or the focus is on it, or all on screen do if asked;
        videos load only where they are seen, so that a page of a thousand clips opens at once.
    """
    columns = [
        {
            "label": metric_label(m["name"]),
            "about": m["definition"],
            "way": -1 if m["better"] == "lower" else 1,
        }
        for m in metrics
    ]
    data = {"clips": list(clips), "metrics": columns}
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
select, button, input {
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
  outline-offset: 2px;
}
#clips li:focus-visible { outline: 3px solid var(--bar); }
select { max-width: 15rem; }
input { width: 9rem; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .3rem; font: inherit; }
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
[hidden] { display: none !important; }
details { margin-top: .5rem; }
summary { cursor: pointer; color: var(--soft); font-size: .8rem; min-height: 24px; }
.chosen { color: var(--ink); font-weight: 600; }
footer { padding-top: 1.5rem; padding-bottom: 2rem; font-size: .85rem; }
</style>
</head>
<body>
<header>
<h1>{{title}}</h1>
<p>Each clip plays what was on screen (left) beside what was reconstructed from brain activity
(right), while the pointer or the focus is on it, or when tapped. Captions describe what was on
screen.</p>
</header>
<nav><div>
<label>Film <select id="film"></select></label>
<label id="scenes">Scene <select id="scene"></select></label>
<label id="variants">Model <select id="variant"></select></label>
<label>Words <input id="words" type="search" placeholder="in captions"></label>
<label>Sort by <select id="sort"><option value="">time</option></select></label>
<label>Order <select id="order">
<option value="1">best first</option><option value="-1">worst first</option>
</select></label>
<label>Show <select id="part">
<option value="1">all</option><option value="0.25">first quarter</option>
<option value="0.1">first tenth</option>
</select></label>
<button id="play" type="button" aria-pressed="false">Play all</button>
<span id="count" role="status"></span>
</div></nav>
<main>
<noscript>The list of clips needs JavaScript; the mp4 files lie beside this page.</noscript>
<ul id="clips"></ul>
</main>
<footer>Bars run from the worst to the best score of all clips; point at a score's name for its
definition. Keys: <kbd>←</kbd> <kbd>→</kbd> go from clip to clip, <kbd>Space</kbd> plays and stops,
<kbd>/</kbd> looks for words.</footer>
<script type="application/json" id="data">{{data}}</script>
<script>
"use strict";
const { clips, metrics } = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const list = byId("clips"), film = byId("film"), scene = byId("scene"), variant = byId("variant");
const words = byId("words"), sort = byId("sort"), order = byId("order"), part = byId("part");
const FIRST = 6; // scores that stand under a clip; the others are folded away
let playing = false;

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

function scoreList(clip, from, to) {
  const scores = element("dl");
  metrics.slice(from, to).forEach((metric, i) => {
    const m = from + i, value = clip.scores[m], [low, high] = ranges[m];
    const bar = element("dd", "bar"), filled = element("i"), name = element("dt", "", metric.label);
    const fraction = value === null || high === low ? 0 : (value - low) / (high - low);
    filled.style.width = `${100 * (metric.way > 0 || value === null ? fraction : 1 - fraction)}%`;
    name.title = metric.about;
    name.dataset.metric = m;
    bar.append(filled);
    const shown = value === null ? "–" : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
    scores.append(name, bar, element("dd", "", shown));
  });
  return scores;
}

function card(clip) {
  const item = element("li"), sides = element("div", "sides"), text = element("div", "text");
  item.tabIndex = 0;
  sides.append(element("span", "", "on screen"), element("span", "", "reconstructed"));
  const video = element("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true, preload: "none" });
  video.width = {{width}};
  video.height = {{height}};
  video.dataset.src = clip.file;
  video.setAttribute("aria-label", `${clip.segment}, clip ${clip.clip}: ${clip.caption}`);
  item.onpointerenter = (event) => { if (event.pointerType === "mouse") start(video); };
  item.onpointerleave = (event) => { if (event.pointerType === "mouse") update(video); };
  item.onfocus = () => { if (item.matches(":focus-visible")) start(video); };
  item.onblur = () => update(video);
  video.onclick = () => toggle(video);
  const where = element("div", "where", clip.segment + " ");
  const said = `clip ${clip.clip} · ${clock(clip.seconds)}${clip.variant && ` · ${clip.variant}`}`;
  where.append(element("span", "", said));
  text.append(where, element("p", "caption", clip.caption), scoreList(clip, 0, FIRST));
  if (metrics.length > FIRST) {
    const more = element("details");
    more.append(element("summary", "", "all scores"), scoreList(clip, FIRST, metrics.length));
    text.append(more);
  }
  item.append(sides, video, text);
  return item;
}

function load(video) {
  if (!video.src) {
    video.preload = "auto"; // its first frame is the still picture
    video.src = video.dataset.src;
  }
}

function start(video) {
  load(video);
  video.play().catch(() => {});
}

function toggle(video) {
  if (video.paused) start(video);
  else video.pause();
}

function update(video) {
  if (video.dataset.visible !== "1") return video.pause();
  load(video);
  if (playing) start(video);
  else video.pause();
}

const cards = clips.map(card);
const visibility = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.dataset.visible = isIntersecting ? "1" : "";
    update(target);
  }
}, { rootMargin: "200px" });

function matches(clip) {
  return (!film.value || clip.segment === film.value)
    && (!scene.value || `${clip.segment} ${clip.scene}` === scene.value)
    && (!variant.value || clip.variant === variant.value.slice(1))
    && words.value.toLowerCase().split(/\\s+/).every((w) => clip.caption.toLowerCase().includes(w));
}

function arrange() {
  const m = sort.value === "" ? -1 : Number(sort.value);
  order.disabled = part.disabled = m < 0;
  let shown = clips.map((_, i) => i).filter((i) => matches(clips[i]));
  const total = shown.length;
  if (m >= 0) {
    const way = metrics[m].way * Number(order.value);
    const score = (i) => (clips[i].scores[m] === null ? -Infinity : way * clips[i].scores[m]);
    shown.sort((a, b) => (score(b) > score(a)) - (score(b) < score(a)) || a - b);
    shown = shown.slice(0, Math.ceil(total * Number(part.value)));
  }
  list.replaceChildren(...shown.map((i) => cards[i]));
  for (const name of list.querySelectorAll("dt"))
    name.classList.toggle("chosen", Number(name.dataset.metric) === m);
  byId("count").textContent =
    shown.length === clips.length ? `${total} clips` : `${shown.length} of ${clips.length} clips`;
}

function choices(select, all, pairs) {
  const options = pairs.map(([value, text]) => new Option(text, value));
  select.replaceChildren(new Option(all, ""), ...options);
}

function fillScenes() {
  const first = new Map();
  for (const clip of clips) {
    const key = `${clip.segment} ${clip.scene}`;
    if (clip.scene !== null && (!film.value || clip.segment === film.value) && !first.has(key))
      first.set(key, `${clip.segment} ${clock(clip.seconds)} ${clip.caption}`.slice(0, 60));
  }
  choices(scene, "all", [...first]);
  byId("scenes").hidden = first.size === 0;
}

function pressed() {
  byId("play").textContent = playing ? "Stop" : "Play all";
  byId("play").setAttribute("aria-pressed", String(playing));
  for (const item of list.children) update(item.querySelector("video"));
}

document.onkeydown = (event) => {
  if (event.target.matches("input, select, button, summary") || event.ctrlKey || event.metaKey)
    return;
  const item = event.target.closest("li");
  if (event.key === "/") words.focus();
  else if (event.key === " " && item) toggle(item.querySelector("video"));
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const step = event.key === "ArrowRight" ? "nextElementSibling" : "previousElementSibling";
    ((item && item[step]) || (item ? item : list.firstElementChild))?.focus();
  } else return;
  event.preventDefault();
};

const names = (values) => [...new Set(values)];
choices(film, "all", names(clips.map((clip) => clip.segment)).map((name) => [name, name]));
const models = names(clips.map((clip) => clip.variant));
choices(variant, "all", models.map((name) => [`=${name}`, name || "full model"]));
byId("variants").hidden = models.length < 2;
metrics.forEach((metric, m) => sort.add(new Option(metric.label, m)));
film.onchange = () => { fillScenes(); arrange(); };
words.oninput = scene.onchange = variant.onchange = arrange;
sort.onchange = order.onchange = part.onchange = arrange;
byId("play").onclick = () => { playing = !playing; pressed(); };
fillScenes();
arrange();
for (const item of cards) visibility.observe(item.querySelector("video"));
</script>
</body>
</html>
"""
