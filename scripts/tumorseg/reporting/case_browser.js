const read = (id) => JSON.parse(document.getElementById(id).textContent);
const { setups, metrics, truth, classes = [] } = read("facts");
const cases = read("cases");
const byId = (id) => document.getElementById(id);
const NAMESPACE = document.querySelector("svg").namespaceURI;
let metric = 0; // index in `metrics` of the metric that is shown

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const element = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);
const drawing = (name, attributes, ...children) =>
  filled(document.createElementNS(NAMESPACE, name), attributes, children);

function format(value, index = metric) {
  if (value === null) return "NaN";
  return value.toFixed(isShare(index) ? 3 : 1);
}

// Distances have no upper limit: a full bar is the largest value of all cases.
const maxima = metrics.map((_, index) =>
  Math.max(1e-9, ...cases.flatMap((item) => item.values.map((row) => row[index] ?? 0))));
const isShare = (index) => maxima[index] <= 1;

// ---- pictures

function outline(path, attributes) {
  return drawing("path", { d: path, transform: "translate(.5 .5)", ...attributes });
}

function strokes(item) {
  const contours = [
    outline(item.truth, { class: "casing of-truth" }),
    outline(item.truth, { class: "truth of-truth", stroke: truth }),
  ];
  item.drawn.forEach((prediction, index) => {
    if (!prediction) return;
    const { colour, dash } = setups[index];
    const look = { class: `of-${index}`, stroke: colour, "stroke-dasharray": dash };
    contours.push(outline(prediction.contour, look));
  });
  return contours;
}

function view(item, url, lines, label) {
  const [x, y, width, height] = item.box;
  const image = drawing("image", { href: url, x, y, width, height, preserveAspectRatio: "none" });
  const box = { viewBox: item.box.join(" "), role: "img", "aria-label": label };
  return drawing("svg", box, image, ...lines);
}

function thumbnail(item) {
  const label = `open case ${item.case}`;
  const picture = view(item, item.image, strokes(item), "");
  picture.setAttribute("aria-hidden", "true");
  return element("button", { type: "button", "aria-label": label }, picture);
}

// ---- the table

function bar(name, value, colour, failed, missed) {
  const part = value === null ? 0 : Math.min(1, value / (isShare(metric) ? 1 : maxima[metric]));
  const fill = element("i", { style: `width:${100 * part}%;background:${colour}` });
  const bad = failed ? "failed" : missed ? `✕ ${format(value)}` : "";
  const number = element("span", { class: bad ? "number bad" : "number" }, bad || format(value));
  const label = element("span", { class: "name", title: name }, name);
  return element("div", { class: "line" }, label,
    element("span", { class: "track" }, fill), number);
}

// Undefined values come last in both directions.
const compare = (sign) => (a, b) => {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return sign * (a - b);
};
DataTable.type("metric", { order: { pre: (value) => value, asc: compare(1), desc: compare(-1) } });

const column = (value, display) => (item, kind) => {
  if (kind === "display") return display(item);
  return kind === "filter" ? value(item) ?? "" : value(item);
};
const text = (value) => document.createTextNode(value);
const missing = (item) => item.missed.filter((value) => value > 0).length;
const failures = (item) => item.failed.filter(Boolean).length;
const verdict = (item) => [
  missing(item) ? `✕ missed by ${missing(item)} of ${setups.length}` : "",
  failures(item) ? `${failures(item)} failed` : "",
].filter(Boolean).join(", ");

const filter = (extend) => {
  // Without these two, "greater" is the first choice.
  const content = [{ extend, excludeLogic: ["equal", "notEqual"] }];
  return ["order", { extend: "dropdown", icon: "search", content }];
};
const plain = (name, kind) => ({
  name,
  className: name,
  data: (item) => String(item[name]),
  render: DataTable.render.text(),
  columnControl: filter(kind),
});
const number = (name, className, value, display) => ({
  name, className, type: "metric", data: column(value, display),
  columnControl: filter("searchNumber"),
});
const columns = [
  { name: "picture", className: "picture", orderable: false, columnControl: [],
    data: column(() => "", thumbnail) },
  plain("case", "searchText"),
  plain("plane", "searchList"),
  plain("fold", "searchList"),
  plain("patient", "searchList"),
  number("missed by", "missed", missing, (item) => text(verdict(item))),
  number("mean", "value mean", (item) => item.means[metric],
    (item) => bar("mean", item.means[metric], "#59636e")),
  ...setups.map(({ name, colour }, index) => number(name, "value",
    (item) => item.values[index][metric],
    (item) => bar(name, item.values[index][metric], colour, item.failed[index],
      item.missed[index] > 0))),
];
const MEAN = 6;
const direction = () => (metrics[metric].low ? "asc" : "desc");

