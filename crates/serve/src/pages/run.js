// The page of a run: what it is, what can be done with it, and its parts.

import { get, part, whenChanged } from "./api.js";
import { fill, h, say } from "./dom.js";
import { badge, command, link, problemBox, runAddress, timeText } from "./parts.js";
import { actions } from "./run-actions.js";
import { RunFeed } from "./run-feed.js";
import { duration, elapsed, isOpen, list, symbol, word } from "./words.js";

const TABS = [
  ["", "Overview", () => import("./run-overview.js")],
  ["console", "Console", () => import("./console.js")],
  ["ledger", "Ledger", () => import("./ledger.js")],
  ["time-line", "Time line", () => import("./time-line.js")],
  ["outcome", "Plan and outcome", () => import("./outcome.js")],
];

/** What has been read of the run that was shown last: its parts are pages that share it. */
let known = null;

export async function show(context) {
  const { main, params, signal, title } = context;
  const [id, tab = ""] = params;
  const first = await get(`/runs/${part(id)}`, signal);
  if (!known || known.id !== id) known = { id, feed: new RunFeed(id), outline: null };
  const shared = known;
  const state = { ...context, id, run: first, feed: shared.feed, tab };
  await outlineOf(shared, state, signal);
  state.outline = shared.outline;
  const head = h("header.of-run");
  const body = h("div.of-tab");
  main.append(head, tabs(id, tab), body);
  const view = await TABS.find(([name]) => name === tab)[2]();
  const shown = await view.part(state, body);

  const drawHead = () => {
    title(`${symbol(state.run.status)} ${state.run.run} ${state.run.pipeline}`);
    fill(head, headOf(state, drawHead, reload));
  };
  const reload = async () => {
    const before = state.run.status;
    state.run = await get(`/runs/${part(id)}`, signal);
    if (!shared.outline && state.run.number) {
      await outlineOf(shared, state, signal);
      // There is something to draw now.
      if (shared.outline) context.go(location.pathname + location.search, { replace: true });
    }
    drawHead();
    if (before !== state.run.status) {
      say(`${state.run.run} is ${word(state.run.status)}`);
      if (shown && shown.changed) shown.changed();
    }
  };
  drawHead();
  const ask = whenChanged(reload, signal);
  if (state.run.number) {
    if (isOpen(state.run.status)) shared.feed.again();
    shared.feed.follow((changed) => {
      if (shown && shown.update) shown.update(changed);
      if (shared.feed.isOver && isOpen(state.run.status)) ask();
    }, signal);
  }
  const clock = setInterval(() => {
    if (!isOpen(state.run.status)) return;
    const passed = head.querySelector(".passed");
    if (passed) passed.textContent = elapsed(Date.now() - Date.parse(state.run.started_at));
    if (shown && shown.tick) shown.tick();
  }, 1000);
  signal.addEventListener("abort", () => clearInterval(clock));
}

async function outlineOf(shared, state, signal) {
  if (shared.outline || !state.run.number) return;
  try {
    shared.outline = await get(`/runs/${part(shared.id)}/plan`, signal);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    state.trouble = problem;
  }
}

function tabs(id, tab) {
  return h("nav.tabs", { "aria-label": "Parts of the run" }, h("ul", TABS.map(([name, text]) => (
    h("li", h("a", {
      href: runAddress(id, name), "aria-current": name === tab ? "page" : null,
    }, text))))));
}

function headOf(state, draw, reload) {
  const { run } = state;
  const took = run.finished_at
    ? duration(Date.parse(run.finished_at) - Date.parse(run.started_at))
    : h("span.passed", elapsed(Date.now() - Date.parse(run.started_at)));
  const inputs = Object.entries(run.inputs || {});
  const fact = (name, ...value) => h("div", h("dt", name), h("dd", value));
  return [
    h("div.title-row", h("h1", run.pipeline.split("/").at(-1), " ", h("code", run.run)),
      badge(run.status), actions(state, reload)),
    h("dl.facts",
      fact("Pipeline", link(`/pipelines/${part(run.pipeline)}`, run.pipeline)),
      fact("Started", timeText(run.started_at), ` by ${run.user}`),
      fact(run.finished_at ? "Took" : "For", took),
      run.targets.length > 0 && fact("On", h("span", { title: run.targets.join("\n") },
        list(run.targets, 6))),
      inputs.length > 0 && fact("Inputs", inputs.map(([name, value]) => inputText(name, value))),
      run.retries && fact("Retries", link(runAddress(run.retries), run.retries)),
      run.undoes && fact("Takes back", link(runAddress(run.undoes), run.undoes)),
      run.outside_window && fact("Outside of its windows", run.outside_window),
      fact("In a terminal", command(`lockstep show ${run.run}`))),
    run.unstarted && h("p.callout", h("span.mark.bad", { "aria-hidden": "true" }, "✗ "),
      `It has not begun: ${run.unstarted}`),
    run.queue && h("p.callout", h("span.mark.wait", { "aria-hidden": "true" }, "◦ "),
      `It waits in queue ${run.queue.name}`, run.queue.behind.length > 0 && " behind ",
      run.queue.behind.map((it, at) => [at > 0 && ", ", link(runAddress(it), it)])),
    run.status === "stopped" && h("p.callout", h("span.mark.warn", { "aria-hidden": "true" },
      "! "), "No process drives this run: it was stopped. ",
      run.may.includes("run") ? "Resume it, and it goes on where it was."
        : "Whoever may run it can resume it, and it goes on where it was."),
    run.status === "starting" && h("p.callout", "It is starting."),
    state.trouble && problemBox(state.trouble),
  ];
}

const MOST = 60;

function inputText(name, value) {
  const isList = Array.isArray(value) && value.every((it) => typeof it === "string");
  const whole = typeof value === "string" ? value
    : isList ? value.join(", ") : JSON.stringify(value);
  const text = whole.length > MOST ? `${whole.slice(0, MOST)}…` : whole;
  return h("span.input-value", { title: whole.slice(0, 2000) }, h("span.dim", `${name} = `),
    h("code", text));
}

