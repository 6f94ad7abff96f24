const read = (id) => JSON.parse(document.getElementById(id).textContent);
const { setups, metrics, truth } = read("facts");
const cases = read("cases");
const byId = (id) => document.getElementById(id);
const NAMESPACE = document.querySelector("svg").namespaceURI;
let metric = 0; // the place of the chosen one in `metrics`

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawing(name, attributes, ...children) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function written(value, index = metric) {
  if (value === null) return "NaN";
  return value.toFixed(isShare(index) ? 3 : 1);
}

// Distances have no fixed end: their bars end at the worst value of all cases.
const ends = metrics.map((_, index) =>
  Math.max(1e-9, ...cases.flatMap((one) => one.values.map((row) => row[index] ?? 0))));
const isShare = (index) => ends[index] <= 1;

// ---- pictures

function outline(path, attributes) {
  return drawing("path", { d: path, transform: "translate(.5 .5)", ...attributes });
}

function strokes(one) {
  const lines = [
    outline(one.truth, { class: "casing of-truth" }),
    outline(one.truth, { class: "truth of-truth", stroke: truth }),
  ];
  one.drawn.forEach((answer, index) => {
    if (!answer) return;
    const { colour, dash } = setups[index];
    const look = { class: `of-${index}`, stroke: colour, "stroke-dasharray": dash };
    lines.push(outline(answer.contour, look));
  });
  return lines;
}

function view(one, url, lines, label) {
  const [x, y, width, height] = one.box;
  const image = drawing("image", { href: url, x, y, width, height, preserveAspectRatio: "none" });
  const box = { viewBox: one.box.join(" "), role: "img", "aria-label": label };
  return drawing("svg", box, image, ...lines);
}

function thumbnail(one) {
  const label = `open case ${one.case}`;
  const picture = view(one, one.image, strokes(one), "");
  picture.setAttribute("aria-hidden", "true");
  return element("button", { type: "button", "aria-label": label }, picture);
}

// ---- the table

function bar(name, value, colour, failed, missed) {
  const part = value === null ? 0 : Math.min(1, value / (isShare(metric) ? 1 : ends[metric]));
  const fill = element("i", { style: `width:${100 * part}%;background:${colour}` });
  const bad = failed ? "failed" : missed ? `✕ ${written(value)}` : "";
  const number = element("span", { class: bad ? "number bad" : "number" }, bad || written(value));
  const label = element("span", { class: "name", title: name }, name);
  return element("div", { class: "line" }, label,
    element("span", { class: "track" }, fill), number);
}

// Undefined values come last whichever way the rest is sorted.
const compare = (sign) => (a, b) => {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return sign * (a - b);
};
DataTable.type("metric", { order: { pre: (value) => value, asc: compare(1), desc: compare(-1) } });

const column = (value, display) => (one, kind) => {
  if (kind === "display") return display(one);
  return kind === "filter" ? value(one) ?? "" : value(one);
};
const text = (value) => document.createTextNode(value);
const lost = (one) => one.missed.filter((value) => value > 0).length;
const broken = (one) => one.failed.filter(Boolean).length;
const verdict = (one) => [
  lost(one) ? `✕ missed by ${lost(one)} of ${setups.length}` : "",
  broken(one) ? `${broken(one)} failed` : "",
].filter(Boolean).join(", ");

const filter = (extend) => {
  const content = [{ extend, excludeLogic: ["equal", "notEqual"] }]; // "greater" comes first
  return ["order", { extend: "dropdown", icon: "search", content }];
};
const plain = (name, kind) => ({
  name,
  className: name,
  data: (one) => String(one[name]),
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
  number("missed by", "missed", lost, (one) => text(verdict(one))),
  number("mean", "value mean", (one) => one.means[metric],
    (one) => bar("mean", one.means[metric], "#59636e")),
  ...setups.map(({ name, colour }, index) => number(name, "value",
    (one) => one.values[index][metric],
    (one) => bar(name, one.values[index][metric], colour, one.failed[index],
      one.missed[index] > 0))),
];
const MEAN = 6;
const direction = () => (metrics[metric].low ? "asc" : "desc");

// The names go in as text: DataTables would take a title for HTML.
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
  language: { info: "_START_ to _END_ of _TOTAL_ cases", infoEmpty: "no case",
    infoFiltered: "(of _MAX_)", zeroRecords: "No case is like this.",
    lengthMenu: "_MENU_ on a page" },
});
byId("cases-table").classList.toggle("many", setups.length > 6);
byId("cases-table").addEventListener("click", (event) => {
  const row = event.target.closest("tbody tr");
  const one = row && table.row(row).data();
  if (one) open(one);
});

