// Triggers: what starts pipelines by itself, and what came of it.

import { get, part, send, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { STAY, command, confirm, field, link, nothing, runAddress, table,
  timeText } from "./parts.js";
import { when } from "./words.js";

const KINDS = {
  schedule: "by time", webhook: "by a webhook", artifact: "by an artifact",
  change: "by a change",
};
const DECISIONS = {
  started: ["✓", "good"], "no-match": ["·", "dim"], refused: ["✗", "bad"],
  doubled: ["·", "dim"], failed: ["✗", "bad"],
};

export async function show({ main, signal, title }) {
  title("Triggers");
  const place = h("div");
  main.append(h("h1", "Triggers"), place);
  let before = "";
  const load = async () => {
    let all;
    try {
      all = await get("/triggers", signal);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      fill(place, nothing("This server has no triggers."));
      return;
    }
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
    h("pre", { tabindex: "0", "aria-label": "The trigger in its file" }, it.text),
    h("dl.facts",
      fact("Starts", link(`/pipelines/${part(it.pipeline)}`, it.pipeline), " ",
        KINDS[it.kind] || it.kind),
      it.next_at && fact("Next", when(it.next_at)),
      it.webhook_url && fact("Address", command(it.webhook_url)),
      fact("Its right", it.may_run ? [h("span.mark.good", { "aria-hidden": "true" },
        "✓ "), "it may run the pipeline"] : [h("span.mark.bad", { "aria-hidden": "true" },
        "✗ "), "it may not run the pipeline: grant it the right ", h("code", "run")])),
    (it.deliveries || []).length ? table(`Deliveries of ${it.id}`,
      ["When", "Decision", "Reason", "Run"], it.deliveries.map((one) => [
        timeText(one.at), decision(one.decision), one.reason || "",
        one.run ? link(runAddress(one.run), one.run) : "",
      ])) : nothing("Nothing has come yet."));
}

function decision(text) {
  const [sign, tone] = DECISIONS[text] || ["·", "dim"];
  return h(`span.state.${tone}`, h("span.mark", { "aria-hidden": "true" }, sign), " ",
    text.replaceAll("-", " "));
}

function test(it) {
  const result = h("div");
  const hasPayload = it.kind !== "schedule";
  const payload = h("textarea", { name: "payload", rows: "6", spellcheck: "false" });
  return confirm({
    title: `Test ${it.id}`,
    text: "Shows what it would start. Nothing is started.",
    extra: [hasPayload && field("Payload as JSON", payload), result],
    label: "Test",
    work: async (form) => {
      const text = form.get("payload");
      const body = text && text.trim() ? { payload: JSON.parse(text) } : {};
      const found = await send("POST", `/triggers/${part(it.id)}/test`, body);
      fill(result, h("p", decision(found.decision), " ", found.reason || ""),
        found.pipeline && h("p", h("code", found.pipeline)),
        found.inputs && h("pre", { tabindex: "0", "aria-label": "Inputs" },
          JSON.stringify(found.inputs, null, 1)),
        (found.targets || []).length > 0 && h("p", `On ${found.targets.join(", ")}`));
      return STAY;
    },
  });
}

