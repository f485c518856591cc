// The drawing of a plan or a run: serial parts to the right, parallel ones downwards, deployments
// by infrastructure. It needs an outline and states, and draws a plan where there are no states.

import { h } from "./dom.js";
import { byTarget, countStates, countsLine, deploysOf, leaves, modeOf, openParts, sumUp,
  walk } from "./outline.js";
import { Cells } from "./cells.js";
import { list, symbol, tone, versions, waitText, word } from "./words.js";

/** A loop or matrix with more leaves is shown by counts, and opens what failed. */
const MOST_LEAVES = 40;
/** A large matrix is shown by the values of its outer axis where these are no more. */
const MOST_BRANCHES = 24;
/** Then each of them is shown by counts that has more leaves. */
const MOST_IN_BRANCH = 12;
/** So many of those that failed or wait are opened. */
const MOST_OPENED = 8;
/** Blocks are drawn so deep in each other; deeper ones are shown when they are selected. */
const MOST_DEPTH = 5;

/** So many locks are named. */
const MOST_NAMED = 4;

const COMMANDS = ["run", "send", "fetch"];

export class Drawing {
  /** `onSelect` is called with an item's path when somebody wants to know more of it. */
  constructor(outline, states, { label, onSelect } = {}) {
    this.outline = outline;
    this.states = states;
    this.onSelect = onSelect;
    this.chips = new Map();
    this.groups = [];
    this.groupsOf = new Map();
    this.items = new Map();
    this.open = states ? openParts(outline) : [];
    this.selected = null;
    /** How many leaves the blocks have around the one that is being drawn. */
    this.around = [];
    this.joined = [];
    const whole = this.list(outline.items || [], "serial", 0);
    this.element = h(states ? "div.drawing" : "div.drawing.is-plan", {
      role: "region", "aria-label": label || "Drawing", tabindex: "0",
    }, whole, this.handlers(outline, 0));
    // What is known already of cells that are not in the outline.
    for (const path of this.open.length ? states.nodes.keys() : []) {
      if (!this.groupsOf.has(path)) this.join(path);
    }
    for (const group of this.groups) group.draw();
  }

  list(items, order, depth, mode, most) {
    const isParallel = order === "parallel";
    const drawn = items.map((item) => this.item(item, depth, mode, most)).filter(Boolean);
    return h(isParallel ? "ul.parallel" : "ol.serial", { role: "list" },
      drawn.map((it) => h("li", it)));
  }

  item(item, depth, mode, most) {
    if (item.path) this.items.set(item.path, item);
    if (item.kind === "deploy") return this.chip(item, mode);
    const inner = item.items || [];
    if (item.kind === "cell" && inner.length === 1) {
      const [only] = inner;
      if (only.kind === "deploy") {
        return this.item(only, depth, mode);
      }
      if (!only.items) return this.chip(item);
    }
    if (!inner.length && !(item.handlers || []).some(isShown)) {
      return item.path || item.label ? this.chip(item) : null;
    }
    if (depth >= MOST_DEPTH && item.path) return this.chip(item);
    return this.group(item, depth, most);
  }

  /** One thing that has a state: a deployment, a command, a question. */
  chip(item, mode) {
    const mark = h("span.mark", { "aria-hidden": "true" });
    const more = h("span.more");
    const state = h("span.word");
    const element = h(this.onSelect ? "button.chip" : "div.chip", {
      type: this.onSelect ? "button" : null,
      "data-key": item.path,
      onclick: this.onSelect && (() => this.onSelect(item.path)),
    }, mark, h("span.name", name(item, mode)), more, state);
    const chip = {
      element,
      draw: () => this.drawChip(item, { element, mark, more, state }),
    };
    if (item.path) {
      if (!this.chips.has(item.path)) this.chips.set(item.path, []);
      this.chips.get(item.path).push(chip);
    }
    chip.draw();
    return element;
  }

  drawChip(item, { element, mark, more, state }) {
    const { states } = this;
    const node = states && states.nodes.get(item.path);
    let status = states ? states.status_of(item.path) : "pending";
    const waits = node && (node.waiting ? node : node.inner);
    if (waits && waits.waiting) status = waits.waiting.for === "approval" ? "asks" : "waiting";
    const tones = `chip ${tone(status)}${item.kind === "deploy" ? " deploys" : ""}`;
    const isSelected = this.selected === item.path;
    write(mark, states ? symbol(status) : sign(item));
    write(more, moreOf(item, node, states));
    let text = states ? word(status, item.kind) : "";
    if (status === "asks" && item.kind === "approve") text = "waits for approval";
    else if (waits && waits.waiting) text = waitText(waits.waiting, waits.since);
    else if (node && status === "running" && node.part) text = node.part;
    write(state, text);
    element.title = [item.path, text].filter(Boolean).join("\n");
    const all = isSelected ? `${tones} selected` : tones;
    if (element.className !== all) element.className = all;
    if (this.onSelect) element.setAttribute("aria-pressed", String(isSelected));
  }

