"use strict";

const { clips, fps, metrics, models, others, under } = JSON.parse(
  document.getElementById("data").textContent,
);
const byId = (id) => document.getElementById(id);
const list = byId("clips");
const cards = [...list.children];
const [words, film, scene, model] = ["words", "film", "scene", "model"].map(byId);
const [sort, order, part, speed] = ["sort", "order", "part", "speed"].map(byId);
const CARD = "#clips > li";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let playing = false;
let comparing = false;

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const clipOf = (card) => clips[cards.indexOf(card)];
const nameOf = (variant) => variant || "full model";

/** The model that a card shows first: the chosen one, or the first that has the clip. */
function firstModel(clip) {
  return model.value in clip.models ? model.value : Object.keys(clip.models)[0];
}

/** The name of a clip's files, without ending; gallery.py has the same rule. */
function stem(clip, variant) {
  const number = String(clip.clip).padStart(4, "0");
  return `${variant && `${variant}_`}${clip.segment}_${number}`;
}

function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${Math.floor(tenths / 600)}:${rest}`;
}

function scoreText(value) {
  if (value === null) return "–";
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2).replace("-", "−");
}

// --- scores of a clip ----------------------------------------------------------------------------

/** A bar from zero to the value on the fixed scale of its metric, with a tick at chance. */
function bar(metric, value) {
  const place = (x) => (100 * (x - metric.low)) / (metric.high - metric.low);
  const axis = element("span", { className: "axis" });
  axis.setAttribute("aria-hidden", "true");
  if (value !== null) {
    const [zero, end] = [place(0), place(value)];
    const filled = element("i", { className: "filled" });
    Object.assign(filled.style, {
      left: `${Math.min(zero, end)}%`,
      width: `${Math.abs(end - zero)}%`,
    });
    axis.append(filled);
  }
  if (metric.tick !== null) {
    const tick = element("i", { className: "tick" });
    tick.style.left = `${place(metric.tick)}%`;
    axis.append(tick);
  }
  return axis;
}

function explained(metric) {
  const tick = metric.tick === null ? "" : ` (${metric.tick_is}: ${scoreText(metric.tick)})`;
  const way = metric.way < 0 ? "; lower is better" : "";
  return `${metric.about}${way}${tick}`;
}

function barList(shown, scores) {
  const dl = element("dl", { className: "scores" });
  for (const metric of shown) {
    const value = scores[metric.index];
    const name = element("dt", { title: explained(metric) }, metric.label);
    name.classList.toggle("chosen", sort.value === String(metric.index));
    dl.append(
      element("div", {}, name, element("dd", {}, bar(metric, value), scoreText(value))),
    );
  }
  return dl;
}

/** Scores of all models of a clip; the best of each row is bold. */
function scoreTable(shown, clip) {
  const names = Object.keys(clip.models);
  const headings = ["", ...names.map(nameOf), "chance"];
  const head = headings.map((text) => element(text ? "th" : "td", {}, text));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)));
  const body = element("tbody");
  for (const metric of shown) {
    const values = names.map((name) => clip.models[name][metric.index]);
    const known = values.filter((value) => value !== null).map((value) => metric.way * value);
    const best = Math.max(...known) > Math.min(...known) ? Math.max(...known) : null;
    const cells = values.map((value) =>
      element("td", { className: value !== null && metric.way * value === best ? "best" : "" },
        scoreText(value)));
    const chance = metric.tick_is === "chance" ? metric.tick : null;
    const name = element("th", { title: explained(metric), scope: "row" }, metric.label);
    body.append(element("tr", {}, name, ...cells, element("td", {}, scoreText(chance))));
  }
  table.append(body);
  return element("div", { className: "wide" }, table);
}

function scoresOf(clip) {
  const scores = (shown) =>
    comparing ? scoreTable(shown, clip) : barList(shown, clip.models[firstModel(clip)]);
  const parts = [scores(metrics.slice(0, under))];
  if (metrics.length > under) {
    const summary = element("summary", {}, `${metrics.length - under} more scores`);
    const more = element("details", {}, summary);
    // Most are never opened.
    more.addEventListener("toggle", () => more.append(scores(metrics.slice(under))), { once: true });
    parts.push(more);
  }
  return parts;
}

// --- a card --------------------------------------------------------------------------------------

function picture(clip, variant, half) {
  const file = stem(clip, variant);
  const shown = half ? nameOf(variant) : "presented and reconstructed";
  const image = element("img", {
    src: `posters/${file}.webp`,
    width: list.dataset.width,
    height: list.dataset.height,
    decoding: "async",
    alt: `${clip.segment}, clip ${clip.clip}: ${shown}`,
  });
  return element("a", { className: half ? "picture half" : "picture", href: `${file}.mp4` }, image);
}

/** The pictures of all models of a clip, the first with the presented clip. */
function pictures(clip, first) {
  const names = [first, ...Object.keys(clip.models).filter((name) => name !== first)];
  return names.map((name, i) => {
    const labels = i ? [nameOf(name)] : ["presented", nameOf(name)];
    const caption = element("figcaption", {}, ...labels.map((x) => element("span", {}, x)));
    return element("figure", {}, caption, picture(clip, name, i > 0));
  });
}

function controls(card) {
  const button = (text, label, act) => {
    const node = element("button", { type: "button", title: label, onclick: act }, text);
    node.setAttribute("aria-label", label);
    return node;
  };
  return element(
    "div",
    { className: "controls", hidden: true },
    button("‹", "previous frame (,)", () => step(card, -1)),
    element("output"),
    button("›", "next frame (.)", () => step(card, 1)),
  );
}

/** Build what the page itself does not hold: the chosen model, scores and controls. */
function build(card) {
  const clip = clipOf(card);
  const media = card.querySelector(".media");
  const first = firstModel(clip);
  const mode = `${first} ${comparing}`;
  if (card.dataset.mode === mode) return;
  const focused = media.contains(document.activeElement);
  const name = models.length > 1 ? `reconstructed: ${nameOf(first)}` : "reconstructed";
  media.dataset.reconstructed = name;
  const shown = comparing ? pictures(clip, first) : [picture(clip, first, false)];
  media.replaceChildren(...shown, controls(card));
  card.querySelector(".built")?.remove();
  card.append(element("div", { className: "built" }, ...scoresOf(clip)));
  card.dataset.mode = mode;
  if (focused) card.querySelector(".picture").focus({ preventScroll: true });
}

function rebuild() {
  for (const card of cards) {
    delete card.dataset.mode;
    stop(card);
    visibility.unobserve(card); // observed again, it reports again
    visibility.observe(card);
  }
}

// --- playing -------------------------------------------------------------------------------------

function videosOf(card) {
  return [...card.querySelectorAll(".picture")].map((link) => {
    let video = link.querySelector("video");
    if (!video) {
      video = element("video", { muted: true, loop: true, playsInline: true, src: link.href });
      video.playbackRate = Number(speed.value);
      link.append(video);
    }
    return video;
  });
}

const isPlaying = (card) => [...card.querySelectorAll("video")].some((video) => !video.paused);

function start(card) {
  build(card);
  card.querySelector(".controls").hidden = true;
  for (const video of videosOf(card)) {
    video.playbackRate = Number(speed.value);
    video.play().catch(() => {}); // stopped before it began
  }
}

/** Back to the poster. */
function stop(card) {
  for (const video of card.querySelectorAll("video")) {
    video.pause();
    video.remove();
  }
  const buttons = card.querySelector(".controls");
  if (buttons) buttons.hidden = true;
}

function pause(card) {
  for (const video of videosOf(card)) video.pause();
  showFrame(card);
}

const toggle = (card) => (isPlaying(card) ? pause(card) : start(card));

function showFrame(card) {
  const [video] = videosOf(card);
  const frame = Math.floor(video.currentTime * fps + 1e-6);
  const buttons = card.querySelector(".controls");
  buttons.hidden = false;
  buttons.querySelector("output").textContent = clock(clipOf(card).seconds + frame / fps);
}

/** Show the next or previous frame; after the last comes the first. */
function step(card, by) {
  build(card);
  const seen = card.querySelector("video") !== null;
  for (const video of videosOf(card)) {
    video.pause();
    const go = () => {
      const n = Math.max(1, Math.round(video.duration * fps));
      const frame = seen ? Math.floor(video.currentTime * fps + 1e-6) + by : 0;
      video.currentTime = (((frame + n) % n) + 0.5) / fps;
      showFrame(card);
    };
    if (video.readyState > 0) go();
    else video.addEventListener("loadedmetadata", go, { once: true });
  }
}

/** Play because the pointer or the focus is there, unless the person prefers less motion. */
function startUnasked(card) {
  if (!calm.matches && !card.querySelector("video")) start(card);
}

const leave = (card) => {
  if (!playing && isPlaying(card)) stop(card);
};

const visibility = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) build(target);
      if (!isIntersecting) stop(target);
      else if (playing) start(target);
    }
  },
  { rootMargin: "300px" },
);

for (const card of cards) {
  card.onpointerenter = ({ pointerType }) => {
    if (pointerType === "mouse") startUnasked(card);
  };
  card.onpointerleave = ({ pointerType }) => {
    if (pointerType === "mouse") leave(card);
  };
  visibility.observe(card);
}
list.onclick = (event) => {
  if (!event.target.closest(".picture") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  toggle(event.target.closest(CARD));
};
list.addEventListener("focusin", ({ target }) => {
  if (target.matches(".picture:focus-visible")) startUnasked(target.closest(CARD));
});
list.addEventListener("focusout", ({ target, relatedTarget }) => {
  const card = target.closest(CARD);
  if (!card.contains(relatedTarget)) leave(card);
});

// --- which clips, in what order ------------------------------------------------------------------

function matches(clip) {
  const caption = clip.caption.toLowerCase();
  return (
    (!film.value || clip.segment === film.value) &&
    (!scene.value || `${clip.segment} ${clip.scene}` === scene.value) &&
    model.value in clip.models &&
    words.value.toLowerCase().split(/\s+/).every((word) => caption.includes(word))
  );
}

function arrange() {
  const metric = metrics.find(({ index }) => String(index) === sort.value);
  order.disabled = part.disabled = !metric;
  let chosen = clips.map((_, i) => i).filter((i) => matches(clips[i]));
  if (metric) {
    const way = metric.way * Number(order.value);
    const score = (i) => {
      const value = clips[i].models[model.value][metric.index];
      return value === null ? -Infinity : way * value;
    };
    chosen.sort((a, b) => Number(score(b) > score(a)) - Number(score(b) < score(a)) || a - b);
    chosen = chosen.slice(0, Math.ceil(chosen.length * Number(part.value)));
  }
  list.replaceChildren(...chosen.map((i) => cards[i]));
  byId("count").textContent =
    chosen.length === clips.length ? `${chosen.length} clips` : `${chosen.length} of ${clips.length}`;
}

function fillChoices(select, all, pairs) {
  const options = pairs.map(([value, text]) => new Option(text, value));
  select.replaceChildren(...(all ? [new Option(all, "")] : []), ...options);
}

function fillScenes() {
  const first = new Map();
  for (const clip of clips) {
    const key = `${clip.segment} ${clip.scene}`;
    if (clip.scene !== null && (!film.value || clip.segment === film.value) && !first.has(key))
      first.set(key, `${clip.segment} ${clock(clip.seconds)} ${clip.caption}`.slice(0, 60));
  }
  fillChoices(scene, "All scenes", [...first]);
  scene.hidden = first.size === 0;
}

/** Scroll to the clip of the address, `#test1-12`, and focus it. */
function goToAddress() {
  const id = decodeURIComponent(location.hash.slice(1));
  const card = cards.find((one) => one.id === id); // also one that is filtered out
  if (!card) return;
  if (!card.isConnected) {
    for (const filter of [words, film, sort]) filter.value = "";
    fillScenes();
    arrange();
  }
  build(card);
  card.scrollIntoView({ block: "center" });
  card.querySelector(".picture").focus({ preventScroll: true });
}

