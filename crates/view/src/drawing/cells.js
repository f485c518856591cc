// The cells of a large loop or matrix: how many have which state, those that failed, and a list of
// all of them in a dialog.

import { h, newId } from "./dom.js";
import { last } from "./node-path.js";
import { COUNTED, failureText, symbol, tone, waitText, word } from "./words.js";
import { VirtualList } from "./virtual-list.js";

const OPENED = ["failed", "rollback-failed", "rolling-back", "rolled-back", "ignored", "waiting"];
const ROW = 32;
/** So many cells of a plan are seen without asking: they say what the others are like. */
const MOST_EXAMPLES = 3;

export class Cells {
  constructor(group, states, { onSelect, nameOf, insideOf, most }) {
    this.group = group;
    this.states = states;
    this.onSelect = onSelect;
    this.nameOf = nameOf;
    this.insideOf = insideOf;
    this.most = most;
    this.bar = h("div.bar-of-states", { "aria-hidden": "true" });
    this.opened = h("ul.parallel", { role: "list" });
    this.shown = "";
    this.all = h("button", { type: "button", onclick: () => this.dialog() });
    this.element = h("div.cells", this.bar, this.opened, this.all);
  }

  draw(counts) {
    const sum = [...counts.values()].reduce((a, b) => a + b, 0);
    const parts = [...counts].sort(([a], [b]) => COUNTED.indexOf(a) - COUNTED.indexOf(b));
    while (this.bar.children.length > parts.length) this.bar.lastChild.remove();
    parts.forEach(([status, number], at) => {
      const piece = this.bar.children[at] || this.bar.appendChild(h("span"));
      piece.className = tone(status);
      piece.style.setProperty("flex-grow", String(number / sum));
    });
    const noun = this.group.item.cells ? "cells" : "parts";
    const text = `All ${sum.toLocaleString("en")} ${noun}`;
    if (this.all.textContent !== text) this.all.textContent = text;
    this.open(counts);
    if (this.list) this.list.again();
  }

  /** Those that somebody has to look at are seen without asking. */
  open(counts) {
    if (!this.states) {
      const first = this.group.all.slice(0, MOST_EXAMPLES);
      this.opened.replaceChildren(...first.map((path) => h("li", this.row(path))));
      return;
    }
    if (!OPENED.some((status) => counts.has(status))) {
      if (this.shown) this.opened.replaceChildren();
      this.shown = "";
      return;
    }
    const found = [];
    for (const wanted of OPENED) {
      if (found.length >= this.most || !counts.has(wanted)) continue;
      for (const path of this.group.all) {
        if (this.states.status_of(path) === wanted) found.push(path);
        if (found.length >= this.most) break;
      }
    }
    const shown = found.map((it) => `${it} ${this.states.status_of(it)}`).join("\n");
    if (shown === this.shown) return;
    this.shown = shown;
    this.opened.replaceChildren(...found.map((path) => h("li", this.row(path))));
  }

  /** One cell as a button. */
  row(path, after) {
    const node = this.states && this.states.nodes.get(path);
    const status = this.states ? this.states.status_of(path) : "pending";
    const why = node && node.failure ? failureText(node.failure)
      : node && node.waiting ? waitText(node.waiting, node.since)
        : this.states ? word(status) : "";
    const more = this.states ? "" : this.insideOf(path);
    return h(this.onSelect ? "button.chip" : "div.chip", {
      class: this.states ? tone(status) : "dim example",
      type: this.onSelect ? "button" : null, "data-key": path, title: path,
      onclick: this.onSelect && (() => {
        if (after) after();
        this.onSelect(path);
      }),
    }, h("span.mark", { "aria-hidden": "true" }, symbol(status)),
    h("span.name", this.nameOf(path) || last(path)), h("span.more", more), h("span.word", why));
  }

  dialog() {
    const id = newId("cells");
    const state = h("select", { id: `${id}-state` }, h("option", { value: "" }, "all states"),
      COUNTED.map((it) => h("option", { value: it }, word(it))));
    const text = h("input", { id: `${id}-text`, type: "search" });
    const found = h("span.dim", { role: "status" });
    let paths = [];
    const close = () => dialog.close();
    const list = new VirtualList({
      label: "Cells", rowHeight: ROW, row: (at) => this.row(paths[at], close),
    });
    list.again = () => {
      const wanted = text.value.toLowerCase();
      paths = this.group.all.filter((path) => (!state.value || !this.states ||
        this.states.status_of(path) === state.value) &&
        (!wanted || path.toLowerCase().includes(wanted)));
      found.textContent = `${paths.length.toLocaleString("en")} shown` +
        (this.group.unlisted ? `, ${this.group.unlisted.toLocaleString("en")} not listed` : "");
      list.setCount(paths.length);
    };
    state.addEventListener("change", list.again);
    text.addEventListener("input", list.again);
    const dialog = h("dialog.wide", { "aria-labelledby": id }, h("h2", { id }, "Cells"),
      h("div.filters", h("label", { for: text.id }, "Filter"), text,
        this.states && [h("label", { for: state.id }, "State"), state], found),
      list.element,
      h("div.buttons", h("button", { type: "button", onclick: close }, "Close")));
    dialog.addEventListener("close", () => {
      this.list = null;
      list.close();
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
    this.list = list;
    list.again();
  }
}
