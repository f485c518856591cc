// Locks and queues: who holds what, and who waits for it.

import { get, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { people } from "./node-path.js";
import { link, nothing, runAddress, table, timeText } from "./parts.js";

export async function show({ main, signal, title }) {
  title("Locks and queues");
  const place = h("div");
  main.append(h("h1", "Locks and queues"), place);
  let before = "";
  const load = async () => {
    const [locks, runs] = await Promise.all([
      get("/locks", signal), get("/runs?status=queued&limit=200", signal),
    ]);
    const now = JSON.stringify([locks, runs]);
    if (now === before) return;
    before = now;
    fill(place, h("h2", "Locks"),
      !locks.length ? nothing("No lock is held.")
        : table("Locks", ["Lock", "Places", "Held by", "Waits"], locks.map((it) => [
          h("th", { scope: "row" }, h("code", it.lock)),
          `${it.holders.length} of ${it.places}`,
          requests(it.holders, "taken"), requests(it.queue, "asked for"),
        ])),
      h("h2", "Queues"),
      !runs.runs.length ? nothing("No run waits in a queue.")
        : table("Queues", ["Queue", "Run", "Pipeline", "By", "Waits since", "Behind"],
          runs.runs.map((run) => [
            h("th", { scope: "row" }, h("code", run.queue ? run.queue.name : "")),
            link(runAddress(run.run), run.run), run.pipeline, run.user, timeText(run.started_at),
            run.queue ? run.queue.behind.map((it, at) => [at > 0 && ", ",
              link(runAddress(it), it)]) : "",
          ])));
  };
  await load();
  whenChanged(load, signal);
}

function requests(all, word) {
  if (!all.length) return h("span.dim", "nobody");
  return h("ul.plain", all.map((it) => h("li",
    it.run ? [link(runAddress(it.run), it.run), " ", h("span.dim", { title: it.node },
      people(it.node))] : "a run that you may not see",
    h("span.dim", ` ${word} `, timeText(it.since)),
    !it.is_driven && h("span.warn", " ! no process drives it: resume or cancel it"))));
}
