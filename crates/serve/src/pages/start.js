// Starting a pipeline: a form for its inputs, the plan of it, and the start.

import { get, newKey, part, send } from "./api.js";
import { add, fill, h, say } from "./dom.js";
import { command, link, problemBox, runAddress } from "./parts.js";
import { planDrawing } from "./plan-part.js";
import { StartForm } from "./start-form.js";
import { count, elapsed, list } from "./words.js";

export async function show(context) {
  const { main, params, query, signal, title, go, keepAddress } = context;
  const [id] = params;
  const pipeline = await get(`/pipelines/${part(id)}`, signal);
  title(`Start ${pipeline.name}`);
  const result = h("section.result", { "aria-label": "Plan", "aria-live": "polite" });
  let key = newKey();
  let refused = null;
  let timer = null;
  const changed = () => {
    // Another request needs another key, or the server would answer with the first run.
    key = newKey();
    refused = null;
    start.disabled = !pipeline.may_run;
    // Browsers refuse too many changes of an address in a short time.
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!signal.aborted) keepAddress(`/pipelines/${part(id)}${form.address()}`);
    }, 300);
  };
  const form = new StartForm(pipeline, query, changed);
  const plan = h("button", { type: "button" }, "Plan");
  const start = h("button.main", { type: "submit", disabled: !pipeline.may_run }, "Start");

  const ask = async (work, button) => {
    const asked = form.read();
    if (!asked) {
      say("There are mistakes in the form");
      fill(result, h("p.callout", h("span.mark.bad", { "aria-hidden": "true" }, "✗ "),
        "Correct what is marked in the form."));
      form.focusMistake();
      return;
    }
    plan.disabled = true;
    start.disabled = true;
    result.setAttribute("aria-busy", "true");
    try {
      await work({ pipeline: id, ...asked });
    } catch (problem) {
      fill(result, problemBox(problem));
    } finally {
      plan.disabled = false;
      start.disabled = !pipeline.may_run || refused !== null;
      result.removeAttribute("aria-busy");
      if (document.activeElement === document.body) button.focus();
    }
  };
  plan.addEventListener("click", () => ask(async (asked) => {
    const found = await send("POST", "/plans", asked);
    refused = found.not_permitted.length ? found.not_permitted : null;
    drawPlan(result, found, id, asked);
    say("The plan is shown");
  }, plan));
  const element = h("form.start", {
    onsubmit: (event) => {
      event.preventDefault();
      ask(async (asked) => {
        const run = await send("POST", "/runs", asked, { "idempotency-key": key });
        say(`Started ${run.run}`);
        await go(runAddress(run.run));
      }, start);
    },
  }, form.element, h("div.buttons.sticky", start, plan));
  add(main, [
    h("div.title-row", h("h1", `Start ${pipeline.name}`),
      link(`/runs?pipeline=${encodeURIComponent(id)}`, "its runs")),
    h("p.dim", pipeline.file),
    pipeline.doc && h("p", pipeline.doc),
    !pipeline.may_run && h("p.callout", h("span.mark.warn", { "aria-hidden": "true" }, "! "),
      `You may plan it, but not start it: ask an administrator for the right run on pipelines ` +
      `${id}.`),
    h("div.with-result", element, result)]);
}

function drawPlan(place, found, id, asked) {
  const { outline } = found;
  const most = outline.deployments.most;
  const locks = new Set();
  const walk = (items) => (items || []).forEach((it) => {
    (it.locks || []).forEach((lock) => locks.add(lock));
    walk(it.items);
  });
  walk(outline.items);
  const fact = (name, ...value) => h("div", h("dt", name), h("dd", value));
  const wide = outline.width || {};
  fill(place, h("h2", "Plan"),
    found.not_permitted.length > 0 && h("p.callout",
      h("span.mark.bad", { "aria-hidden": "true" }, "✗ "),
      `You may not run pipelines on ${found.not_permitted.join(", ")}. Leave it out, or ask an ` +
      `administrator for the right run on targets ${found.not_permitted.join(", ")}.`),
    h("dl.facts",
      fact("Deployments", most === null || most === undefined
        ? `at least ${outline.deployments.least}` : String(most)),
      fact("At once", wide.deployments ? `up to ${count(wide.deployments, "deployment")}`
        : wide.commands ? `up to ${count(wide.commands, "command")}` : "—"),
      locks.size > 0 && fact("Locks", named([...locks])),
      outline.longest_ms && fact("At most", elapsed(outline.longest_ms)),
      found.targets.length > 0 && fact("On", named(found.targets)),
      found.open_targets.length > 0 && fact("Perhaps on", named(found.open_targets)),
      fact("In a terminal", command(commandLine(id, asked)))),
    planDrawing(outline));
}

const named = (all) => h("span", { title: all.join("\n") }, list(all, 8));

function commandLine(id, asked) {
  const [file, name] = [id.slice(0, id.lastIndexOf("/")), id.slice(id.lastIndexOf("/") + 1)];
  const quoted = (text) => (/^[\w.,:=@%+/-]+$/.test(text) ? text
    : `'${text.replaceAll("'", "'\\''")}'`);
  const inputs = Object.entries(asked.inputs).map(([input, value]) => `-i ${quoted(`${input}=` +
    `${Array.isArray(value) ? value.join(",") : typeof value === "string" ? value
      : JSON.stringify(value)}`)}`);
  const fields = Object.entries(asked.set).map(([field, value]) =>
    `--set ${quoted(`${field}=${value}`)}`);
  return ["lockstep plan", quoted(file), name, ...inputs, ...fields].join(" ");
}