// --- toolbar and keys ----------------------------------------------------------------------------

function press(button, pressed) {
  byId(button).setAttribute("aria-pressed", String(pressed));
}

byId("play").onclick = () => {
  playing = !playing;
  press("play", playing);
  byId("play").textContent = playing ? "Stop all" : "Play all";
  if (playing) rebuild();
  else cards.forEach(stop);
};
byId("compare").onclick = () => {
  comparing = !comparing;
  press("compare", comparing);
  list.classList.toggle("comparing", comparing);
  rebuild();
};
byId("more").onclick = () => {
  const open = byId("filters").classList.toggle("open");
  byId("more").setAttribute("aria-expanded", String(open));
};
speed.onchange = () => {
  for (const video of list.querySelectorAll("video")) video.playbackRate = Number(speed.value);
};

document.onkeydown = (event) => {
  if (event.target.matches("input, select, button, summary") && event.key !== "Escape") return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const card = event.target.closest(CARD);
  if (event.key === "/") words.focus();
  else if (event.key === " " && event.target.closest(".picture")) toggle(card);
  else if ((event.key === "," || event.key === ".") && card) step(card, event.key === "," ? -1 : 1);
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const beside = event.key === "ArrowRight" ? "nextElementSibling" : "previousElementSibling";
    const next = card ? (card[beside] ?? card) : list.firstElementChild;
    next?.querySelector(".picture").focus();
  } else return;
  event.preventDefault();
};

