// Follows a run: its events become states, a frame's worth at a time.

import { stream } from "./api.js";
import { RunStates } from "./run-states.js";

/** So long events are read in a frame, in milliseconds; the page answers in between. */
const BUDGET = 10;

export class RunFeed {
  constructor(run) {
    this.run = run;
    this.states = new RunStates();
    this.after = 0;
    this.isOver = false;
    this.unread = [];
    this.listener = null;
    this.isAsked = false;
  }

  /** Calls `listener` with the changed paths after each frame's events, and after the last. */
  follow(listener, signal) {
    this.listener = listener;
    signal.addEventListener("abort", () => {
      if (this.listener === listener) this.listener = null;
    });
    if (this.unread.length) this.later();
    if (this.isOver) return;
    const address = () => `/api/v1/runs/${encodeURIComponent(this.run)}/events` +
      `?after=${this.after}`;
    stream(address, (source, end) => {
      source.addEventListener("events", (message) => {
        const record = JSON.parse(message.data);
        // After a break the same may be sent again.
        if (record.record <= this.after) return;
        this.after = record.record;
        this.unread.push(record);
        this.later();
      });
      source.addEventListener("end", () => {
        this.isOver = true;
        end();
        this.later();
      });
    }, signal);
  }

  later() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      this.read();
    });
  }

  read() {
    const until = performance.now() + BUDGET;
    let at = 0;
    while (at < this.unread.length && performance.now() < until) {
      this.states.read(this.unread[at]);
      at += 1;
    }
    this.unread.splice(0, at);
    if (this.listener) this.listener(this.states.take());
    if (this.unread.length) this.later();
  }

  /** The run goes on after it was stopped. */
  again() {
    this.isOver = false;
  }
}
