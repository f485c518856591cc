// The log of a command: only the lines that are seen are asked for and in the page.

import { get, part } from "./api.js";
import { h } from "./dom.js";
import { pieces } from "./ansi.js";
import { VirtualList } from "./virtual-list.js";

const ROW = 20;
const PAGE = 500;
/** So many lines are kept; beyond, those far from what is seen are asked for again. */
const MOST_KEPT = 20_000;
const POLL = 1000;

export class LogView {
  /** `onLine` is called with the number of a line that was chosen. */
  constructor({ run, signal, onLine, onTotal }) {
    this.run = run;
    this.signal = signal;
    this.onLine = onLine;
    this.onTotal = onTotal;
    this.lines = new Map();
    this.asked = new Set();
    this.node = null;
    this.total = 0;
    this.marked = null;
    this.follows = false;
    this.list = new VirtualList({
      label: "Log", rowHeight: ROW, className: "log",
      row: (at) => this.row(at), onShow: (first, end) => this.need(first, end),
    });
    this.element = this.list.element;
    signal.addEventListener("abort", () => {
      clearTimeout(this.timer);
      this.list.close();
    });
  }

  /** Shows the log of another command, at a line or at its end. */
  async open(node, line, isLive) {
    this.node = node;
    this.lines.clear();
    this.asked.clear();
    this.total = 0;
    this.marked = line;
    this.isLive = isLive;
    clearTimeout(this.timer);
    this.list.setCount(0);
    await this.load(line ? Math.max(0, line - 1 - PAGE / 2) : null);
    if (this.node !== node) return;
    if (line) this.list.show(line - 1);
    else this.list.toEnd();
    this.poll();
  }

  /** Asks again while the command may still write. */
  poll() {
    clearTimeout(this.timer);
    if (!this.isLive || this.signal.aborted) return;
    this.timer = setTimeout(async () => {
      const wasAtEnd = this.list.isAtEnd;
      if (!document.hidden) await this.load(null).catch(() => {});
      if (this.follows && (wasAtEnd || this.jump)) this.list.toEnd();
      this.jump = false;
      this.poll();
    }, POLL);
  }

  async ended() {
    this.isLive = false;
    await this.load(null).catch(() => {});
    if (this.follows) this.list.toEnd();
  }

  follow(follows) {
    this.follows = follows;
    if (follows) this.list.toEnd();
  }

  async load(from) {
    const { node } = this;
    const start = from === null ? "" : `&from=${Math.floor(from)}`;
    const address = `/runs/${part(this.run)}/log?node=${part(node)}&lines=${PAGE}${start}`;
    const found = await get(address, this.signal);
    if (this.node !== node) return;
    found.lines.forEach((line, at) => this.lines.set(found.first + at, line));
    if (found.total !== this.total) {
      this.total = found.total;
      this.onTotal(found.total);
      this.list.setCount(found.total);
    }
    this.list.refresh();
  }

  need(first, end) {
    if (this.lines.size > MOST_KEPT) {
      for (const at of this.lines.keys()) {
        if (at < first - PAGE * 4 || at > end + PAGE * 4) this.lines.delete(at);
      }
    }
    for (let at = first; at < end; at += 1) {
      if (this.lines.has(at)) continue;
      const page = Math.floor(at / PAGE) * PAGE;
      if (this.asked.has(page)) continue;
      this.asked.add(page);
      // A fast scroll passes many pages: only where it rests is it asked.
      setTimeout(() => {
        const top = this.list.position();
        const isSeen = page < top + PAGE && page + PAGE > top - PAGE;
        const done = () => this.asked.delete(page);
        if (isSeen && !this.signal.aborted) this.load(page).then(done, done);
        else done();
      }, 60);
    }
  }

  row(at) {
    const line = this.lines.get(at);
    const number = at + 1;
    return h("div.line", { class: this.marked === number ? "marked" : null },
      h("a.number", {
        href: `#L${number}`, "data-key": `line ${number}`, tabindex: "-1",
        "aria-label": `Line ${number}`,
        onclick: (event) => {
          event.preventDefault();
          this.marked = number;
          this.list.refresh();
          this.onLine(number);
        },
      }, String(number)),
      h("span.text", line === undefined ? h("span.dim", "…") : pieces(line)));
  }
}