// Names are added as text, because DataTables treats titles as HTML.
byId("cases-table").append(element("thead", {},
  element("tr", {}, ...columns.map(({ name }) => element("th", {}, name)))));

const table = new DataTable("#cases-table", {
  data: cases,
  columns: columns.map(({ name, ...column }) => column),
  autoWidth: false,
  deferRender: true,
  order: [[MEAN, direction()]],
  ordering: { indicators: false },
  pageLength: 24,
  lengthMenu: [24, 60, 120],
  layout: { topStart: "info", topEnd: "paging", bottomStart: "pageLength", bottomEnd: "paging" },
  language: { info: "_START_ to _END_ of _TOTAL_ cases", infoEmpty: "no cases",
    infoFiltered: "(of _MAX_)", zeroRecords: "No case matches these filters.",
    lengthMenu: "_MENU_ per page" },
});
byId("cases-table").classList.toggle("many", setups.length > 6);
byId("cases-table").addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  const item = row && table.row(row).data();
  if (item) open(item);
});

// ---- the summary and the controls above the table

const patients = new Set(cases.map((item) => item.patient)).size;
const missedByAll = cases.filter((item) => missing(item) === setups.length).length;
const missedByAny = cases.filter(missing).length;
byId("summary").append(element("b", {}, `${cases.length} test cases`),
  ` of ${patients} patients, ${setups.length} set-ups; ` +
  `${missedByAny} tumours missed by at least one set-up, ${missedByAll} by all.`);
metrics.forEach(({ label }, index) =>
  byId("metric").append(element("option", { value: index }, label)));
byId("metric").addEventListener("change", (event) => {
  metric = Number(event.target.value);
  const [[ordered]] = table.order();
  table.rows().invalidate();
  table.order([Math.max(ordered ?? MEAN, MEAN), direction()]).draw();
});
byId("reset").addEventListener("click", () => {
  table.columns().columnControl.searchClear();
  table.order([MEAN, direction()]).draw();
});

const lines = [
  { id: "truth", name: "ground truth (white border)", colour: truth, dash: "", shown: true },
  ...setups.map((setup, index) => ({ id: index, ...setup })),
];
for (const { id, name, colour, dash, shown } of lines) {
  byId("style").sheet.insertRule(`.hide-${id} .of-${id} { display: none }`);
  document.body.classList.toggle(`hide-${id}`, !shown);
  const box = element("input", { type: "checkbox", "data-of": id });
  box.checked = shown;
  box.addEventListener("change", () => document.body.classList.toggle(`hide-${id}`, !box.checked));
  const line = { d: "M4 7h18", stroke: colour, "stroke-dasharray": dash };
  const sample = drawing("svg", { viewBox: "0 0 26 14", "aria-hidden": "true" },
    ...(id === "truth" ? [drawing("path", { ...line, class: "casing" })] : []),
    drawing("path", { ...line, class: id === "truth" ? "truth" : "" }));
  byId("outlines").append(element("label", {}, box, sample, name));
}
const boxes = [...byId("outlines").querySelectorAll("input")];
const toggle = element("button", { type: "button" }, "all or none");
toggle.addEventListener("click", () => {
  const checked = !boxes.every((box) => box.checked);
  for (const box of boxes) if (box.checked !== checked) box.click();
});
byId("outlines").append(toggle);

// ---- the enlarged case

let current = null;

function tableOf(item) {
  const head = element("tr", {}, element("th", {}, "set-up"),
    ...metrics.map(({ label }) => element("th", {}, label)), element("th", {}, "missed"));
  const rows = setups.map(({ name, colour }, index) => {
    const dot = element("i", { style: `background:${colour}` });
    const title = element("th", { scope: "row" }, dot, name);
    if (item.failed[index]) {
      const span = { class: "bad", colspan: metrics.length + 1 };
      return element("tr", {}, title, element("td", span, "training failed"));
    }
    const missed = item.missed[index];
    return element("tr", {}, title,
      ...item.values[index].map((value, place) => element("td", {}, format(value, place))),
      element("td", { class: missed > 0 ? "bad" : "" },
        missed === null ? "NaN" : missed === 0 ? "no" : missed === 1 ? "✕ yes" : `✕ ${missed.toFixed(2)}`));
  });
  const mean = element("tr", { class: "mean" }, element("th", { scope: "row" }, "mean"),
    ...item.means.map((value, place) => element("td", {}, format(value, place))),
    element("td", {}, `${missing(item)} of ${setups.length}`));
  return element("table", {}, head, ...rows, mean);
}

