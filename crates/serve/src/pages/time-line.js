// The time line of a run: a bar for each stage, deployment and question, from its begin to its end.

import { h } from "./dom.js";
import { people } from "./node-path.js";
import { nothing, runAddress } from "./parts.js";
import { VirtualList } from "./virtual-list.js";
import { duration, elapsed, symbol, tone, word } from "./words.js";

const ROW = 28;
const KINDS = ["stage", "deploy", "approve", "wait"];
const TICKS = 5;

export async function part(state, body) {
  const { states } = state.feed;
  let rows = [];
  let [from, to] = [0, 1];
  const list = new VirtualList({
    label: "Time line", rowHeight: ROW, className: "time-line", row: (at) => row(rows[at]),
  });
  const axis = h("div.axis", { "aria-hidden": "true" });
  const empty = h("div");
  body.append(h("div.time", h("div.axis-row", h("span"), axis), list.element), empty);

  const row = (node) => {
    const began = Date.parse(node.began);
    const end = node.ended ? Date.parse(node.ended) : to;
    const bar = h("span.bar", { class: tone(node.status) });
    const whole = Math.max(1, to - from);
    bar.style.setProperty("left", `${((began - from) / whole) * 100}%`);
    bar.style.setProperty("width", `${(Math.max(0, end - began) / whole) * 100}%`);
    const took = node.ended ? duration(end - began) : `for ${elapsed(end - began)}`;
    const href = `${runAddress(state.id)}?node=${encodeURIComponent(node.path)}`;
    return h("a.time-row", {
      href, "data-key": node.path, title: `${node.path}\nbegan +${duration(began - from)}, ${took}`,
      class: node.kind === "stage" ? "is-stage" : null,
    }, h("span.name", h("span.mark", { class: tone(node.status), "aria-hidden": "true" },
      symbol(node.status)), " ", node.kind === "stage" ? `stage ${people(node.path)}`
      : people(node.path)),
    h("span.track", bar), h("span.took", node.status !== "succeeded" && h("span.word", {
      class: tone(node.status),
    }, `${word(node.status, node.kind)} `), took),
    h("span.unseen", word(node.status, node.kind)));
  };

  const draw = () => {
    const all = [...states.nodes.values()].filter((it) => it.status !== "skipped");
    rows = all.filter((it) => KINDS.includes(it.kind));
    if (rows.length < 2) {
      rows = all.filter((it) => it.kind !== "pipeline" &&
        (it.kind !== "log" || all.length < 100));
    }
    from = Date.parse(states.began || state.run.started_at);
    to = states.ended ? Date.parse(states.ended) : Date.now();
    axis.replaceChildren(...Array.from({ length: TICKS }, (_, at) => (
      h("span", `+${duration(((to - from) * at) / (TICKS - 1))}`))));
    empty.replaceChildren(...(rows.length ? [] : [nothing("Nothing has begun.")]));
    list.element.hidden = !rows.length;
    list.setCount(rows.length);
  };
  let timer = null;
  const later = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = null;
      draw();
    }, 300);
  };
  state.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    list.close();
  });
  draw();
  return { update: later, changed: draw, tick: later };
}
