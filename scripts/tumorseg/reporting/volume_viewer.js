const byId = (id) => document.getElementById(id);
const facts = JSON.parse(byId("facts").textContent);
const [D, H, W] = facts.shape;
const SIZE = D * H * W;
const [DEEP, HIGH, WIDE] = facts.spacing;
const at = [...facts.at]; // the slice of each plane
const NONE = -1;

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

if (!window.DecompressionStream) {
  byId("here").textContent = "This page needs a browser of 2023 or later.";
  throw new Error("no DecompressionStream");
}

async function unpacked(id) {
  const packed = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// A plane has rows and columns of pixels of `high` x `wide` mm. Its slice `s` begins at the voxel
// first(s); down and right are the steps to the next row and column. place: from a row and a
// column to the slices of the other two planes.
const planes = [
  { name: "axial", rows: H, columns: W, high: HIGH, wide: WIDE, left: "R", top: "A",
    first: (s) => s * H * W, down: W, right: 1,
    place: (row, column) => [at[0], row, column], cross: () => [at[1], at[2]] },
  { name: "coronal", rows: D, columns: W, high: DEEP, wide: WIDE, left: "R", top: "S",
    first: (s) => (D - 1) * H * W + s * W, down: -H * W, right: 1,
    place: (row, column) => [D - 1 - row, at[1], column], cross: () => [D - 1 - at[0], at[2]] },
  { name: "sagittal", rows: D, columns: H, high: DEEP, wide: HIGH, left: "A", top: "S",
    first: (s) => (D - 1) * H * W + s, down: -H * W, right: W,
    place: (row, column) => [D - 1 - row, column, at[2]], cross: () => [D - 1 - at[0], at[1]] },
];
planes.forEach((plane, axis) => Object.assign(plane, { axis, count: facts.shape[axis] }));
const shown = facts.shown.map((axis) => planes[axis]);

// ---- what is shown

const image = await unpacked("image");
const loaded = new Map(); // overlays are unpacked when they are first chosen
const chosen = { lines: NONE, areas: NONE };
const visible = facts.classes.map(() => true);
let [darkest, brightest] = facts.window;

async function choose(kind, index) {
  if (index !== NONE && !loaded.has(index)) loaded.set(index, await unpacked(`overlay-${index}`));
  chosen[kind] = index;
  draw();
}

// For a class: whether a voxel of an overlay belongs to it.
function member(overlay, index) {
  const bits = loaded.get(overlay), start = (index >> 3) * SIZE, bit = 1 << (index & 7);
  return (voxel) => (bits[start + voxel] & bit) !== 0;
}

// ---- drawing

const colours = facts.classes.map(({ colour }) =>
  [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16)));
const buffer = document.createElement("canvas");

// Draws one colour a voxel over the whole canvas. paint(pixels, place in pixels, voxel)
function fill(plane, context, smooth, paint) {
  const { rows, columns, down, right } = plane;
  Object.assign(buffer, { width: columns, height: rows });
  const small = buffer.getContext("2d", { willReadFrequently: true });
  const pixels = small.createImageData(columns, rows);
  const first = plane.first(at[plane.axis]);
  for (let row = 0, place = 0; row < rows; row++)
    for (let column = 0; column < columns; column++, place += 4)
      paint(pixels.data, place, first + row * down + column * right);
  small.putImageData(pixels, 0, 0);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(buffer, 0, 0, context.canvas.width, context.canvas.height);
}

// The border of one class, along the sides of its voxels.
function border(plane, isIn) {
  const { rows, columns, down, right, canvas } = plane;
  const first = plane.first(at[plane.axis]), path = new Path2D();
  const y = canvas.height / rows, x = canvas.width / columns;
  const on = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns &&
    isIn(first + row * down + column * right);
  for (let row = 0; row <= rows; row++)
    for (let column = 0; column <= columns; column++) {
      const here = on(row, column);
      if (here !== on(row - 1, column)) {
        path.moveTo(column * x, row * y);
        path.lineTo((column + 1) * x, row * y);
      }
      if (here !== on(row, column - 1)) {
        path.moveTo(column * x, row * y);
        path.lineTo(column * x, (row + 1) * y);
      }
    }
  return path;
}

