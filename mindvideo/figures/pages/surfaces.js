"use strict";

/* The two hemispheres are two traces of plotly.js with a colour per vertex. A map's values are
 * decoded when the map is chosen: 16-bit numbers between its `low` and `high`, 65535 is no value. */
const byId = (id) => document.getElementById(id);
const written = (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toString());
/** A lamp at the camera, so that the visible side is lit. */
const light = (eye) => ({ x: 1e4 * eye.x, y: 1e4 * eye.y, z: 1e4 * eye.z });

(() => {
  const page = JSON.parse(byId("page-data").textContent);
  const HIDE_RIGHT = [true, false];
  const HIDE_LEFT = [false, true];
  const BOTH = [true, true];
  // Label, hemispheres, and direction from which one looks: x to the right, y to the front, z up.
  const VIEWS = {
    back: ["Back", BOTH, [0, -1, 0.12]],
    below: ["Below", BOTH, [0, -0.2, -1]],
    above: ["Above", BOTH, [0, -0.2, 1]],
    front: ["Front", BOTH, [0, 1, 0.12]],
    "left-lateral": ["Left lateral", HIDE_RIGHT, [-1, 0, 0]],
    "left-medial": ["Left medial", HIDE_RIGHT, [1, 0, 0]],
    "right-medial": ["Right medial", HIDE_LEFT, [-1, 0, 0]],
    "right-lateral": ["Right lateral", HIDE_LEFT, [1, 0, 0]],
  };
  const NO_VALUE = 65535;
  const GAP = 2; // between each hemisphere and the midline [mm]
  const AWAY = 3; // distance of the camera, outside of the scene: in parallel projection all are one
  const LIMITS = [[-70, 70], [-106, 72], [-50, 80]]; // of all meshes: x, y, z [mm]

  if (page.notice) {
    byId("notice").textContent = page.notice;
    byId("notice").hidden = false;
    byId("viewer").hidden = true;
    for (const node of document.querySelectorAll(".viewer")) node.hidden = true;
    return;
  }

  const decoded = new Map();
  /** Bytes of a script element, as numbers of a type; all are little-endian, as browsers are. */
  function numbers(id, Type) {
    if (!decoded.has(id)) {
      const text = atob(byId(id).textContent);
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      decoded.set(id, new Type(bytes.buffer));
    }
    return decoded.get(id);
  }

  /** One of `n` equal parts of an array. */
  function part(array, index, n) {
    const length = array.length / n;
    return array.subarray(index * length, (index + 1) * length);
  }

  const areas = numbers("areas", Uint8Array);
  const depth = numbers("depth", Uint8Array);
  const nVertices = depth.length / 2;

  /** Coordinates of a hemisphere's vertices on a surface [mm]: x, y, z. */
  function vertices(mesh, side) {
    const points = part(numbers(`mesh-${mesh}`, Int16Array), side, 2);
    const shift = side ? GAP : -GAP;
    return [0, 1, 2].map((axis) =>
      Array.from(part(points, axis, 3), (value) => value / 100 + (axis ? 0 : shift)));
  }

  /** Colours and texts of a hemisphere's vertices under a map. */
  function painted(map, side) {
    const values = part(numbers(`map-${map.key}`, Uint16Array), side, 2);
    const colours = page.colours[map.colours];
    const step = (map.high - map.low) / (NO_VALUE - 1);
    const vertexcolor = [];
    const text = [];
    for (let i = 0; i < nVertices; i++) {
      const area = page.areas[areas[side * nVertices + i]];
      const name = area ? `${side ? "right" : "left"} ${area}` : "no area";
      if (values[i] === NO_VALUE) {
        const grey = depth[side * nVertices + i];
        vertexcolor[i] = `rgb(${grey},${grey + 3},${grey + 7})`;
        text[i] = `${name}: no value`;
        continue;
      }
      const value = map.low + step * values[i];
      const place = (value - map.range[0]) / (map.range[1] - map.range[0]);
      const last = colours.length - 1;
      vertexcolor[i] = colours[Math.round(last * Math.min(Math.max(place, 0), 1))];
      text[i] = `${name}: ${written(map.logarithm ? 2 ** value : value)}`;
    }
    return { vertexcolor, text };
  }

  function trace(map, mesh, side) {
    const [x, y, z] = vertices(mesh, side);
    const faces = part(numbers("faces", Uint16Array), side, 2);
    const [i, j, k] = [0, 1, 2].map((corner) => Array.from(part(faces, corner, 3)));
    return {
      visible: VIEWS[view][1][side],
      type: "mesh3d", x, y, z, i, j, k, hoverinfo: "text", ...painted(map, side),
      lighting: { ambient: 0.85, diffuse: 0.28, specular: 0.02, roughness: 0.9, fresnel: 0.02 },
      lightposition: light(camera().eye),
    };
  }

  const chosenMap = () => page.maps.find((map) => map.key === byId("map").value);
  const plot = byId("plot");
  let view = "back";

  function camera() {
    const [x, y, z] = VIEWS[view][2];
    const up = Math.abs(z) > 0.5 ? { x: 0, y: Math.sign(z), z: 0 } : { x: 0, y: 0, z: 1 };
    const eye = { x: AWAY * x, y: AWAY * y, z: AWAY * z };
    return { eye, up, center: { x: 0, y: 0, z: 0 }, projection: { type: "orthographic" } };
  }

  /** Sizes of the scene's sides: as large as the plot, whose height is two units. */
  function aspect() {
    const [across, , up] = VIEWS[view][2].map(Math.abs);
    const sizes = LIMITS.map(([low, high]) => high - low);
    const width = sizes[across > 0.5 ? 1 : 0];
    const height = sizes[up > 0.5 ? 1 : 2];
    const scale = 1.95 * Math.min(1 / height, plot.clientWidth / plot.clientHeight / width);
    const [x, y, z] = sizes.map((size) => scale * size);
    return { x, y, z };
  }

  function layout() {
    const soft = getComputedStyle(document.body).getPropertyValue("--soft").trim();
    const [xaxis, yaxis, zaxis] = LIMITS.map((range) => ({ visible: false, showspikes: false, range }));
    return {
      margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)", showlegend: false,
      autosize: true, hovermode: "closest",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: soft },
      scene: {
        dragmode: "orbit", aspectmode: "manual", aspectratio: aspect(),
        xaxis, yaxis, zaxis, camera: camera(),
      },
    };
  }

  function describe(map) {
    byId("about").textContent = map.about;
    byId("unit").textContent = map.unit;
    byId("bar").style.background = `linear-gradient(90deg, ${page.colours[map.colours].join()})`;
    byId("ticks").replaceChildren(...map.ticks.map((tick) => {
      const label = document.createElement("span");
      label.textContent = tick;
      return label;
    }));
    plot.setAttribute("aria-label", `${map.name}, on the cortical surface. ${map.about}`);
  }

  function showMap() {
    const map = chosenMap();
    describe(map);
    const sides = [painted(map, 0), painted(map, 1)];
    rememberInAddress();
    return Plotly.restyle(plot, {
      vertexcolor: sides.map((side) => side.vertexcolor),
      text: sides.map((side) => side.text),
    });
  }

  function showMesh() {
    const sides = [vertices(byId("mesh").value, 0), vertices(byId("mesh").value, 1)];
    const [x, y, z] = [0, 1, 2].map((axis) => sides.map((side) => side[axis]));
    return Plotly.restyle(plot, { x, y, z });
  }

  function showView(name) {
    view = name;
    for (const button of byId("views").children) {
      button.setAttribute("aria-pressed", button.value === view);
    }
    rememberInAddress();
    const shown = { visible: VIEWS[view][1], lightposition: light(camera().eye) };
    const scene = { "scene.camera": camera(), "scene.aspectratio": aspect() };
    return Plotly.update(plot, shown, scene);
  }

  function addOptions(select, entries) {
    const groups = new Map();
    for (const { key, name, group } of entries) {
      let parent = select;
      if (group) {
        if (!groups.has(group)) {
          groups.set(group, document.createElement("optgroup"));
          groups.get(group).label = group;
          select.append(groups.get(group));
        }
        parent = groups.get(group);
      }
      parent.append(new Option(name, key));
    }
  }

  /** The address ends in #map/view: a link to what one sees. */
  function rememberInAddress() {
    history.replaceState(null, "", `#${byId("map").value}/${view}`);
  }

  function chooseFromAddress() {
    const [key, name] = decodeURIComponent(location.hash.slice(1)).split("/");
    if (page.maps.some((map) => map.key === key)) byId("map").value = key;
    if (Object.hasOwn(VIEWS, name)) view = name;
  }

  addOptions(byId("map"), page.maps);
  addOptions(byId("mesh"), page.meshes);
  chooseFromAddress();
  for (const [key, [label]] of Object.entries(VIEWS)) {
    const button = document.createElement("button");
    [button.type, button.value, button.textContent] = ["button", key, label];
    button.setAttribute("aria-pressed", key === view);
    button.addEventListener("click", () => showView(key));
    byId("views").append(button);
  }
  describe(chosenMap());
  const traces = [0, 1].map((side) => trace(chosenMap(), byId("mesh").value, side));
  const options = {
    displaylogo: false, displayModeBar: true, responsive: true,
    modeBarButtons: [["toImage", "orbitRotation", "pan3d", "zoom3d"]],
    toImageButtonOptions: { filename: document.title, scale: 2 },
  };
  Plotly.newPlot(plot, traces, layout(), options).then(() => {
    byId("map").addEventListener("change", showMap);
    byId("mesh").addEventListener("change", showMesh);
    addEventListener("hashchange", () => {
      chooseFromAddress();
      showMap();
      showView(view);
    });
    addEventListener("resize", () => Plotly.relayout(plot, { "scene.aspectratio": aspect() }));
    plot.on("plotly_relayout", (changed) => {
      const eye = changed["scene.camera"]?.eye;
      if (eye) Plotly.restyle(plot, { lightposition: light(eye) });
    });
    plot.dataset.ready = "yes";
  });
})();