  /** A block with what is in it. */
  group(item, depth, most = MOST_LEAVES) {
    const all = leaves(item);
    const size = all.length + (item.unlisted || 0);
    const isLoop = ["matrix", "parallel", "serial", "axis", "wave"].includes(item.kind);
    const isStage = item.kind === "stage";
    const mark = h("span.mark", { "aria-hidden": "true" });
    const counts = h("span.counted");
    const said = h(isStage ? "span.said" : "span.unseen");
    const body = h("div.body");
    const head = this.head(item, mark, said, depth);
    const about = notes(item);
    const element = h(isStage ? "section.group.stage" : "div.group", {
      class: isLoop ? `loop of-${item.kind}` : `of-${item.kind}`,
    }, h("div.head", head, counts), about, body);
    const group = { item, all, element, mark, said, counts, unlisted: item.unlisted || 0 };
    // What the block around it counts already is not counted again.
    group.isSaid = isLoop && this.around.at(-1) === all.length && size <= most;
    this.around.push(all.length);
    this.remember(group);
    if (isLoop && size > most) {
      if (isBranched(item)) {
        body.append(this.list(item.items, item.order, depth + 1, null, MOST_IN_BRANCH));
      } else {
        group.cells = this.big(group, body);
      }
    } else {
      body.append(this.inside(item, depth));
    }
    body.append(...this.handlers(item, depth + 1));
    this.around.pop();
    group.draw = () => this.drawGroup(group);
    return element;
  }

  /** What is done when it fails, and when it ends. */
  handlers(item, depth) {
    return (item.handlers || []).filter(isShown).map((it) => (
      h("div.handler", h("span.dim", handlerWord(it)),
        this.list(it.items || [], it.order, depth))));
  }

  head(item, mark, said, depth) {
    const text = [h("span.label", title(item)), said];
    const level = Math.min(3 + depth, 6);
    if (!item.path || !this.onSelect) {
      return item.kind === "stage" ? h(`h${level}`, mark, text) : h("span.title", mark, text);
    }
    const select = h("button.title", {
      type: "button", "data-key": item.path, onclick: () => this.onSelect(item.path),
    }, mark, text);
    return item.kind === "stage" ? h(`h${level}`, select) : select;
  }

  /** What is in a block: by infrastructure where all of it is parallel anyway. */
  inside(item, depth) {
    const targets = byTarget(item);
    if (targets) {
      return h("ul.parallel", { role: "list" }, [...targets].map(([target, deploys]) => {
        const own = {
          kind: "axis", label: target, order: "parallel", items: deploys,
          deployments: { least: deploys.length, most: deploys.length },
        };
        return h("li", this.group(own, depth + 1));
      }));
    }
    return this.list(item.items || [], item.order, depth + 1, modeOf(item));
  }

  /** A loop with many cells: counts, a bar, what failed, and a list of all. */
  big(group, body) {
    const cells = new Cells(group, this.states, {
      onSelect: this.onSelect,
      nameOf: (path) => {
        const item = this.items.get(path);
        return item ? name(item, "both") : null;
      },
      insideOf: (path) => {
        const item = this.items.get(path);
        return ((item && item.items) || []).map((it) => name(it)).join(" → ");
      },
      most: MOST_OPENED,
    });
    for (const { item } of walk(group.item.items)) {
      if (item.path) this.items.set(item.path, item);
    }
    body.append(cells.element);
    return cells;
  }

  remember(group) {
    this.groups.push(group);
    for (const path of group.all) {
      if (!this.groupsOf.has(path)) this.groupsOf.set(path, []);
      this.groupsOf.get(path).push(group);
    }
    if (group.item.path) {
      if (!this.groupsOf.has(group.item.path)) this.groupsOf.set(group.item.path, []);
      this.groupsOf.get(group.item.path).push(group);
    }
  }

  drawGroup(group) {
    const { item, states } = { item: group.item, states: this.states };
    const counts = countStates(group.all, states);
    if (group.unlisted > 0) {
      const rest = states && states.ended ? "skipped" : "pending";
      counts.set(rest, (counts.get(rest) || 0) + group.unlisted);
    }
    const own = states && item.path && states.nodes.get(item.path);
    const status = own ? own.status : sumUp(counts);
    const size = group.all.length + group.unlisted;
    const isCounted = size > 1;
    write(group.mark, states ? `${symbol(status)} ` : "");
    group.mark.className = `mark ${tone(status)}`;
    write(group.said, states ? ` ${word(status)}` : "");
    if (item.kind === "stage") group.said.className = `said ${tone(status)}`;
    const isDeploy = Boolean(item.deployments && item.deployments.most !== 0);
    const line = !isCounted || group.isSaid || (item.kind === "axis" && !group.cells) ? null
      : states ? countsLine(counts, isDeploy ? "deploy" : null)
        : h("span.counts.dim", `${size.toLocaleString("en")} ` +
          `${isDeploy ? "deployments" : item.cells ? "cells" : "parts"}`);
    group.counts.replaceChildren(...(line ? [line] : []));
    const tones = group.element.className.replace(/ (is-\S+)/g, "");
    group.element.className = `${tones} is-${tone(status)}`;
    if (group.cells) group.cells.draw(counts);
  }

