// The pipelines that can be started.

import { get, part, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { badge, link, nothing, problemBox, runAddress, timeText } from "./parts.js";
import { Problem } from "./api.js";

export async function show({ main, signal, title }) {
  title("Pipelines");
  const place = h("div");
  main.append(h("h1", "Pipelines"), place);
  let before = "";
  const load = async () => {
    const [found, runs] = await Promise.all([
      get("/pipelines", signal), get("/runs?limit=200", signal),
    ]);
    const now = JSON.stringify([found, runs]);
    if (now === before) return;
    before = now;
    const latest = new Map();
    for (const run of runs.runs) {
      if (!latest.has(run.pipeline)) latest.set(run.pipeline, run);
    }
    const files = new Map();
    for (const it of found.pipelines) {
      if (!files.has(it.file)) files.set(it.file, []);
      files.get(it.file).push(it);
    }
    fill(place,
      !found.pipelines.length && !found.broken.length &&
        nothing("There is no pipeline that you may see. Ask an administrator, or put a ",
          h("code", ".deploy"), " file into the folder that is served."),
      [...files].map(([file, all]) => h("section", h("h2", file),
        h("ul.cards", { role: "list" }, all.map((it) => card(it, latest.get(it.id)))))),
      found.broken.length > 0 && [h("h2", "Files with mistakes"), found.broken.map((it) => (
        h("section", h("h3", it.file), problemBox(new Problem(it.problem.status, it.problem)))))]);
  };
  await load();
  whenChanged(load, signal);
}

function card(pipeline, run) {
  return h("li.card",
    h("div.title-row", h("h3", pipeline.name),
      pipeline.may_run
        ? h("a.button", { href: `/pipelines/${part(pipeline.id)}`, "data-key": pipeline.id },
          h("span", "Start…"), h("span.unseen", ` ${pipeline.name}`))
        : h("span.dim", "you may not start it")),
    pipeline.doc && h("p", pipeline.doc),
    h("p.dim", run
      ? ["latest: ", badge(run.status), " ", link(runAddress(run.run), run.run), " ",
        timeText(run.started_at), ` by ${run.user} · `,
        link(`/runs?pipeline=${encodeURIComponent(pipeline.id)}`, "all its runs")]
      : "has not run yet"));
}
