// What a failure would lead to, in a few lines: `lockstep plan --blast`.

import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { list } from "./words.js";

const MOST_LINES = 5;
const WORDS = [
  ["failed", "failed", "bad"], ["rollback-failed", "rollback failed", "bad"],
  ["rolled-back", "rolled back", "warn"], ["ignored", "failed and ignored", "warn"],
  ["cancelled", "cancelled", "warn"], ["succeeded", "deployed", "good"],
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

/** Those that would lead to the same stand together. */
function lines(report) {
  const groups = new Map();
  for (const it of report.cases || []) {
    const outcomes = new Map();
    for (const outcome of it.outcomes || []) {
      const said = outcomeOf(outcome);
      if (!outcomes.has(said.key)) outcomes.set(said.key, { ...said, at: new Set() });
      for (const { inside } of outcome.at || []) outcomes.get(said.key).at.add(inside);
    }
    const key = [...outcomes].map(([said, { at }]) => `${said} ${[...at]}`).join("\n");
    if (!groups.has(key)) groups.set(key, { who: [], outcomes: [...outcomes.values()] });
    groups.get(key).who.push(it.service ? `${it.service} → ${it.target}` : it.fails);
  }
  const all = [...groups.values()];
  if (!all.length) return h("p.dim", "Nothing is deployed: there is nothing that could fail.");
  return [
    h("ul.plain", all.slice(0, MOST_LINES).map(({ who, outcomes }) => h("li",
      "if ", h("strong", { title: who.join("\n") }, list(who, 3, "or")), " fails",
      outcomes.length === 1 ? [": ", outcomes[0].shown] : [", it depends on where:",
        h("ul.plain", outcomes.map(({ at, shown }) => h("li", h("span", {
          title: [...at].join("\n"),
        }, `in ${list([...at].filter(Boolean), 2) || "itself"}: `), shown)))]))),
    all.length > MOST_LINES && h("p.dim", `and ${all.length - MOST_LINES} more: `,
      h("code", "lockstep plan --blast")),
  ];
}

function outcomeOf(outcome) {
  const counts = new Map();
  for (const it of outcome.deployments || []) {
    const end = it.ends.join(" or ");
    counts.set(end, (counts.get(end) || 0) + 1);
  }
  const ends = (outcome.pipeline || []).map((it) => (it === "failed" ? "fails"
    : it === "succeeded" ? "succeeds all the same" : `is ${it.replaceAll("-", " ")}`));
  const shown = [`the run ${ends.join(" or ")}`];
  const order = [...counts.keys()].sort((one, other) => rank(one) - rank(other));
  for (const end of order) {
    const [, text, tone] = WORDS.find(([it]) => it === end) ||
      [end, end.replaceAll("-", " "), "warn"];
    shown.push(", ", h(`span.${tone}`, `${counts.get(end)} ${text}`));
  }
  return { key: `${ends} ${order.map((end) => `${end} ${counts.get(end)}`)}`, shown };
}

const rank = (end) => WORDS.findIndex(([it]) => it === end);
