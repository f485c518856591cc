// The overview of a run: what it asks, what failed, what it waits for, and the drawing.

import { get, whenChanged } from "./api.js";
import { eachFrame, fill, h } from "./dom.js";
import { Drawing } from "./drawing.js";
import { Inspector } from "./inspector.js";
import { pieces } from "./ansi.js";
import { deployment, last, people } from "./node-path.js";
import { countsLine } from "./outline.js";
import { badge, link, logAddress, nothing, runAddress } from "./parts.js";
import { questionCard } from "./questions.js";
import { tail } from "./run-actions.js";
import { elapsed, failureText, isOpen, waitText } from "./words.js";

const MOST_FAILURES = 3;
const MOST_WAITS = 6;
const MOST_FOLDED = 200;
const MOST_NAMED = 4;
const LAST_LINES = 8;

export async function part(state, body) {
  const { states } = state.feed;
  const sections = {
    questions: h("div"), failures: h("div"), waits: h("div"), progress: h("p.progress"),
  };
  const heading = h("h2");
  const drawHeading = () => {
    heading.textContent = isOpen(state.run.status) ? "What happens" : "What happened";
  };
  drawHeading();
  const inspector = new Inspector(state, (path) => select(path));
  const drawing = state.outline && new Drawing(state.outline, states, {
    label: "Drawing of the run", onSelect: (path) => select(path),
  });
  body.append(sections.questions, sections.failures, sections.waits,
    h("section.of-drawing", heading, sections.progress,
      h("div.with-inspector", drawing ? drawing.element : nothing(state.run.number
        ? "The plan of this run cannot be shown." : "There is nothing to draw yet."),
      inspector.element)));

  const select = (path, isFirst) => {
    if (drawing) drawing.select(path);
    const query = path ? `?node=${encodeURIComponent(path)}` : "";
    if (!isFirst) state.keepAddress(runAddress(state.id) + query);
    inspector.show(path, drawing && path ? drawing.find(path) : null, isFirst);
  };

  const drawProgress = () => {
    if (!drawing) return;
    const { counts, kind } = drawing.counts();
    const sum = [...counts.values()].reduce((a, b) => a + b, 0);
    fill(sections.progress, sum > 1 && countsLine(counts, kind));
  };

  const foreseen = new Map();
  let asked = "";
  const loadQuestions = async () => {
    const isAsked = isOpen(state.run.status);
    const all = isAsked ? await get("/questions", state.signal) : [];
    const mine = all.filter((it) => it.run === state.id);
    const now = JSON.stringify(mine);
    if (now === asked) return;
    asked = now;
    fill(sections.questions, mine.length > 0 && h("h2", "It asks"), mine.map((it) => (
      questionCard(it, {
        signal: state.signal, foreseen, isOnItsRun: true, whenDone: loadQuestions,
      }))));
  };
  await loadQuestions();
  whenChanged(loadQuestions, state.signal);

  const failures = new Failures(state, sections.failures, select);
  const drawWaits = () => fill(sections.waits, waits(state, select));
  const later = eachFrame(() => {
    drawProgress();
    drawWaits();
    failures.draw();
  });
  if (state.query.get("node")) select(state.query.get("node"), true);
  later();
  return {
    update(changed) {
      if (drawing) {
        drawing.update(changed);
        if (states.ended && state.feed.isOver) drawing.updateAll();
      }
      inspector.update(changed);
      later();
    },
    changed() {
      drawHeading();
      loadQuestions().catch(() => {});
      if (drawing) drawing.updateAll();
      later();
    },
    tick() {
      drawWaits();
      if (drawing) drawing.update(states.waiting);
    },
  };
}

/** What failed first, with the last lines that it wrote: nobody has to look for them. */
class Failures {
  constructor(state, place, select) {
    this.state = state;
    this.place = place;
    this.select = select;
    this.key = "";
    this.logs = new Map();
  }

  draw() {
    const { states } = this.state.feed;
    // A failure that was tried again with success matters no more.
    const all = states.failures.filter((it) => !["succeeded", "running"].includes(it.status));
    const key = all.map((it) => `${it.path} ${it.status}`).join("\n") + states.ended;
    if (key === this.key) return;
    this.key = key;
    const groups = [...alike(all).values()];
    const more = groups.slice(MOST_FAILURES).flat();
    fill(this.place, all.length > 0 && [
      h("h2", all.length === 1 ? "What failed" : `What failed (${all.length})`),
      groups.slice(0, MOST_FAILURES).map((it) => this.failure(it)),
      more.length > 0 && this.folded(`${more.length} more`, "more-failures", more),
    ], !all.length && states.failure && h("p.callout", h("span.mark.bad", {
      "aria-hidden": "true" }, "✗ "), failureText(states.failure)),
    states.noWayBack.length > 0 && [h("h2", "What has no way back"),
      h("ul.plain", states.noWayBack.map((it) => h("li", h("span.mark.warn", {
        "aria-hidden": "true" }, "! "), people(it.node), ": ", it.reason)))]);
  }

