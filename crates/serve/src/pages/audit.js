// The audit log: who did what. For administrators.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { link, nothing, problemBox, runAddress, table } from "./parts.js";
import { when } from "./words.js";

const FILTERS = [["who", "Who"], ["action", "Action"], ["object", "About"]];

export async function show({ main, query, signal, title, user, go }) {
  title("Audit");
  if (!user.is_admin) {
    main.append(h("h1", "Audit"), nothing("Only administrators see the audit log."));
    return;
  }
  const asked = new URLSearchParams();
  for (const name of ["who", "action", "object", "before"]) {
    if (query.get(name)) asked.set(name, query.get(name));
  }
  const entries = await get(`/audit?limit=100&${asked}`, signal);
  const inputs = FILTERS.map(([name, label]) => [name, label, h("input", {
    id: `by-${name}`, type: "search", value: query.get(name) || "", autocomplete: "off",
  })]);
  const submit = (event) => {
    event.preventDefault();
    const to = new URLSearchParams();
    for (const [name, , input] of inputs) if (input.value) to.set(name, input.value);
    go(`/audit${String(to) ? `?${to}` : ""}`);
  };
  const checked = h("p", { role: "status" });
  const check = h("button", {
    type: "button",
    onclick: async () => {
      try {
        const found = await get("/audit/check", signal);
        fill(checked, found.is_whole
          ? [h("span.good", "✓ whole"), `: nothing was changed or left out up to entry ` +
            `${found.last}, hash `, h("code", String(found.hash).slice(0, 16))]
          : [h("span.bad", "✗ not whole"), `: ${found.problem}`]);
      } catch (problem) {
        fill(checked, problemBox(problem));
      }
    },
  }, "Check the log");
  const next = new URLSearchParams(asked);
  if (entries.length) next.set("before", String(entries.at(-1).seq));
  main.append(h("div.title-row", h("h1", "Audit"), h("div.buttons", check,
    h("a.button", { href: "/api/v1/audit/export", download: "audit.jsonl" }, "Export"))), checked,
  h("form.filters", { onsubmit: submit, "aria-label": "Filter" },
    inputs.map(([name, label, input]) => [h("label", { for: `by-${name}` }, label), input]),
    h("button", { type: "submit" }, "Filter")),
  !entries.length ? nothing("No entry fits the filter.")
    : table("Entries", ["No.", "When", "Who", "Action", "About", "Outcome", "Via", "From",
      "Details"], entries.map(row)),
  h("div.buttons", query.get("before") && h("a.button", { href: "/audit" }, "Latest entries"),
    entries.length === 100 && h("a.button", { href: `/audit?${next}` }, "Earlier entries")));
}

function row(it) {
  const run = /^run (\S+)/.exec(it.object);
  const detail = Object.entries(it.detail || {}).map(([name, value]) => (
    `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)).join("\n");
  return [
    h("span.right", String(it.seq)), h("time", { datetime: it.at, title: `hash ${it.hash}` },
      when(it.at)),
    it.who ? link(`/audit?who=${part(it.who)}`, it.who) : h("span.dim", "unknown"),
    link(`/audit?action=${part(it.action)}`, h("code", it.action)),
    run ? link(runAddress(run[1]), it.object) : it.object,
    it.outcome === "done" ? h("span.good", "✓ done")
      : h("span.bad", it.outcome === "" ? "" : `✗ ${it.outcome}`),
    it.via, h("code", it.client), h("span.cut", { title: detail }, detail),
  ];
}
