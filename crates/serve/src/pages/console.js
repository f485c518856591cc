// The console of a run: its commands on one side, the log of one of them on the other.

import { get, part as address } from "./api.js";
import { h } from "./dom.js";
import { deployment, parts, people, short } from "./node-path.js";
import { copyText, nothing, runAddress } from "./parts.js";
import { LogView } from "./log-view.js";
import { VirtualList } from "./virtual-list.js";
import { isFinal, isOpen, symbol, tone, word } from "./words.js";

const ROW = 28;
const KINDS = ["run", "log"];

export async function part(state, body) {
  const view = new Console(state);
  body.append(view.element);
  await view.start();
  return {
    update: () => view.later(),
    changed: () => view.changed(),
  };
}

class Console {
  constructor(state) {
    this.state = state;
    this.states = state.feed.states;
    this.rows = [];
    this.node = null;
    this.count = -1;
    this.timer = null;
    this.bytes = new Map();
    this.tree = new VirtualList({
      label: "Commands", rowHeight: ROW, className: "tree", row: (at) => this.row(this.rows[at]),
    });
    this.log = new LogView({
      run: state.id, signal: state.signal,
      onLine: (line) => this.keep(line),
      onTotal: (total) => this.head(total),
    });
    this.filter = h("input", { id: "filter", type: "search", oninput: () => this.draw(true) });
    this.onlyFailed = h("input", {
      id: "only-failed", type: "checkbox", onchange: () => this.draw(true),
    });
    this.follows = h("input", {
      id: "follow", type: "checkbox",
      checked: isOpen(state.run.status) && !/^#L\d+$/.test(location.hash),
      onchange: () => this.log.follow(this.follows.checked),
    });
    this.title = h("h2.log-title", "Log");
    this.about = h("p.dim.about", { role: "status" });
    this.copy = h("button.quiet", {
      type: "button", onclick: () => copyText(location.href, this.copy),
    }, "Copy");
    this.empty = h("div");
    this.element = h("div.console",
      h("div.commands",
        h("div.filters", h("label", { for: "filter" }, "Filter"), this.filter,
          h("label.check", this.onlyFailed, " only failed")),
        this.tree.element, this.empty),
      h("div.of-log",
        h("div.title-row", this.title, h("label.check", this.follows, " Follow"),
          h("span.dim", "Link to this place "), this.copy),
        this.about, this.log.element));
    state.signal.addEventListener("abort", () => {
      clearTimeout(this.timer);
      this.tree.close();
    });
  }

  async start() {
    const node = this.state.query.get("node");
    const line = Number((/^#L(\d+)$/.exec(location.hash) || [])[1]) || null;
    await this.loadSizes();
    if (node) this.open(node, line);
    this.draw(true);
  }

  async loadSizes() {
    const all = await get(`/runs/${address(this.state.id)}/logs`, this.state.signal)
      .catch(() => []);
    this.bytes = new Map(all.map((it) => [it.node, it.bytes]));
  }

  /** The events of a run come in masses: the tree is drawn twice a second at most. */
  later() {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.draw();
    }, this.count < 0 ? 50 : 500);
  }

  changed() {
    if (!isOpen(this.state.run.status)) this.log.ended();
    this.loadSizes().then(() => this.draw(true));
  }

  draw() {
    const wanted = this.filter.value.toLowerCase();
    const rows = [];
    let group = null;
    this.count = 0;
    const groups = new Map();
    for (const node of this.states.nodes.values()) {
      if (!KINDS.includes(node.kind)) continue;
      this.count += 1;
      if (this.onlyFailed.checked && node.status !== "failed") continue;
      if (wanted && !`${node.path} ${node.text || ""}`.toLowerCase().includes(wanted)) continue;
      group = groupOf(node.path);
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(node);
    }
    for (const [name, nodes] of groups) {
      rows.push({ group: name, size: nodes.length });
      for (const node of nodes) rows.push({ node });
    }
    this.rows = rows;
    this.tree.setCount(rows.length);
    const text = wanted || this.onlyFailed.checked ? "No command fits the filter."
      : "No command has begun.";
    this.empty.replaceChildren(...(rows.length ? [] : [nothing(text)]));
    if (!this.node && rows.length) this.choose();
    const open = this.states.nodes.get(this.node);
    if (open && isFinal(open.status) && this.log.isLive) this.log.ended();
  }

  /** What somebody most likely looks for: what failed, or what runs, or else what came last. */
  choose() {
    const all = this.rows.map((it) => it.node).filter(Boolean);
    const found = all.find((it) => it.status === "failed") ||
      all.findLast((it) => it.status === "running") || all.at(-1);
    if (!found) return;
    this.open(found.path);
    const at = this.rows.findIndex((it) => it.node === found);
    requestAnimationFrame(() => this.tree.show(at));
  }

  row({ group, size, node }) {
    if (group !== undefined) {
      return h("div.tree-group", h("span", { title: group }, group), h("span.dim", String(size)));
    }
    const { status } = node;
    const isHere = node.path === this.node;
    const found = deployment(node.path);
    const inside = found ? found.inside.join("/") : parts(node.path).slice(-1)[0];
    const line = (node.text || "").trim().split("\n")[0];
    return h("button.tree-row", {
      type: "button", class: isHere ? "selected" : null, "data-key": node.path,
      "aria-current": isHere ? "true" : null,
      title: `${node.path}\n${node.text || ""}`,
      onclick: () => this.open(node.path),
    }, h("span.mark", { class: tone(status), "aria-hidden": "true" }, symbol(status)),
    h("span.name", inside), h("span.dim.text", line),
    h(status === "succeeded" ? "span.unseen" : "span.word", { class: tone(status) },
      word(status)));
  }

  async open(path, line) {
    this.node = path;
    this.tree.refresh();
    const node = this.states.nodes.get(path);
    this.title.textContent = people(path);
    this.about.textContent = "";
    if (node && node.kind === "log") {
      this.log.open(path, line, false).catch(() => {});
      this.about.textContent = node.text || "";
      this.keep(line);
      return;
    }
    this.keep(line);
    this.log.follows = this.follows.checked && !line;
    const isLive = isOpen(this.state.run.status) && (!node || !isFinal(node.status));
    try {
      await this.log.open(path, line, isLive);
      this.head(this.log.total);
    } catch (problem) {
      if (problem.name !== "AbortError") this.about.textContent = problem.message;
    }
  }

  head(total) {
    const node = this.states.nodes.get(this.node);
    if (node && node.kind === "log") return;
    const failed = node && node.failure ? ` · ${node.failure.message}` : "";
    const lines = total === 1 ? "1 line" : `${total.toLocaleString("en")} lines`;
    const text = total ? lines : "It has written nothing";
    this.about.textContent = `${text}${failed}`;
  }

  keep(line) {
    const query = this.node ? `?node=${encodeURIComponent(this.node)}` : "";
    this.state.keepAddress(runAddress(this.state.id, "console") + query +
      (line ? `#L${line}` : ""));
  }
}

/** Commands stand together by deployment, or by what they are in. */
function groupOf(path) {
  const found = deployment(path);
  if (found) return people(found.path) + stageOf(path);
  const all = parts(path);
  all.pop();
  return all.length > 1 ? short(all.join("/")) : all[0];
}

function stageOf(path) {
  const all = parts(path);
  return all.length > 2 && !all[1].includes("[") ? ` · ${all[1]}` : "";
}