function drawPlane(plane) {
  const { canvas } = plane, dots = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * dots));
  const height = Math.max(1, Math.round(canvas.clientHeight * dots));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const steps = Uint8ClampedArray.from({ length: 256 }, (_, grey) =>
    255 * (grey - darkest) / Math.max(1, brightest - darkest));
  fill(plane, context, true, (pixels, place, voxel) => {
    pixels[place] = pixels[place + 1] = pixels[place + 2] = steps[image[voxel]];
    pixels[place + 3] = 255;
  });
  const drawn = [...colours.keys()].filter((index) => visible[index]);
  if (chosen.areas !== NONE) {
    const tests = drawn.map((index) => member(chosen.areas, index)).reverse();
    const tones = drawn.map((index) => colours[index]).reverse(); // a later class covers an earlier
    fill(plane, context, false, (pixels, place, voxel) => {
      const found = tests.findIndex((isIn) => isIn(voxel));
      if (found >= 0) pixels.set([...tones[found], 110], place);
    });
  }
  if (chosen.lines !== NONE) {
    const paths = drawn.map((index) => border(plane, member(chosen.lines, index)));
    // Earlier classes are thicker: they are seen where the borders of two classes agree.
    const thick = (place) => 1.8 + 1.5 * Math.min(2, drawn.length - 1 - place);
    paths.forEach((path, place) =>
      stroke(context, path, "rgb(0 0 0 / 60%)", (thick(place) + 1.7) * dots));
    paths.forEach((path, place) =>
      stroke(context, path, facts.classes[drawn[place]].colour, thick(place) * dots));
  }
  const [row, column] = plane.cross();
  if (byId("cross").checked) {
    const cross = new Path2D(), x = (column + .5) * width / plane.columns;
    const y = (row + .5) * height / plane.rows;
    cross.moveTo(x, 0);
    cross.lineTo(x, height);
    cross.moveTo(0, y);
    cross.lineTo(width, y);
    stroke(context, cross, "rgb(255 255 255 / 35%)", dots);
  }
  context.font = `${12 * dots}px system-ui, sans-serif`;
  context.fillStyle = "#fff";
  context.fillText(plane.left, 4 * dots, height / 2);
  context.fillText(plane.top, width / 2, 13 * dots);
  plane.slider.value = at[plane.axis];
  plane.number.textContent = `${plane.name} ${at[plane.axis] + 1} of ${plane.count}`;
}

function stroke(context, path, style, thick) {
  Object.assign(context, { strokeStyle: style, lineWidth: thick, lineCap: "round" });
  context.stroke(path);
}

function classesHere(overlay, voxel) {
  if (overlay === NONE) return "";
  const names = facts.classes.filter((_, index) => member(overlay, index)(voxel));
  return `${facts.overlays[overlay]}: ${names.map(({ name }) => name).join(", ") || "nothing"}`;
}

function describe() {
  const voxel = (at[0] * H + at[1]) * W + at[2], [low, high] = facts.values;
  const shorter = (value) => Number(value.toPrecision(4));
  const scaled = (grey) => shorter(grey / 255 * (high - low));
  const both = new Set([classesHere(chosen.lines, voxel), classesHere(chosen.areas, voxel)]);
  byId("here").textContent = [`At the crosshair: value ${shorter(low + scaled(image[voxel]))}`,
    ...both].filter(Boolean).join("; ");
  const level = low + scaled((darkest + brightest) / 2);
  byId("level-label").textContent = `Level ${shorter(level)}`;
  byId("window-label").textContent = `Window ${scaled(brightest - darkest)}`;
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    shown.forEach(drawPlane);
    describe();
  });
}

// ---- the page

function go(places) {
  places.forEach((place, axis) => {
    at[axis] = Math.max(0, Math.min(facts.shape[axis] - 1, place));
  });
  draw();
}