  /** Draws what has changed. */
  update(changed) {
    const dirty = new Set();
    for (const path of changed) {
      const chips = this.chips.get(path);
      if (chips) chips.forEach((chip) => chip.draw());
      let groups = this.groupsOf.get(path);
      if (!groups && this.open.length) groups = this.join(path);
      if (groups) groups.forEach((group) => dirty.add(group));
    }
    for (const group of dirty) group.draw();
  }

  /** Draws all of it: the run has ended, and what has not begun never will. */
  updateAll() {
    for (const chips of this.chips.values()) chips.forEach((chip) => chip.draw());
    for (const group of this.groups) group.draw();
  }

  /** A cell that is not in the outline is counted with those that are. */
  join(path) {
    const node = this.states.nodes.get(path);
    if (!node || !["cell", "deploy"].includes(node.kind)) return null;
    const found = this.open.find((part) => part.fits(node));
    if (!found) return null;
    this.joined.push(path);
    const groups = this.groups.filter((it) => it.item === found.item ||
      (found.first && it.all.includes(found.first)));
    for (const group of groups) {
      group.all.push(path);
      if (group.unlisted > 0) group.unlisted -= 1;
    }
    this.groupsOf.set(path, groups);
    return groups;
  }

  /** How many deployments have which state, or how many parts where nothing is deployed. */
  counts() {
    const { items, deployments } = this.outline;
    const isDeploying = Boolean(deployments && deployments.most !== 0);
    const paths = isDeploying ? [...deploysOf(this.outline)].map((it) => it.path)
      : (items || []).flatMap(leaves);
    const all = new Set([...paths, ...this.joined]);
    const counts = countStates(all, this.states);
    let unlisted = -this.joined.length;
    for (const { item } of walk(items)) unlisted += item.unlisted || 0;
    if (unlisted > 0) {
      const rest = this.states && this.states.ended ? "skipped" : "pending";
      counts.set(rest, (counts.get(rest) || 0) + unlisted);
    }
    return { counts, kind: isDeploying ? "deploy" : null };
  }

  /** Marks what is shown beside the drawing. */
  select(path) {
    const before = this.selected;
    this.selected = path;
    for (const it of [before, path]) {
      (this.chips.get(it) || []).forEach((chip) => chip.draw());
    }
  }

  /** The item with a path. */
  find(path) {
    return this.items.get(path);
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const isBranched = ({ items, unlisted }) => !unlisted && items.length <= MOST_BRANCHES &&
  items.every((it) => it.kind === "axis" || it.kind === "wave");

const isShown = (handler) => handler.kind !== "undo";

const handlerWord = (handler) =>
  `${handler.kind.replaceAll("-", " ")}${handler.label ? ` ${handler.label}` : ""}`;

const unquoted = (text) => text.replace(/^"(.*)"$/s, "$1");

/** What a chip is called; in a group of an infrastructure that is not said again. */
export function name(item, mode = "both") {
  const line = unquoted(item.label).trim().split("\n")[0];
  if (item.kind === "deploy") {
    if (mode === "service") return item.service;
    if (mode === "target") return item.target;
    return `${item.service} → ${item.target}`;
  }
  if (COMMANDS.includes(item.kind)) return item.kind === "run" ? `$ ${line}` : line;
  if (["cell", "workflow", "step", "action", "stage"].includes(item.kind)) return line;
  if (item.kind === "approve") return line;
  return `${item.kind.replaceAll("-", " ")} ${line}`.trim();
}

function title(item) {
  const text = unquoted(item.label);
  if (["stage", "axis", "cell", "workflow", "step", "action"].includes(item.kind)) return text;
  if (["matrix", "parallel", "serial"].includes(item.kind)) {
    return item.kind === "matrix" ? text : `${item.kind} ${text}`.trim();
  }
  return `${item.kind.replaceAll("-", " ")} ${text}`.trim();
}

/** In a plan nothing has a state: the sign says what it is. */
function sign(item) {
  if (item.kind === "approve") return "?";
  return "·";
}

function moreOf(item, node, states) {
  if (item.kind !== "deploy") return item.place ? `on ${item.place}` : "";
  if (!states) return item.using ? `using ${item.using}` : "";
  return node && node.deployment ? versions(node.deployment.before, node.deployment.after) : "";
}

function notes(item) {
  const said = (item.notes || []).filter((it) => it !== "on failure" && it !== "undo");
  if ((item.locks || []).length) said.push(`locks ${list(item.locks, MOST_NAMED)}`);
  return said.length ? h("p.notes", { title: (item.locks || []).join("\n") || null },
    said.join(" · ")) : null;
}
