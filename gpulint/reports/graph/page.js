
"use strict";

// The page is a function of the data block and of the state in the address: #q=…&ns=…&class=…&gets=…&open=…
// Text from the input only ever goes through `textContent`.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const FILTERS = ["q", "ns", "class", "gets"];
const GETS = {
  full: "whole GPUs",
  mig: "MIG slices",
  "shared-mig": "shares of MIG slices",
  "time-slicing": "time-sliced shares",
  mps: "MPS shares",
  shared: "shares, by either",
  unknown: "not known",
  nothing: "nothing",
};
const GAP = 14;
const REACH = 220; // not halfway down a long column
const MOST_LINES = 900; // more are only drawn around what is open

const things = new Map(); // id → box or frame, with its element
const after = new Map(); // id → ids to the right
const before = new Map(); // id → ids to the left
let state = {};
let opened = "";

function element(name, classes, text) {
  const made = document.createElement(name);
  made.className = classes || "";
  if (text !== undefined) made.textContent = text;
  return made;
}

function add(map, key, value) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(value);
}

// --- building, once --------------------------------------------------------------------------------------------------

function marks(list) {
  const all = element("span", "marks");
  for (const [severity, text] of list || []) all.append(element("b", severity, text));
  return all;
}

function card(box) {
  const classes = ["card", box.look, box.severity, box.tone].join(" ");
  const made = element(box.look === "outcome" ? "div" : "button", classes);
  if (box.title) made.append(element("span", "title", box.title));
  for (const line of box.lines) made.append(element("span", /^[✓✗]/.test(line) ? "verdict" : "", line));
  if (box.marks && box.marks.length) made.append(marks(box.marks));
  if (box.look !== "outcome") {
    made.type = "button";
    made.addEventListener("click", () => go({ open: box.id }));
  }
  return made;
}

function frame(each) {
  const made = element("section", `frame ${each.severity}`);
  const head = element("button", "head");
  head.type = "button";
  head.append(element("span", "", each.title), marks(each.marks));
  head.addEventListener("click", () => go({ open: each.id }));
  made.append(head);
  return made;
}

function remember(thing, made) {
  thing.element = made;
  const found = (thing.sections || []).filter((each) => each.title === "Findings").flatMap((each) => each.items);
  const members = (thing.members || []).flatMap((each) => [...each.lines, each.at]);
  const said = found.flatMap((each) => [each.rule, each.at, ...each.lines]);
  thing.words = [thing.title, ...(thing.lines || []), ...members, ...said].join("\n").toLowerCase();
  things.set(thing.id, thing);
}

function build(part) {
  const made = element("section", "part");
  if (part.title) made.append(element("h2", "", part.title));
  const sheet = element("div", "sheet");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  sheet.append(svg);
  part.element = made;
  part.sheet = sheet;
  part.svg = svg;
  part.columns = [];
  data.columns.forEach((title, index) => {
    const boxes = part.boxes.filter((box) => box.column === index);
    if (!data.parts.some((each) => each.boxes.some((box) => box.column === index))) return;
    const column = element("div", "column");
    if (boxes.length) column.append(element("h3", "", title));
    part.columns.push({ element: column, boxes, first: index === 0 });
    sheet.append(column);
    if (index === 0) {
      for (const each of part.frames) {
        remember(each, frame(each));
        column.append(each.element);
      }
    }
    for (const box of boxes) {
      remember(box, card(box));
      (box.frame ? things.get(box.frame).element : column).append(box.element);
    }
  });
  for (const each of part.undrawn) things.set(each.id, each); // only told of, where something cannot run
  for (const [source, target] of part.lines) {
    add(after, source, target);
    add(before, target, source);
  }
  made.append(sheet);
  byId("map").append(made);
}

function options(select, all, values, name) {
  const first = element("option", "", all);
  first.value = "";
  select.append(first);
  for (const value of [...values].sort()) {
    const option = element("option", "", name(value));
    option.value = value;
    select.append(option);
  }
}

// --- what is shown ---------------------------------------------------------------------------------------------------

function reach(start, map) {
  const found = new Set();
  const waiting = [start];
  while (waiting.length) {
    for (const next of map.get(waiting.pop()) || []) {
      if (!found.has(next)) {
        found.add(next);
        waiting.push(next);
      }
    }
  }
  return found;
}

function chosen(part) {
  const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (thing) => words.every((word) => thing.words.includes(word));
  const filtered = FILTERS.some((name) => state[name]);
  const shown = new Set();
  for (const box of part.boxes) {
    if (!filtered) {
      shown.add(box.id);
      continue;
    }
    if (box.column !== 0) {
      if (words.length && matches(box) && !state.ns && !state.class && !state.gets && box.look !== "outcome") {
        shown.add(box.id);
      }
      continue;
    }
    if (state.ns && things.get(box.frame).name !== state.ns) continue;
    if (state.class && box.class !== state.class) continue;
    if (state.gets && !box.gets.includes(state.gets)) continue;
    const around = reach(box.id, after);
    const near = () => matches(things.get(box.frame)) || [...around].some((id) => matches(things.get(id)));
    if (words.length && !matches(box) && !near()) continue;
    shown.add(box.id);
    for (const id of around) shown.add(id);
  }
  return shown;
}

