// Triggers: what starts pipelines by itself, and what came of it.

import { Problem, get, part, send, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { STAY, command, confirm, field, link, mistake, nothing, runAddress,
  table, timeText } from "./parts.js";
import { count, list, when } from "./words.js";

const KINDS = {
  schedule: "by time", webhook: "by a webhook", artifact: "by an artifact",
  change: "by a change",
};
const DECISIONS = {
  started: ["✓", "good"], "no-match": ["·", "dim"], refused: ["✗", "bad"],
  starts: ["✓", "good"],
};
const MOST_NAMED = 6;

export async function show({ main, signal, title }) {
  title("Triggers");
  const place = h("div");
  main.append(h("h1", "Triggers"), place);
  let before = "";
  const load = async () => {
    const all = await get("/triggers", signal);
    const now = JSON.stringify(all);
    if (now === before) return;
    before = now;
    fill(place, !all.length && nothing("No file declares a trigger."), all.map(trigger));
  };
  await load();
  whenChanged(load, signal);
}

const fact = (name, ...value) => h("div", h("dt", name), h("dd", value));

function trigger(it) {
  return h("section.card", { "aria-label": it.id },
    h("div.title-row", h("h2", h("code", it.id)), h("button", {
      type: "button", "data-key": it.id, onclick: () => test(it),
    }, "Test…")),
    it.doc && h("p", it.doc),
    it.problem && h("p.callout", h("span.mark.bad", { "aria-hidden": "true" }, "✗ "), it.problem),
    h("dl.facts",
      fact("On", it.text),
      fact("Starts", link(`/pipelines/${part(it.pipeline)}`, it.pipeline), " ",
        KINDS[it.kind] || it.kind),
      it.next_at && fact("Next", when(it.next_at)),
      it.webhook_url && fact("Address", command(it.webhook_url)),
      it.not_permitted.length > 0 && fact("It may not run on",
        list(it.not_permitted, MOST_NAMED))),
    it.deliveries.length ? table(`Deliveries of ${it.id}`,
      ["When", "Decision", "Reason", "Run"], it.deliveries.map((one) => [
        timeText(one.at), decision(one.decision), reason(one),
        one.run ? link(runAddress(one.run), one.run) : "",
      ])) : nothing("Nothing has come yet."));
}

/** Why it was decided so, and that what has come again has started nothing. */
function reason(one) {
  const again = one.repeats > 0 && h("div.dim",
    `It came again ${one.repeats === 1 ? "once" : count(one.repeats, "time")}, `,
    timeText(one.repeated_at), ": a delivery that is repeated starts nothing.");
  return [one.reason, again];
}

function decision(text) {
  const [sign, tone] = DECISIONS[text] || ["·", "dim"];
  return h(`span.state.${tone}`, h("span.mark", { "aria-hidden": "true" }, sign), " ",
    text.replaceAll("-", " "));
}

function test(it) {
  const result = h("div", { role: "status" });
  return confirm({
    title: `Test ${it.id}`,
    text: "Shows what it would start. Nothing is started.",
    extra: [EVENTS[it.kind].map(([label, make]) => field(label, make())), result],
    label: "Test",
    work: async (form) => {
      fill(result);
      const body = asked(form);
      const found = await send("POST", `/triggers/${part(it.id)}/test`, body);
      fill(result, h("p", decision(found.decision), " ", found.reason || ""),
        found.pipeline && h("p", h("code", found.pipeline)),
        found.inputs && h("pre", { tabindex: "0", "aria-label": "Inputs" },
          JSON.stringify(found.inputs, null, 1)),
        found.targets.length > 0 && h("p", `On ${found.targets.join(", ")}`),
        (found.diagnostics || []).map(mistake));
      return STAY;
    },
  });
}

/** What an event has besides its time, by what the trigger fires on. */
const EVENTS = {
  schedule: [],
  webhook: [["Payload as JSON",
    () => h("textarea", { name: "payload", rows: "6", spellcheck: "false" })]],
  artifact: [["Digest", () => h("input", { name: "digest", placeholder: "sha256:…" })]],
  change: [
    ["Commit", () => h("input", { name: "commit" })],
    ["Changed files, one on each line",
      () => h("textarea", { name: "paths", rows: "3", spellcheck: "false" })],
  ],
};

/** The event that the form describes. */
function asked(form) {
  const text = (name) => (form.get(name) || "").trim();
  const body = {};
  if (text("payload")) {
    try {
      body.payload = JSON.parse(text("payload"));
    } catch (error) {
      throw new Problem(0, { title: "The payload is not JSON", detail: error.message });
    }
  }
  for (const name of ["digest", "commit"]) if (text(name)) body[name] = text(name);
  const paths = text("paths").split("\n").map((it) => it.trim()).filter(Boolean);
  if (paths.length) body.paths = paths;
  return body;
}