  folded(text, key, nodes) {
    return h("details", { "data-key": key }, h("summary", text),
      h("ul.plain", nodes.slice(0, MOST_FOLDED).map((it) => h("li", this.line(it))),
        nodes.length > MOST_FOLDED && h("li.dim", `and ${nodes.length - MOST_FOLDED} more`)));
  }

  line(node) {
    return [h("span.mark.bad", { "aria-hidden": "true" }, "✗"), " ", this.name(node),
      h("span", `: ${failureText(node.failure)}`)];
  }

  name(node) {
    return h("button.link", {
      type: "button", "data-key": `failure ${node.path}`, onclick: () => this.select(node.path),
    }, nameOf(node));
  }

  /** Failures of the same kind: the first with its last lines, the others by their names. */
  failure([node, ...others]) {
    const log = h("div");
    this.fillLog(node, log);
    const few = others.length <= MOST_NAMED;
    return h("div.failure", h("p.headline", this.line(node)),
      node.text && nameOf(node) !== commandOf(node) && h("p.dim", h("code", commandOf(node))), log,
      others.length > 0 && few && h("p", "The same happened to ", others.map((it, at) => [
        at > 0 && (at === others.length - 1 ? " and " : ", "), this.name(it)]), "."),
      others.length > 0 && !few && this.folded(`The same happened to ${others.length} more`,
        `alike ${node.path}`, others));
  }

  async fillLog(node, place) {
    if (node.kind !== "run") return;
    try {
      if (!this.logs.has(node.path)) {
        this.logs.set(node.path, tail(this.state.id, node.path, LAST_LINES, this.state.signal));
      }
      const log = await this.logs.get(node.path);
      if (!log.total) return;
      const first = log.first + 1;
      fill(place, h("pre", { tabindex: "0", "aria-label": "The last lines that it wrote" },
        log.lines.map((line) => [pieces(line), "\n"])),
      link(logAddress(this.state.id, node.path, first), log.total > log.lines.length
        ? `All ${log.total.toLocaleString("en")} lines` : "In the console"));
    } catch (problem) {
      this.logs.delete(node.path);
      if (problem.name !== "AbortError") fill(place, h("p.dim", problem.message));
    }
  }
}

const commandOf = (node) => `$ ${node.text.trim().split("\n")[0]}`;

/** A command that is in no deployment is called by what it does. */
const nameOf = (node) => (node.kind === "run" && node.text && !deployment(node.path)
  ? commandOf(node) : people(node.path));

/** Failures by what they have in common: the same part of a workflow, with the same message. */
function alike(nodes) {
  const groups = new Map();
  for (const node of nodes) {
    const found = deployment(node.path);
    const inside = found ? found.inside.join("/") : last(node.path).replace(/\[.*/, "");
    const key = `${inside}\n${node.failure.message}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(node);
  }
  return groups;
}

/** Why nothing goes on: each wait with who holds what is waited for. */
function waits(state, select) {
  const { states } = state.feed;
  if (!isOpen(state.run.status) || !states.waiting.size) return null;
  const groups = new Map();
  for (const path of states.waiting) {
    const node = states.nodes.get(path);
    if (node.waiting.for === "approval") continue;
    const it = node.waiting;
    const key = it.for === "barrier" ? `barrier ${it.name}`
      : it.for === "lock" ? `lock ${it.names}` : path;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(node);
  }
  const all = [...groups.values()];
  if (!all.length) return null;
  return [h("h2", "What waits"), h("ul.plain.waits", all.slice(0, MOST_WAITS).map((nodes) => {
    const node = nodes.at(-1);
    return h("li", badge("waiting"), " ", h("button.link", {
      type: "button", "data-key": `wait ${node.path}`, onclick: () => select(node.path),
    }, people(node.path)), nodes.length > 1 && ` and ${nodes.length - 1} more`, " ",
    waitText(node.waiting, node.since), h("span.dim",
      ` · for ${elapsed(Date.now() - Date.parse(node.since))}`), holders(node.waiting));
  }), all.length > MOST_WAITS && h("li.dim", `and ${all.length - MOST_WAITS} more`))];
}

function holders(waiting) {
  const found = waiting.holders || [];
  if (!found.length) return null;
  return h("ul.plain", found.map((it) => h("li", h("code", it.lock), " is held by ",
    link(runAddress(it.run), it.run), " ", h("span.dim", people(it.node)))));
}