// ---- what stands above it

const patients = new Set(cases.map((one) => one.patient)).size;
const all = cases.filter((one) => lost(one) === setups.length).length;
const some = cases.filter((one) => lost(one)).length;
byId("summary").append(element("b", {}, `${cases.length} test cases`),
  ` of ${patients} patients, ${setups.length} set-ups; ` +
  `${some} tumours missed by one or more set-ups, ${all} by all.`);
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
  { id: "truth", name: "truth (white border)", colour: truth, dash: "", shown: true },
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
const every = element("button", { type: "button" }, "all or none");
every.addEventListener("click", () => {
  const wanted = !boxes.every((box) => box.checked);
  for (const box of boxes) if (box.checked !== wanted) box.click();
});
byId("outlines").append(every);

// ---- one case, large

let current = null;

function tableOf(one) {
  const head = element("tr", {}, element("th", {}, "set-up"),
    ...metrics.map(({ label }) => element("th", {}, label)), element("th", {}, "missed"));
  const rows = setups.map(({ name, colour }, index) => {
    const dot = element("i", { style: `background:${colour}` });
    const title = element("th", { scope: "row" }, dot, name);
    if (one.failed[index]) {
      const why = { class: "bad", colspan: metrics.length + 1 };
      return element("tr", {}, title, element("td", why, "training failed"));
    }
    const missed = one.missed[index];
    return element("tr", {}, title,
      ...one.values[index].map((value, place) => element("td", {}, written(value, place))),
      element("td", { class: missed > 0 ? "bad" : "" },
        missed === null ? "NaN" : missed === 0 ? "no" : missed === 1 ? "✕ yes" : `✕ ${missed.toFixed(2)}`));
  });
  const mean = element("tr", { class: "mean" }, element("th", { scope: "row" }, "mean"),
    ...one.means.map((value, place) => element("td", {}, written(value, place))),
    element("td", {}, `${lost(one)} of ${setups.length}`));
  return element("table", {}, head, ...rows, mean);
}

function map(one, answer, index) {
  const { name, colour } = setups[index];
  const dot = element("i", { style: `background:${colour}` });
  const caption = element("figcaption", {}, dot, `${name}, Dice ${written(one.values[index][0], 0)}`);
  if (!answer) {
    return element("figure", {}, caption, element("div", { class: "none bad" }, "training failed"));
  }
  const borders = [
    outline(one.truth, { class: "truth" }),
    outline(answer.contour, { stroke: colour }),
  ];
  const picture = view(one, answer.map, borders, `probability of ${name}`);
  return element("figure", { class: "map" }, caption, picture);
}

function open(one) {
  current = one;
  const order = table.rows({ order: "applied", search: "applied" }).data().toArray();
  const about = `patient ${one.patient}, ${one.plane}, fold ${one.fold}; ` +
    `${order.indexOf(one) + 1} of ${order.length}`;
  byId("large-title").replaceChildren(`Case ${one.case} `, element("small", {}, about));
  byId("picture").replaceChildren(view(one, one.image, strokes(one), `case ${one.case}`));
  byId("numbers").replaceChildren(tableOf(one));
  byId("maps").replaceChildren(...one.drawn.map((answer, index) => map(one, answer, index)));
  if (byId("large").open) return;
  byId("large").showModal();
  byId("large").focus(); // not on its first button, so that Enter does nothing unforeseen
}

function step(by) {
  const order = table.rows({ order: "applied", search: "applied" }).data().toArray();
  const next = order[order.indexOf(current) + by];
  if (next) open(next);
}

byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("close").addEventListener("click", () => byId("large").close());
byId("large").addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
byId("large").addEventListener("click", (event) => {
  if (event.target === byId("large")) byId("large").close();
});
