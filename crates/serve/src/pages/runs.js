// The list of runs, the latest first.

import { get, part, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { badge, link, nothing, runAddress, table, timeText } from "./parts.js";
import { duration, elapsed, isOpen, list } from "./words.js";

const STATUSES = ["running", "queued", "stopped", "succeeded", "failed", "rollback-failed",
  "cancelled", "superseded"];

export async function show({ main, query, signal, title, go }) {
  title("Runs");
  const address = (changes) => {
    const now = new URLSearchParams(query);
    for (const [name, value] of Object.entries(changes)) {
      if (value) now.set(name, value);
      else now.delete(name);
    }
    return `/runs${String(now) ? `?${now}` : ""}`;
  };
  const pipelines = await get("/pipelines", signal).catch(() => ({ pipelines: [] }));
  const choice = (name, label, all) => {
    const options = [...all];
    const value = query.get(name) || "";
    if (value && !options.includes(value)) options.push(value);
    const select = h("select", {
      id: `by-${name}`, onchange: () => go(address({ [name]: select.value, before: null })),
    }, h("option", { value: "" }, "all"), options.map((it) => h("option", {
      value: it, selected: it === value,
    }, name === "status" ? it.replaceAll("-", " ") : it)));
    return h("span.pair", h("label", { for: `by-${name}` }, label), select);
  };
  const place = h("div.run-list");
  main.append(h("div.title-row", h("h1", "Runs"),
    h("a.button.main", { href: "/pipelines" }, "Start a pipeline…")),
  h("div.filters", choice("pipeline", "Pipeline", pipelines.pipelines.map((it) => it.id)),
    choice("status", "Status", STATUSES)), place);

  const asked = new URLSearchParams();
  for (const name of ["pipeline", "status", "before"]) {
    if (query.get(name)) asked.set(name, query.get(name));
  }
  asked.set("limit", "50");
  let before = "";
  const load = async () => {
    const found = await get(`/runs?${asked}`, signal);
    const now = JSON.stringify(found);
    if (now !== before) draw(found);
    before = now;
  };
  const draw = (found) => {
    const isFiltered = query.get("pipeline") || query.get("status");
    fill(place,
      !found.runs.length ? nothing(isFiltered ? "No run fits the filter." : "Nothing has run yet. ",
        !isFiltered && link("/pipelines", "Choose a pipeline and start it."))
        : table("Runs", ["State", "Run", "Pipeline", "Inputs", "On", "By", "Started", "Took"],
          found.runs.map(row)),
      h("div.buttons", query.get("before") && h("a.button", { href: address({ before: null }) },
        "Latest runs"), found.next && h("a.button", {
        href: address({ before: String(found.next) }), "data-key": "next",
      }, "Earlier runs")));
  };
  await load();
  whenChanged(load, signal);
  const clock = setInterval(() => {
    for (const it of place.querySelectorAll(".passed")) {
      it.textContent = elapsed(Date.now() - Date.parse(it.dataset.from));
    }
  }, 1000);
  signal.addEventListener("abort", () => clearInterval(clock));
}

function row(run) {
  const took = run.finished_at
    ? duration(Date.parse(run.finished_at) - Date.parse(run.started_at))
    : isOpen(run.status) ? h("span.passed", { "data-from": run.started_at },
      elapsed(Date.now() - Date.parse(run.started_at))) : "";
  const inputs = Object.entries(run.inputs || {}).map(([name, value]) => {
    const text = typeof value === "string" ? value : Array.isArray(value)
      ? list(value.map(String), 3) : JSON.stringify(value);
    return `${name}=${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
  });
  const relation = run.undoes ? ["takes back ", link(runAddress(run.undoes), run.undoes)]
    : run.retries ? ["retries ", link(runAddress(run.retries), run.retries)] : null;
  return [
    badge(run.status),
    h("th", { scope: "row" }, h("a", { href: runAddress(run.run), "data-key": run.run },
      h("code", run.run))),
    [link(`/pipelines/${part(run.pipeline)}`, run.pipeline),
      relation && h("div.dim", relation)],
    h("span.cut", { title: inputs.join("\n") }, inputs.join("  ")),
    h("span.cut", { title: run.targets.join("\n") }, list(run.targets, 3)),
    run.user, timeText(run.started_at), h("span.right", took),
  ];
}