function lit() {
  const open = things.get(state.open);
  if (!open || open.column === undefined) return null;
  return new Set([open.id, ...reach(open.id, after), ...reach(open.id, before)]);
}

function show() {
  const around = lit();
  let workloads = 0;
  for (const part of data.parts) {
    part.shown = chosen(part);
    part.element.hidden = !part.shown.size;
    for (const box of part.boxes) {
      box.element.hidden = !part.shown.has(box.id);
      box.element.classList.toggle("dim", Boolean(around) && !around.has(box.id));
      box.element.classList.toggle("open", state.open === box.id);
      if (box.column === 0 && !box.element.hidden) workloads += box.members.length;
    }
    for (const each of part.frames) {
      each.element.hidden = !part.boxes.some((box) => box.frame === each.id && part.shown.has(box.id));
      each.element.classList.toggle("open", state.open === each.id);
    }
  }
  const crowded = data.parts.some((part) => linesOf(part).length > MOST_LINES);
  byId("shown").textContent =
    (workloads === 1 ? "1 workload" : `${workloads} workloads`) + (crowded ? "; open one to see its lines" : "");
  byId("nothing").hidden = data.parts.some((part) => part.shown.size);
  for (const name of FILTERS) if (byId(name).value !== (state[name] || "")) byId(name).value = state[name] || "";
  panel();
  arrange();
  const open = things.get(state.open);
  if (open && open.element && opened !== state.open) open.element.scrollIntoView({ block: "nearest" });
  opened = state.open;
}

// --- places: columns are given, each box goes near what it is connected to, none over another ------------------------

function arrange() {
  const around = lit();
  for (const part of data.parts) {
    if (part.element.hidden) continue;
    place(part);
    draw(part, around);
  }
}

function place(part) {
  const top = part.sheet.getBoundingClientRect().top;
  const middles = new Map();
  let bottom = 0;
  for (const column of part.columns) {
    const boxes = column.boxes.filter((box) => part.shown.has(box.id));
    const offset = column.element.getBoundingClientRect().top - top;
    if (column.first) {
      for (const box of boxes) {
        const at = box.element.getBoundingClientRect();
        middles.set(box.id, (at.top + at.bottom) / 2 - top - offset);
        bottom = Math.max(bottom, at.bottom - top - offset + 12);
      }
      continue;
    }
    let last = 0;
    const items = boxes.map((box) => {
      const known = [...(before.get(box.id) || [])].map((id) => middles.get(id)).filter((y) => y !== undefined);
      const mean = known.reduce((sum, y) => sum + y, 0) / known.length;
      if (known.length) last = Math.min(mean, Math.min(...known) + REACH);
      else last = Math.max(last, ...middles.values());
      return { box, height: box.element.offsetHeight, wanted: last };
    });
    items.sort((one, other) => one.wanted - other.wanted);
    for (const { box, height, y } of stacked(items)) {
      box.element.style.top = `${y}px`;
      middles.set(box.id, y + height / 2);
      bottom = Math.max(bottom, y + height);
    }
  }
  part.sheet.style.minHeight = `${bottom + 40}px`;
}

function stacked(items) {
  let run = 0;
  const blocks = [];
  for (const item of items) {
    item.offset = run;
    run += item.height + GAP;
    blocks.push({ value: item.wanted - item.height / 2 - item.offset, count: 1 });
    while (blocks.length > 1 && blocks[blocks.length - 2].value > blocks[blocks.length - 1].value) {
      const upper = blocks.pop();
      const lower = blocks.pop();
      const count = lower.count + upper.count;
      blocks.push({ value: (lower.value * lower.count + upper.value * upper.count) / count, count });
    }
  }
  let index = 0;
  for (const block of blocks) {
    for (let left = block.count; left; left -= 1) {
      items[index].y = Math.max(block.value, 0) + items[index].offset;
      index += 1;
    }
  }
  return items;
}

function linesOf(part) {
  return part.lines.filter(([source, target]) => part.shown.has(source) && part.shown.has(target));
}

function draw(part, around) {
  const origin = part.sheet.getBoundingClientRect();
  let lines = linesOf(part);
  const isLit = ([source, target]) => around && around.has(source) && around.has(target);
  if (lines.length > MOST_LINES) lines = lines.filter(isLit);
  const at = (id) => things.get(id).element.getBoundingClientRect();
  const leaving = ports(lines, 0, 1, at);
  const arriving = ports(lines, 1, 0, at);
  part.svg.replaceChildren(
    ...lines.map((line) => {
      const [source, target, tone, dashed] = line;
      const x1 = at(source).right - origin.left;
      const x2 = at(target).left - origin.left;
      const y1 = leaving.get(line) - origin.top;
      const y2 = arriving.get(line) - origin.top;
      const bend = Math.max((x2 - x1) / 2, 20);
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
      const style = around ? (isLit(line) ? "lit" : "dim") : "";
      path.setAttribute("class", `${tone} ${dashed ? "dashed" : ""} ${style}`);
      return path;
    }),
  );
}

