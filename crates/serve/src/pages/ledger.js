// The ledger of a run: what was where before, and what is there now.

import { fill, h } from "./dom.js";
import { countStates, countsLine, walk } from "./outline.js";
import { badge, nothing, runAddress, table } from "./parts.js";
import { duration, failureText, word } from "./words.js";

const MOST = 500;

export async function part(state, body) {
  const { states } = state.feed;
  const place = h("div");
  body.append(place);
  const draw = () => {
    const paths = new Set(states.deployments.keys());
    for (const { item } of walk(state.outline ? state.outline.items : [])) {
      if (item.kind === "deploy") paths.add(item.path);
    }
    const planned = new Map();
    for (const { item } of walk(state.outline ? state.outline.items : [])) {
      if (item.kind === "deploy") planned.set(item.path, item);
    }
    const all = [...paths].filter((path) => !path.includes("*"));
    const rows = all.slice(0, MOST).map((path) => row(state, path, planned.get(path)));
    fill(place, !all.length ? nothing("This run deploys nothing.") : [
      h("p.progress", countsLine(countStates(all, states), "deploy")),
      table("Ledger", ["State", "Service", "Infrastructure", "Before", "", "After", "Took", "Why"],
        rows),
      all.length > MOST && h("p.dim", `and ${all.length - MOST} more: `,
        h("code", `lockstep show ${state.id}`)),
    ]);
  };
  draw();
  let timer = null;
  const later = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = null;
      draw();
    }, 400);
  };
  state.signal.addEventListener("abort", () => clearTimeout(timer));
  return { update: later, changed: draw };
}

function row(state, path, item) {
  const { states } = state.feed;
  const node = states.nodes.get(path);
  const it = (node && node.deployment) || item || {};
  const status = states.status_of(path);
  const isUnchanged = node && node.deployment && node.deployment.changed === false;
  // What was taken back is as it was before.
  const after = status === "rolled-back" ? it.before : it.after;
  const took = node && node.ended && status !== "skipped"
    ? duration(Date.parse(node.ended) - Date.parse(node.began)) : "";
  const href = `${runAddress(state.id)}?node=${encodeURIComponent(path)}`;
  return [
    h("td", badge(status, "deploy"), isUnchanged && h("span.dim", ", unchanged")),
    h("th", { scope: "row" }, h("a", { href, "data-key": path, title: word(status) }, it.service)),
    it.target, h("td.version", it.before || "—"), h("td.dim", { "aria-hidden": "true" }, "→"),
    h("td.version", after || "—"), h("td.right", took),
    node && node.failure ? failureText(node.failure) : "",
  ];
}