function map(item, prediction, index) {
  const { name, colour } = setups[index];
  const dot = element("i", { style: `background:${colour}` });
  const caption = element("figcaption", {}, dot, `${name}, Dice ${format(item.values[index][0], 0)}`);
  if (!prediction) {
    return element("figure", {}, caption, element("div", { class: "none bad" }, "training failed"));
  }
  const borders = [
    outline(item.truth, { class: "truth" }),
    outline(prediction.contour, { stroke: colour }),
  ];
  const picture = view(item, prediction.map, borders, `probability map of ${name}`);
  return element("figure", { class: "map" }, caption, picture);
}

// ---- the planes of a volume, or a picture of several classes: colours are classes, the dashed lines are one set-up's

let dashed = Math.max(0, setups.findIndex(({ shown }) => shown));
const ofClasses = element("div", { class: "classes" });

function plane(item) {
  // Earlier classes are thicker: they are seen where the borders of two classes agree.
  const thick = (index) => 1.8 + 1.2 * Math.min(2, classes.length - 1 - index);
  const of = (paths, name, width, attributes = {}) => (paths ?? []).map((path, index) =>
    outline(path, { class: `${name} class-${index}`, style: `stroke-width:${width(index)}`,
      stroke: name === "casing" ? "#fff" : classes[index].colour, ...attributes }));
  const lines = [...of(item.truth, "casing", (index) => thick(index) + 1.6),
    ...of(item.truth, "truth", thick),
    ...of(item.drawn[dashed], "dashed", () => 1.5, { "stroke-dasharray": "4 3" })];
  const [, , width, height] = item.box;
  const picture = view(item, item.image ?? current.image, lines, item.label);
  return { width, height, figure: element("figure", {}, picture, element("figcaption", {}, item.label)) };
}

function volume(item) {
  const [axial, coronal, sagittal] = item.planes.map(plane);
  const drawn = [coronal, sagittal, axial].filter(Boolean); // as the volume's own page has them
  const widths = drawn.slice(0, 2).map(({ width }) => `minmax(0, ${width}fr)`).join(" ");
  const isFile = /^(file|https?):$/.test(location.protocol); // and not a frame of the report
  const link = isFile ? element("a", { href: item.viewer, target: "_blank" }, "Look through the volume")
    : `To look through the volume, open ${item.viewer}, beside the page of all cases.`;
  const about = element("div", {}, ofClasses, element("p", {}, item.viewer ? link : ""));
  return element("div", { class: "planes", style: `grid-template-columns: ${widths}` },
    ...drawn.map(({ figure }) => figure), about);
}

if (classes.length) {
  const choice = element("select", { id: "dashed" });
  setups.forEach(({ name }, index) => choice.append(element("option", { value: index }, name)));
  choice.value = dashed;
  choice.addEventListener("change", () => {
    dashed = Number(choice.value);
    open(current);
    choice.focus();
  });
  const shown = classes.map(({ name, colour }, index) => {
    byId("style").sheet.insertRule(`.hide-class-${index} .class-${index} { display: none }`);
    const box = element("input", { type: "checkbox", "data-class": index });
    box.checked = true;
    box.addEventListener("change", () =>
      document.body.classList.toggle(`hide-class-${index}`, !box.checked));
    const dot = element("i", { style: `background:${colour}` });
    return element("label", {}, box, dot, name);
  });
  ofClasses.append(element("fieldset", {}, element("legend", {}, "Classes"), ...shown),
    element("label", {}, "Dashed lines ", choice),
    element("p", { class: "hint" }, "Lines with a white border are the ground truth."));
}

function open(item) {
  current = item;
  const order = table.rows({ order: "applied", search: "applied" }).data().toArray();
  const about = `patient ${item.patient}, ${item.plane}, fold ${item.fold}; ` +
    `${order.indexOf(item) + 1} of ${order.length}`;
  byId("large-title").replaceChildren(`Case ${item.case} `, element("small", {}, about));
  byId("picture").replaceChildren(
    item.planes ? volume(item) : view(item, item.image, strokes(item), `case ${item.case}`));
  byId("numbers").replaceChildren(tableOf(item));
  byId("maps").replaceChildren(...item.drawn.map((prediction, index) => map(item, prediction, index)));
  if (byId("large").open) return;
  byId("large").showModal();
  byId("large").focus(); // and not its first button, so that Enter changes nothing
}

function step(by) {
  const order = table.rows({ order: "applied", search: "applied" }).data().toArray();
  const next = order[order.indexOf(current) + by];
  if (next) open(next);
}

byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => byId("large").close());
byId("large").addEventListener("keydown", ({ key, target }) =>
  step(target.matches("select") ? 0 : { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0));
byId("large").addEventListener("click", (event) => {
  if (event.target === byId("large")) byId("large").close();
});
