// What is known of one node: beside the drawing, for the node that is selected.

import { pieces } from "./ansi.js";
import { fill, h } from "./dom.js";
import { people } from "./node-path.js";
import { badge, command, link, logAddress, runAddress } from "./parts.js";
import { tail, takeBack } from "./run-actions.js";
import { duration, elapsed, failureText, isFinal, isOpen, symbol, tone, versions, waitText,
  when, word } from "./words.js";
import { whatIf } from "./what-if.js";

const MOST_STEPS = 400;
const LAST_LINES = 20;

export class Inspector {
  constructor(state, select) {
    this.state = state;
    this.select = select;
    this.path = null;
    this.timer = null;
    this.foreseen = null;
    this.element = h("aside.inspector", { "aria-label": "The selected part", hidden: true });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.leave();
    });
    state.signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  leave() {
    const { path } = this;
    this.select(null);
    const chip = [...document.querySelectorAll(".drawing [data-key]")];
    const same = chip.find((it) => it.dataset.key === path);
    if (same) same.focus();
  }

  show(path, item, isFirst) {
    this.path = path;
    this.item = item || null;
    this.foreseen = null;
    this.log = null;
    this.element.hidden = !path;
    if (!path) return;
    this.draw();
    if (isFirst) return;
    this.element.querySelector("h2").focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  update(changed) {
    if (!this.path || this.timer) return;
    const prefix = `${this.path}/`;
    let isMine = changed.has(this.path);
    if (!isMine) {
      for (const path of changed) {
        isMine = path.startsWith(prefix);
        if (isMine) break;
      }
    }
    if (!isMine) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      // What was shown may have been closed meanwhile.
      if (this.path) this.draw();
    }, 300);
  }

  draw() {
    const { states } = this.state.feed;
    const { path, state } = this;
    const node = states.nodes.get(path);
    const status = states.status_of(path);
    const kind = node ? node.kind : this.item && this.item.kind;
    const waits = node && (node.waiting ? node : node.inner);
    const text = node && node.text;
    fill(this.element,
      h("div.title-row", h("h2", { tabindex: "-1", id: "inspected" }, people(path)),
        badge(status, kind), h("button.quiet", {
          type: "button", "aria-label": "Close this part", onclick: () => this.leave(),
        }, "Close")),
      h("p.dim", this.times(node, kind)),
      node && node.deployment && h("p", h("code", versions(node.deployment.before,
        node.deployment.after))),
      waits && waits.waiting && h("p.callout", waitText(waits.waiting, waits.since),
        (waits.waiting.holders || []).map((it) => [h("br"), it.lock, " is held by ",
          link(runAddress(it.run), it.run)])),
      node && node.failure && h("p.callout", h("span.mark.bad", { "aria-hidden": "true" }, "✗ "),
        failureText(node.failure),
        node.failure.node !== path && [" in ", h("button.link", {
          type: "button", onclick: () => this.select(node.failure.node),
        }, people(node.failure.node))]),
      text && h("pre", { tabindex: "0", "aria-label": "Text" }, text.trim()),
      kind === "run" && this.lines(),
      this.buttons(node, kind, status),
      this.foreseen,
      this.steps(node),
      h("p.path", command(path)));
  }

  times(node, kind) {
    const words = [String(kind || "part").replaceAll("-", " ")];
    if (node) {
      words.push(`began ${when(node.began)}`);
      const end = node.ended ? Date.parse(node.ended) : Date.now();
      const took = end - Date.parse(node.began);
      words.push(node.ended ? `took ${duration(took)}` : `for ${elapsed(took)}`);
      if (node.place) words.push(`on ${node.place}`);
    }
    return words.join(" · ");
  }

  buttons(node, kind, status) {
    const { state, path } = this;
    const isTakeable = ["deploy", "stage"].includes(kind) && status === "succeeded";
    const isOver = !isOpen(state.run.status);
    const all = [];
    if (kind === "run" && node) {
      all.push(h("a.button", { href: logAddress(state.id, path) }, "Log"));
    }
    if (isTakeable && isOver && state.run.may.includes("run")) {
      all.push(h("button", {
        type: "button", "data-key": "take-back",
        onclick: () => takeBack(state, path, people(path)),
      }, "Take back…"));
    }
    if (!isFinal(status) && ["deploy", "run", "approve", "stage"].includes(kind) && !isOver) {
      all.push(h("button", {
        type: "button", "data-key": "what-if",
        onclick: () => {
          this.foreseen = whatIf(state.id, path, state.signal);
          this.draw();
        },
      }, "If it fails…"));
    }
    return all.length > 0 && h("div.buttons", all);
  }

  /** The last lines of a command. */
  lines() {
    if (!this.log) {
      this.log = h("div");
      const { log } = this;
      tail(this.state.id, this.path, LAST_LINES, this.state.signal).then((found) => {
        if (!found.total) return;
        fill(log, h("pre", { tabindex: "0", "aria-label": "The last lines that it wrote" },
          found.lines.map((line) => [pieces(line), "\n"])));
      }, () => {});
    }
    return this.log;
  }

  /** What is in it: first what was planned, in its order, then what came without a plan. */
  steps() {
    const { states } = this.state.feed;
    const prefix = `${this.path}/`;
    const rows = [];
    const seen = new Set();
    const walk = (items, depth) => {
      for (const item of items || []) {
        const hasRow = item.path && item.kind !== "cell";
        if (hasRow && !seen.has(item.path)) {
          seen.add(item.path);
          rows.push(this.step(item.path, item.kind, item.label, depth));
        }
        walk(item.items, hasRow ? depth + 1 : depth);
      }
    };
    if (this.item) walk(this.item.items, 0);
    for (const node of states.nodes.values()) {
      if (rows.length > MOST_STEPS) break;
      if (!node.path.startsWith(prefix) || seen.has(node.path) || node.kind === "cell") continue;
      rows.push(this.step(node.path, node.kind, node.text || node.path.slice(prefix.length), 0));
    }
    if (!rows.length) return null;
    return [h("h3", "What is in it"), h("ol.steps", { role: "list" }, rows.slice(0, MOST_STEPS)),
      rows.length > MOST_STEPS && h("p.dim", `and ${rows.length - MOST_STEPS} more`)];
  }

  step(path, kind, label, depth) {
    const { states } = this.state.feed;
    const node = states.nodes.get(path);
    const status = node && node.waiting ? "waiting" : states.status_of(path);
    const line = label.replace(/^"(.*)"$/s, "$1").trim().split("\n")[0];
    const text = kind === "run" ? `$ ${line}`
      : ["workflow", "step", "action", "deploy"].includes(kind) ? line
        : line.startsWith(kind) ? line : `${kind.replaceAll("-", " ")} ${line}`.trim();
    const took = node && node.ended
      ? duration(Date.parse(node.ended) - Date.parse(node.began)) : "";
    const isLogged = node && kind === "run";
    return h("li", { class: `depth-${Math.min(depth, 6)}` },
      h("span.mark", { class: tone(status), "aria-hidden": "true" }, symbol(status)),
      h("span.name", { title: label }, isLogged
        ? h("a", { href: logAddress(this.state.id, path), "data-key": `log ${path}` }, text)
        : text),
      h("span", status !== "succeeded" && h("span", { class: tone(status) },
        `${word(status, kind)} `), h("span.dim", took)),
      status === "succeeded" && h("span.unseen", word(status, kind)));
  }
}