const step = (axis, by) => go(at.map((place, other) => (other === axis ? place + by : place)));

function follow(plane, event) {
  const box = plane.canvas.getBoundingClientRect();
  const row = Math.floor((event.clientY - box.top) / box.height * plane.rows);
  const column = Math.floor((event.clientX - box.left) / box.width * plane.columns);
  go(plane.place(row, column));
}

for (const plane of shown) {
  const ratio = `${plane.columns * plane.wide} / ${plane.rows * plane.high}`;
  plane.canvas = element("canvas", { tabindex: 0, style: `aspect-ratio: ${ratio}`, role: "img",
    id: plane.name, "aria-label": `${plane.name} plane` });
  plane.slider = element("input", { type: "range", min: 0, max: plane.count - 1,
    "aria-label": `${plane.name} slice` });
  plane.number = element("span");
  plane.figure = element("figure", {}, plane.canvas,
    element("figcaption", {}, plane.number, plane.slider));
  plane.canvas.addEventListener("pointerdown", (event) => {
    plane.canvas.setPointerCapture(event.pointerId);
    follow(plane, event);
  });
  plane.canvas.addEventListener("pointermove", (event) => event.buttons && follow(plane, event));
  plane.canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    step(plane.axis, event.deltaY > 0 ? 1 : -1);
  }, { passive: false });
  plane.canvas.addEventListener("keydown", (event) => {
    const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (by) event.preventDefault();
    step(plane.axis, by ?? 0);
  });
  plane.slider.addEventListener("input", () => step(plane.axis, plane.slider.value - at[plane.axis]));
}

// Coronal and sagittal above, axial and the panel below: all three planes at one scale.
const order = [planes[1], planes[2], planes[0]].filter((plane) => shown.includes(plane));
byId("planes").prepend(...order.map(({ figure }) => figure));
function arrange() {
  const wide = window.innerWidth > 700 && shown.length > 1;
  const [across, tall] = shown.length > 1 ? [W * WIDE + H * HIGH, D * DEEP + H * HIGH]
    : [2 * W * WIDE, H * HIGH];
  const two = shown.length > 1 ? `minmax(0, ${W * WIDE}fr) minmax(0, ${H * HIGH}fr)` : "1fr 1fr";
  byId("planes").style.gridTemplateColumns = wide || shown.length === 1 ? two : "minmax(0, 1fr)";
  const high = Math.max(300, window.innerHeight - 90); // captions and gaps take the rest
  byId("planes").style.maxWidth = wide ? `${Math.max(640, high * across / tall)}px` : "";
  draw();
}
window.addEventListener("resize", arrange);

facts.classes.forEach(({ name, colour }, index) => {
  const box = element("input", { type: "checkbox" });
  box.checked = true;
  box.addEventListener("change", () => {
    visible[index] = box.checked;
    draw();
  });
  byId("classes").append(element("label", {}, box, element("i", { style: `background:${colour}` }),
    name));
});
for (const kind of ["lines", "areas"]) {
  byId(kind).append(element("option", { value: NONE }, "none"), ...facts.overlays.map((name, index) =>
    element("option", { value: index }, name)));
  byId(kind).addEventListener("change", () => choose(kind, Number(byId(kind).value)));
}
function setGrey(low, high) {
  [darkest, brightest] = [low, high];
  byId("level").value = (low + high) / 2;
  byId("window").value = high - low;
  draw();
}
for (const id of ["level", "window"]) {
  byId(id).addEventListener("input", () => {
    const level = Number(byId("level").value), half = Number(byId("window").value) / 2;
    setGrey(level - half, level + half);
  });
}
byId("reset").addEventListener("click", () => setGrey(...facts.window));
byId("cross").addEventListener("change", draw);

for (const [kind, index] of [["lines", 0], ["areas", facts.overlays.length > 1 ? 1 : NONE]]) {
  byId(kind).value = index;
  await choose(kind, index);
}
setGrey(...facts.window);
arrange();
document.body.dataset.ready = "yes";
