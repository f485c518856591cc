// What is asked of an outline (`lockstep plan --format json`): its leaves, and how they stand.

import { parts, pattern } from "./node-path.js";
import { COUNTED, symbol, tone, word } from "./words.js";
import { h } from "./dom.js";

/**
 * The paths by which an item is counted: its deployments, or else its cells, or else the item.
 * They are remembered, since a drawing asks again and again.
 */
const counted = new WeakMap();

export function leaves(item) {
  let found = counted.get(item);
  if (!found) {
    found = collect(item);
    counted.set(item, found);
  }
  return found;
}

function collect(item) {
  if (item.kind === "deploy") return [item.path];
  const inner = [];
  const hasDeployments = item.deployments && item.deployments.most !== 0;
  if (item.kind === "cell" && !hasDeployments && item.path) return [item.path];
  for (const child of item.items || []) {
    for (const path of leaves(child)) inner.push(path);
  }
  if (hasDeployments || !item.path || ["stage", "pipeline"].includes(item.kind)) {
    if (inner.length) return inner;
  }
  if (!item.path) return inner;
  return hasCells(item) && inner.length ? inner : [item.path];
}

const hasCells = (item) => item.cells !== undefined && item.kind !== "cell";

/** Walks through all items of an outline, outer ones first. */
export function* walk(items, depth = 0) {
  for (const item of items || []) {
    yield { item, depth };
    if (item.kind !== "deploy") yield* walk(item.items, depth + 1);
  }
}

/** How many paths have which state. */
export function countStates(paths, states) {
  const counts = new Map();
  for (const path of paths) {
    const status = states ? states.status_of(path) : "pending";
    counts.set(status, (counts.get(status) || 0) + 1);
  }
  return counts;
}

/** One status for all: the one that somebody has to know of. */
export function sumUp(counts) {
  const has = (status) => counts.has(status);
  const first = COUNTED.find((status) => has(status) && !["succeeded", "pending", "skipped",
    "ignored", "superseded", "cancelled"].includes(status));
  if (first) return first;
  if (has("cancelled")) return "cancelled";
  const isBegun = has("succeeded") || has("ignored") || has("superseded");
  if (has("pending")) return isBegun ? "running" : "pending";
  if (isBegun) return has("superseded") && !has("succeeded") ? "superseded" : "succeeded";
  return has("skipped") ? "skipped" : "pending";
}

/** `✓ 120 deployed · ✗ 1 failed · 377 to come` */
export function countsLine(counts, kind) {
  const shown = [...counts].sort(([a], [b]) => COUNTED.indexOf(a) - COUNTED.indexOf(b));
  return h("span.counts", shown.map(([status, number]) => h(`span.${tone(status)}`,
    h("span.mark", { "aria-hidden": "true" }, symbol(status)),
    ` ${number.toLocaleString("en")} ${word(status, kind)}`)));
}

/**
 * The parts of a plan of which not all cells are listed, or only the run knows them, with what
 * tells whether a node of the run is one of these.
 */
export function openParts(outline) {
  const found = [];
  for (const { item } of walk(outline.items)) {
    const fits = item.unlisted ? unlisted(item) : unknown(item);
    if (fits) found.push(fits);
  }
  return found;
}

function unlisted(item) {
  const all = leaves(item);
  if (!all.length) return null;
  const [first] = all;
  // What the listed cells have in common, up to a whole value of an axis.
  let common = all.at(-1);
  while (!first.startsWith(common)) common = common.slice(0, -1);
  common = common.slice(0, Math.max(common.lastIndexOf("["), common.lastIndexOf(", ") + 1) + 1);
  const depth = parts(first).length;
  const kind = item.deployments && item.deployments.most !== 0 ? "deploy" : "cell";
  const fits = (node) => node.kind === kind && node.path.startsWith(common) &&
    parts(node.path).length === depth;
  return { item, first, fits };
}

function unknown(item) {
  if (!item.path || !item.path.includes("*")) return null;
  const fitting = pattern(item.path);
  return { item, first: item.path, fits: (node) => fitting.test(node.path) };
}

/** Which half of `service → target` differs in a block. */
export function modeOf(item) {
  const services = new Set();
  const targets = new Set();
  for (const it of deploysOf(item)) {
    services.add(it.service);
    targets.add(it.target);
  }
  if (targets.size === 1) return "service";
  return services.size === 1 ? "target" : "both";
}

/** The deployments in it. */
export function* deploysOf(item) {
  for (const child of item.items || []) {
    if (child.kind === "deploy") yield child;
    else yield* deploysOf(child);
  }
}

/**
 * The deployments of a block by their infrastructures, if all of it is parallel and there is
 * nothing else in it; nothing where its outer axis does so anyway.
 */
export function byTarget(item) {
  const found = new Map();
  const isFlat = (it) => {
    if (it.kind === "deploy") {
      if (!found.has(it.target)) found.set(it.target, []);
      found.get(it.target).push(it);
      return true;
    }
    const inner = it.items || [];
    const isRight = it.kind === "cell" ? inner.length === 1
      : ["matrix", "axis", "parallel", "wave"].includes(it.kind) && it.order === "parallel";
    return isRight && !it.unlisted && !(it.handlers || []).length && inner.every(isFlat);
  };
  if (item.order !== "parallel" || item.kind === "axis" || !isFlat(item)) return null;
  const all = [...found.values()];
  return all.length > 1 && all.some((it) => it.length > 1) ? found : null;
}