function ports(lines, mine, other, at) {
  const byBox = new Map();
  for (const line of lines) {
    if (!byBox.has(line[mine])) byBox.set(line[mine], []);
    byBox.get(line[mine]).push(line);
  }
  const found = new Map();
  for (const [id, same] of byBox) {
    const box = at(id);
    same.sort((one, two) => at(one[other]).top - at(two[other]).top);
    same.forEach((line, index) => found.set(line, box.top + (box.height * (index + 1)) / (same.length + 1)));
  }
  return found;
}

// --- the panel -------------------------------------------------------------------------------------------------------

function panel() {
  const open = state.open === "elsewhere" ? ELSEWHERE : things.get(state.open);
  byId("panel").hidden = !open;
  if (!open || byId("panel").dataset.open === open.id) {
    if (!open) delete byId("panel").dataset.open;
    return;
  }
  byId("panel").dataset.open = open.id;
  byId("panel-title").textContent = open.title;
  const where = [open.frame && things.get(open.frame).title, open.members && open.members.length && open.members[0].at];
  byId("panel-where").textContent = where.filter(Boolean).join(", ");
  byId("panel-body").replaceChildren(...open.sections.flatMap(section));
  byId("panel").scrollTop = 0;
}

function section({ title, items }) {
  const list = element("ul");
  list.append(...items.map(item));
  return [element("h3", "", title), list];
}

function item(each) {
  const made = element("li", each.severity || each.tone || "");
  if (each.rule) {
    const sure = each.confidence === "high" ? "" : ` (confidence ${each.confidence})`;
    made.append(element("div", `tag ${each.severity}`, `${each.severity}[${each.rule}]${sure}`));
  }
  for (const line of each.lines) made.append(element("div", /^(not |partly )?as rec/.test(line) ? "verdict" : "", line));
  if (each.at) made.append(element("code", "", each.at));
  for (const more of each.more || []) {
    const line = element("div", "related", `${more.lines.join(" ")} `);
    line.append(element("code", "", more.at));
    made.append(line);
  }
  if (each.fix) made.append(element("div", "fix", `fix: ${each.fix}`));
  for (const id of each.to || []) if (things.has(id)) made.append(link(id));
  return made;
}

function link(id) {
  const thing = things.get(id);
  const made = element("button", "link", thing.title);
  made.type = "button";
  if (thing.members && thing.members.length) made.append(element("code", "", thing.members[0].at));
  made.addEventListener("click", () => go({ open: id }));
  return made;
}

// --- state -----------------------------------------------------------------------------------------------------------

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries([...FILTERS, "open"].map((name) => [name, given.get(name) || ""]));
}

function go(changes) {
  const next = { ...state, ...changes };
  const given = new URLSearchParams(Object.entries(next).filter(([, value]) => value));
  const moved = changes.open && changes.open !== state.open;
  history.replaceState(null, "", `#${given}`);
  read();
  show();
  if (moved) byId("panel-title").focus();
}

function close() {
  const opener = things.get(state.open);
  go({ open: "" });
  if (opener && opener.element) (opener.element.querySelector("button") || opener.element).focus();
}

const ELSEWHERE = { id: "elsewhere", title: "Findings about nothing in the picture", sections: data.elsewhere };

byId("subtitle").textContent = data.subtitle;
byId("not-analysed").textContent = data.notAnalysed;
for (const part of data.parts) build(part);
const nothing = element("p", "empty", data.parts.length ? "Nothing matches." : "Nothing in the input uses GPUs.");
nothing.id = "nothing";
byId("map").append(nothing);
const work = data.parts.flatMap((part) => part.boxes.filter((box) => box.column === 0));
options(byId("ns"), "all", new Set(data.parts.flatMap((part) => part.frames.map((each) => each.name))), (name) => name);
options(byId("class"), "all", new Set(work.map((box) => box.class)), (name) => name);
options(byId("gets"), "anything", new Set(work.flatMap((box) => box.gets)), (name) => GETS[name] || name);
if (data.elsewhere.length) {
  byId("elsewhere").hidden = false;
  byId("elsewhere").textContent = `${data.elsewhere[0].items.length} findings elsewhere`;
  byId("elsewhere").addEventListener("click", () => go({ open: "elsewhere" }));
}

for (const name of FILTERS) byId(name).addEventListener("input", () => go({ [name]: byId(name).value }));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", () => go(Object.fromEntries(FILTERS.map((name) => [name, ""]))));
byId("close").addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.open) close();
  if (event.key === "/" && !/^(INPUT|SELECT)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    byId("q").focus();
  }
});
window.addEventListener("hashchange", () => {
  read();
  show();
});
new ResizeObserver(arrange).observe(byId("map"));
read();
show();
document.documentElement.dataset.ready = "true";
