// The plan of a run beside what happened.

import { h } from "./dom.js";
import { people } from "./node-path.js";
import { countStates, countsLine, leaves, openParts, sumUp, walk } from "./outline.js";
import { badge, nothing, runAddress } from "./parts.js";
import { VirtualList } from "./virtual-list.js";
import { duration, failureText } from "./words.js";

const ROW = 30;

export async function part(state, body) {
  const { states } = state.feed;
  if (!state.outline) {
    body.append(nothing("The plan of this run cannot be shown."));
    return null;
  }
  const only = h("input", { type: "checkbox", id: "only-differs", onchange: () => draw() });
  const summary = h("p.progress");
  let rows = [];
  const list = new VirtualList({
    label: "Plan and outcome", rowHeight: ROW, className: "outcome",
    row: (at) => row(state, rows[at]),
  });
  const planned = [...shownParts(state.outline.items)];
  const all = [...walk(state.outline.items)];
  const known = new Set(all.map(({ item }) => item.path));
  const open = openParts(state.outline);
  body.append(summary, h("label.check", only, " Only what went otherwise than planned"),
    h("div.outcome-row.heading", { "aria-hidden": "true" }, h("span", "Planned"),
      h("span", "Order"), h("span", "Happened"), h("span", "Began"), h("span", "Took"),
      h("span", "Why")),
    list.element);

  const draw = () => {
    rows = planned.map(({ item, depth }) => ({ item, depth, status: statusOf(item, states) }));
    for (const node of states.nodes.values()) {
      // Handlers are no part of what was planned to happen, and cells show their deployments.
      const isPart = ["deploy", "stage", "undo"].includes(node.kind) ||
        /\/(on-failure|always)\/[^/]*$/.test(node.path);
      if (!isPart || known.has(node.path) || open.some((it) => it.fits(node))) continue;
      rows.push({ item: { kind: node.kind, path: node.path, label: people(node.path) },
        depth: 0, status: node.status, isMore: true });
    }
    if (only.checked) rows = rows.filter(({ status, isMore }) => isMore || status !== "succeeded");
    const paths = state.outline.items.flatMap(leaves);
    summary.replaceChildren(`${paths.length.toLocaleString("en")} planned: `,
      countsLine(countStates(paths, states), state.outline.deployments.most ? "deploy" : null));
    list.setCount(rows.length);
  };
  let timer = null;
  state.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    list.close();
  });
  draw();
  return {
    update() {
      if (timer) return;
      timer = setTimeout(() => {
        timer = null;
        draw();
      }, 400);
    },
    changed: draw,
  };
}

/** The parts of a plan; a cell that has only a deployment is shown as that. */
function* shownParts(items, depth = 0) {
  for (const item of items || []) {
    const inner = item.items || [];
    const isOnlyDeploy = item.kind === "cell" && inner.length === 1 && inner[0].kind === "deploy";
    if (!isOnlyDeploy) yield { item, depth };
    if (item.kind !== "deploy") yield* shownParts(inner, isOnlyDeploy ? depth : depth + 1);
  }
}

function statusOf(item, states) {
  if (item.path && (states.nodes.has(item.path) || !(item.items || []).length)) {
    return states.status_of(item.path);
  }
  return sumUp(countStates(leaves(item), states));
}

function row(state, { item, depth, status, isMore }) {
  const { states } = state.feed;
  const node = states.nodes.get(item.path);
  const from = Date.parse(states.began || state.run.started_at);
  const label = item.label.replace(/^"(.*)"$/s, "$1").trim().split("\n")[0];
  const text = item.kind === "deploy" ? `deploy ${label}` : `${item.kind.replaceAll("-", " ")} ` +
    `${label}`;
  const isReached = node && status !== "skipped";
  const href = item.path && `${runAddress(state.id)}?node=${encodeURIComponent(item.path)}`;
  return h("div.outcome-row",
    h("span.name", { class: `depth-${Math.min(depth, 6)}`, title: item.path || label },
      href ? h("a", { href, "data-key": item.path }, text.trim()) : text.trim()),
    h("span.dim", isMore ? "not in the plan" : item.items ? item.order || "" : ""),
    badge(status, item.kind),
    h("span.right", isReached ? `+${duration(Date.parse(node.began) - from)}` : ""),
    h("span.right", isReached && node.ended
      ? duration(Date.parse(node.ended) - Date.parse(node.began)) : ""),
    h("span", { class: isReached ? "why" : "dim" }, isReached && node.failure
      ? failureText(node.failure) : status === "skipped" ? "not reached" : ""));
}