// --- other models --------------------------------------------------------------------------------

/** Called by the summaries of other models: fill in their column of the table. */
window.mindvideoSummary = ({ name, means }) => {
  for (const cell of document.querySelectorAll("[data-model]")) {
    if (cell.dataset.model !== name) continue;
    cell.hidden = false;
    if (cell.dataset.metric) cell.textContent = means[cell.dataset.metric] ?? "–";
  }
};

/** Link the page of another model, if its summary is found. */
function findModel({ name, label, folder }) {
  const link = element("a", { href: `${folder}index.html` }, label);
  const missing = document.querySelector(`[data-missing="${name}"]`);
  link.hidden = true;
  byId("others").append(link, " ");
  const script = element("script", { src: `${folder}summary.js` });
  script.onload = () => {
    link.hidden = byId("others").hidden = false;
  };
  script.onerror = () => {
    if (missing) missing.hidden = false;
  };
  document.head.append(script);
}

/** Hide a link to what has not been computed. An `object` reports a missing file, also on disk. */
function checkLink(link) {
  const probe = element("object", { className: "probe", ariaHidden: "true", tabIndex: -1 });
  probe.onload = () => probe.remove();
  probe.onerror = () => {
    probe.remove();
    link.hidden = true;
  };
  probe.data = link.href;
  document.body.append(probe);
}

const unique = (values) => [...new Set(values)];
fillChoices(film, "All films", unique(clips.map((clip) => clip.segment)).map((x) => [x, x]));
fillChoices(model, "", models.map((name) => [name, nameOf(name)]));
model.hidden = byId("compare").hidden = models.length < 2;
for (const metric of metrics) sort.add(new Option(`By ${metric.label}`, metric.index));
film.onchange = () => {
  fillScenes();
  arrange();
};
words.oninput = scene.onchange = order.onchange = part.onchange = arrange;
sort.onchange = model.onchange = () => {
  arrange();
  rebuild();
};
fillScenes();
arrange();
// When a page has loaded, the browser scrolls to the address itself and takes the focus away.
window.onload = () => setTimeout(goToAddress);
window.onhashchange = goToAddress;
others.forEach(findModel);
document.querySelectorAll("[data-perhaps]").forEach(checkLink);
