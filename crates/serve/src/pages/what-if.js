// What a failure would lead to, in a few lines: `lockstep plan --blast`.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { list } from "./words.js";

const MOST_LINES = 6;
const WORDS = [
  ["failed", "failed", "bad"], ["rollback-failed", "rollback failed", "bad"],
  ["rolled-back", "rolled back", "warn"], ["ignored", "failed and ignored", "warn"],
  ["cancelled", "cancelled", "warn"], ["succeeded", "stay deployed", "good"],
  ["skipped", "not started", "dim"],
];

/** Asks and shows it. `fails` is the path of what fails; each deployment where there is none. */
export function whatIf(run, fails, signal) {
  const place = h("div.what-if", h("p.dim", "Works out what a failure would lead to…"));
  const query = fails ? `?fails=${part(fails)}` : "";
  get(`/runs/${part(run)}/what-if${query}`, signal).then(
    (report) => fill(place, lines(report)),
    (problem) => {
      if (problem.name !== "AbortError") fill(place, h("p.dim", problem.message));
    },
  );
  return place;
}

function lines(report) {
  const groups = new Map();
  for (const it of report.cases || []) {
    for (const outcome of it.outcomes || []) {
      const said = outcomeOf(outcome);
      if (!groups.has(said.key)) groups.set(said.key, { ...said, who: new Set() });
      groups.get(said.key).who.add(nameOf(it));
    }
  }
  const all = [...groups.values()];
  if (!all.length) return h("p.dim", "Nothing is deployed: there is nothing that could fail.");
  return [
    h("ul.plain", all.slice(0, MOST_LINES).map(({ who, shown }) => h("li",
      h("span.if", "if ", h("strong", { title: [...who].join("\n") }, list([...who], 3)),
        " fails: "), shown))),
    all.length > MOST_LINES && h("p.dim", `and ${all.length - MOST_LINES} more outcomes: `,
      h("code", "lockstep plan --blast")),
  ];
}

const nameOf = (it) => (it.service ? `${it.service} → ${it.target}` : it.fails);

function outcomeOf(outcome) {
  const counts = new Map();
  for (const it of outcome.deployments || []) {
    const end = it.ends.length > 1 ? it.ends.join(" or ") : it.ends[0];
    counts.set(end, (counts.get(end) || 0) + 1);
  }
  const run = `the run ${(outcome.pipeline || []).map((it) => (it === "failed" ? "fails"
    : it === "succeeded" ? "succeeds all the same" : it)).join(" or ")}`;
  const shown = [run];
  const texts = [];
  const known = WORDS.filter(([end]) => counts.has(end));
  const others = [...counts.keys()].filter((end) => !WORDS.some(([it]) => it === end));
  for (const [end, text, tone] of [...known, ...others.map((it) => [it, it, "warn"])]) {
    texts.push(`${counts.get(end)} ${text}`);
    shown.push(", ", h(`span.${tone}`, `${counts.get(end)} ${text}`));
  }
  return { key: `${run}, ${texts.join(", ")}`, shown };
}
