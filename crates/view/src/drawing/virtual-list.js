// A list of any length that has only those rows in the page that are seen.

import { eachFrame, fill, h } from "./dom.js";

/** Browsers show no element that is much higher; a longer list scrolls faster than the finger. */
const MAX_HEIGHT = 8_000_000;
const MORE_ROWS = 6;

export class VirtualList {
  /**
   * `row` makes the row with a number: an element, or several. All are `rowHeight` high, which the
   * style sheet has to say, too. `onShow` is called with the numbers that are seen.
   */
  constructor({ label, rowHeight, row, onShow, className = "" }) {
    this.rowHeight = rowHeight;
    this.row = row;
    this.onShow = onShow;
    this.count = 0;
    this.list = h("ul.rows", { role: "list" });
    this.space = h("div.space", this.list);
    this.element = h("div.virtual", {
      class: className, role: "region", "aria-label": label, tabindex: "0",
    }, this.space);
    this.later = eachFrame(() => this.draw());
    this.element.addEventListener("scroll", this.later, { passive: true });
    this.observer = new ResizeObserver(this.later);
    this.observer.observe(this.element);
  }

  /** How many rows there are now. */
  setCount(count) {
    this.count = count;
    const height = Math.min(count * this.rowHeight, MAX_HEIGHT);
    this.space.style.setProperty("height", `${height}px`);
    this.later();
  }

  /** Draws again what is seen. */
  refresh() {
    this.later();
  }

  get isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < this.rowHeight * 2;
  }

  /** The number of the first row that is seen, as a fraction. */
  position() {
    return (this.element.scrollTop * this.ratio()) / this.rowHeight;
  }

  ratio() {
    const view = this.element.clientHeight;
    const height = this.space.offsetHeight;
    const all = this.count * this.rowHeight;
    return height > view && all > height ? (all - view) / (height - view) : 1;
  }

  /** Scrolls so that a row is seen, in the middle where that is possible. */
  show(index, isMiddle = true) {
    const before = isMiddle ? this.element.clientHeight / 2 : 0;
    this.element.scrollTop = (index * this.rowHeight - before) / this.ratio();
    this.later();
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
    this.later();
  }

  draw() {
    const view = this.element.clientHeight;
    if (!view) return;
    const scroll = this.element.scrollTop;
    const top = scroll * this.ratio();
    const first = Math.max(0, Math.floor(top / this.rowHeight) - MORE_ROWS);
    const end = Math.min(this.count, Math.ceil((top + view) / this.rowHeight) + MORE_ROWS);
    const shift = scroll - (top - first * this.rowHeight);
    this.list.style.setProperty("transform", `translateY(${shift}px)`);
    const rows = [];
    for (let at = first; at < end; at += 1) {
      rows.push(h("li", { "aria-posinset": at + 1, "aria-setsize": this.count }, this.row(at)));
    }
    fill(this.list, rows);
    if (this.onShow) this.onShow(first, end);
  }

  /** Lets go of what it watches. */
  close() {
    this.observer.disconnect();
  }
}
