// The states of a run's nodes, as its events say them.

import { deployment } from "./node-path.js";

/** What is known of a run from its events. */
export class RunStates {
  constructor() {
    /** Path → node, in the order in which they began. */
    this.nodes = new Map();
    /** The nodes that failed themselves, and not because of another one. */
    this.failures = [];
    /** Nodes that wait. */
    this.waiting = new Set();
    this.changed = new Set();
    this.began = null;
    this.ended = null;
    this.status = "running";
    this.failure = null;
    this.noWayBack = [];
    this.commands = 0;
    this.deployments = new Map();
  }

  /** The status of a node; that of what has not begun depends on the run. */
  status_of(path) {
    const node = this.nodes.get(path);
    if (node) return node.status;
    return this.ended ? "skipped" : "pending";
  }

  /** Reads a record of the journal. */
  read(record) {
    for (const event of record.events) this.hear(event, record.at);
  }

  hear(event, at) {
    switch (event.event) {
      case "run-started":
        this.began = this.began || at;
        break;
      case "run-resumed":
        this.ended = null;
        this.status = "running";
        break;
      case "node-started":
        this.start(event, at);
        break;
      case "node-waiting": {
        const node = this.node(event, at);
        node.status = "waiting";
        node.waiting = event.waiting;
        node.since = at;
        this.waiting.add(node.path);
        this.inDeployment(node, at);
        break;
      }
      case "node-finished":
        this.finish(event, at);
        break;
      case "no-way-back":
        this.noWayBack.push(event);
        break;
      case "run-finished":
        this.ended = at;
        this.status = event.status;
        this.failure = event.failure || null;
        this.waiting.clear();
        break;
      default:
    }
  }

  node(event, at) {
    let node = this.nodes.get(event.node);
    if (!node) {
      node = { path: event.node, kind: event.kind, status: "running", began: at };
      this.nodes.set(event.node, node);
    }
    this.changed.add(event.node);
    return node;
  }

  start(event, at) {
    const node = this.node(event, at);
    node.status = "running";
    node.waiting = null;
    node.ended = null;
    if (event.text !== undefined) node.text = event.text;
    if (event.place) node.place = event.place;
    if (event.kind === "run") this.commands += 1;
    this.waiting.delete(node.path);
    this.deployed(node, event.deployment);
    this.inDeployment(node, at);
  }

  finish(event, at) {
    const node = this.node(event, at);
    node.status = event.status;
    node.waiting = null;
    this.waiting.delete(node.path);
    if (event.status !== "rolling-back") node.ended = at;
    if (event.failure) {
      node.failure = event.failure;
      const isOwn = event.failure.node === event.node;
      if (isOwn && event.status !== "skipped" && !node.isListed) {
        node.isListed = true;
        this.failures.push(node);
      }
    }
    this.deployed(node, event.deployment);
    this.inDeployment(node, at);
  }

  deployed(node, record) {
    if (!record) return;
    const known = node.deployment || {};
    node.deployment = { ...record };
    node.deployment.before = record.before ?? known.before ?? null;
    node.deployment.after = record.after ?? known.after ?? null;
    this.deployments.set(node.path, node);
  }

  /** A deployment shows which of its parts is under way, and what that waits for. */
  inDeployment(node) {
    if (node.kind === "deploy") return;
    const found = deployment(node.path);
    const outer = found && this.nodes.get(found.path);
    if (!outer) return;
    this.changed.add(found.path);
    outer.part = found.inside[0];
    if (node.waiting) outer.inner = node;
    else if (outer.inner && (outer.inner === node || !outer.inner.waiting)) outer.inner = null;
  }

  /** What has changed since it was asked for. */
  take() {
    const { changed } = this;
    this.changed = new Set();
    return changed;
  }
}
