// The drawing of a plan, and beside it what is planned of the part that is selected.

import { fill, h } from "./dom.js";
import { Drawing, name as nameOf } from "./drawing.js";
import { people } from "./node-path.js";
import { count, elapsed, list } from "./words.js";

const MOST_STEPS = 400;
const MOST_LOCKS = 12;
/** A text that is longer is not read in the drawing, and stands here in full. */
const LONG = 40;

/** The drawing of a plan, in which each part can be selected. */
export function planDrawing(outline) {
  const part = new PlanPart((path) => select(path));
  const drawing = new Drawing(outline, null, {
    label: "Drawing of the plan", onSelect: (path) => select(path),
  });
  const select = (path) => {
    const item = path ? drawing.find(path) : null;
    drawing.select(item ? path : null);
    part.show(item);
  };
  return h("div.with-inspector", drawing.element, part.element);
}

class PlanPart {
  /** `select` is called with nothing when it is closed. */
  constructor(select) {
    this.select = select;
    this.path = null;
    this.element = h("section.inspector", {
      "aria-label": "The selected part", "aria-live": "off", hidden: true,
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leave();
    });
  }

  /** Closes it, and goes back to where it was opened. */
  leave() {
    const { path } = this;
    this.select(null);
    const all = [...document.querySelectorAll(".drawing [data-key]")];
    const same = all.find((it) => it.dataset.key === path);
    if (same) same.focus();
  }

  /** Shows an item of the outline; nothing where there is none. */
  show(item) {
    this.path = item ? item.path : null;
    this.element.hidden = !item;
    if (!item) return;
    const locks = item.locks || [];
    fill(this.element,
      h("div.title-row", h("h2", { tabindex: "-1" }, people(item.path)), h("button.quiet", {
        type: "button", "aria-label": "Close this part", onclick: () => this.leave(),
      }, "Close")),
      h("p.dim", facts(item).join(" · ")),
      (item.notes || []).length > 0 && h("p", h("code", item.notes.join(" · "))),
      locks.length > 0 && h("p", "locks ", h("span", { title: locks.join("\n") },
        list(locks, MOST_LOCKS))),
      (item.windows || []).map((it) => h("p", `window ${it.window} of ${it.of}`,
        it.needs_ms ? ` (needs ${elapsed(it.needs_ms)})` : "")),
      isLong(item) && h("pre", { tabindex: "0", "aria-label": "Text" }, item.label.trim()),
      inside(item),
      h("p.path", h("code.whole", item.path)));
    const title = this.element.querySelector("h2");
    title.focus({ preventScroll: true });
    title.scrollIntoView({ block: "nearest" });
  }
}

const isLong = ({ kind, label }) => ["run", "send", "fetch", "log", "fail", "approve"]
  .includes(kind) && (label.includes("\n") || label.length > LONG);

function facts(item) {
  const said = [item.kind.replaceAll("-", " ")];
  if (item.using) said.push(`using ${item.using}`);
  if (item.place) said.push(`on ${item.place}`);
  if (item.cells) said.push(count(item.cells, "cell"));
  const { most } = item.deployments || {};
  if (item.kind !== "deploy" && most) said.push(count(most, "deployment"));
  const { deployments, commands } = item.width || {};
  const wide = most ? deployments : commands;
  if (wide > 1) said.push(`up to ${wide.toLocaleString("en")} at once`);
  if (item.shortest_ms) said.push(`at least ${elapsed(item.shortest_ms)}`);
  if (item.longest_ms) said.push(`at most ${elapsed(item.longest_ms)}`);
  return said;
}

/** All that is in it, in its order, and below it what is done when it fails or ends. */
function inside(item) {
  const rows = [];
  let more = 0;
  const put = (text, depth, title, isDim) => {
    if (rows.length >= MOST_STEPS) {
      more += 1;
      return;
    }
    rows.push(h("li", { class: `depth-${Math.min(depth, 6)}` },
      h("span.mark.dim", { "aria-hidden": "true" }, "·"),
      h(isDim ? "span.name.dim" : "span.name", { title }, text)));
  };
  const walk = (it, depth) => {
    for (const child of it.items || []) {
      put(nameOf(child), depth, child.label);
      walk(child, depth + 1);
    }
    if (it.unlisted) put(`and ${count(it.unlisted, "cell")} more`, depth, null, true);
    for (const handler of it.handlers || []) {
      put(`${handler.kind.replaceAll("-", " ")} ${handler.label}`.trim(), depth, null, true);
      walk(handler, depth + 1);
    }
  };
  walk(item, 0);
  if (!rows.length) return null;
  return [h("h3", "What is in it"), h("ol.steps", { role: "list" }, rows),
    more > 0 && h("p.dim", `and ${more.toLocaleString("en")} more`)];
}
