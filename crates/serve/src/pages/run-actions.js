// What can be done with a run: cancel, go on, retry, take back, start again.

import { get, newKey, part, send } from "./api.js";
import { h } from "./dom.js";
import { commentField, confirm, runAddress } from "./parts.js";
import { isOpen } from "./words.js";

/** The buttons that fit the status of a run, and what the caller may do to it. */
export function actions(state, reload) {
  const { run } = state;
  const button = (text, work, extra = {}) =>
    h("button", { type: "button", "data-key": text, onclick: work, ...extra }, text);
  const all = [];
  const mayRun = run.may.includes("run");
  if (["running", "queued"].includes(run.status) && run.may.includes("cancel")) {
    all.push(button("Cancel…", () => cancel(state, reload)));
  }
  if (run.status === "stopped" && mayRun) all.push(button("Resume…", () => resume(state, reload)));
  if (["failed", "rollback-failed", "cancelled"].includes(run.status) && mayRun) {
    all.push(button("Retry…", () => retry(state)));
  }
  if (!isOpen(run.status) && run.number && run.targets.length && mayRun) {
    all.push(button("Take back…", () => takeBack(state)));
  }
  if (run.number) {
    all.push(h("a.button", { href: again(run), "data-key": "again" }, "Start again…"));
  }
  return h("div.buttons", all);
}

/** The form with the inputs of this run. */
function again(run) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(run.inputs || {})) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    if (text.length <= 500) query.set(`i.${name}`, text);
  }
  return `/pipelines/${part(run.pipeline)}?${query}`;
}

function cancel({ run }, reload) {
  return confirm({
    title: `Cancel ${run.run}?`,
    text: "What is running is stopped, and what is not finished is rolled back.",
    extra: commentField(),
    label: "Cancel the run",
    isBad: true,
    work: async (form) => {
      const comment = form.get("comment") || null;
      await send("POST", `/runs/${part(run.run)}/cancel`, { comment });
      await reload();
    },
  });
}

function resume({ run, go }) {
  return confirm({
    title: `Resume ${run.run}?`,
    text: "It goes on where it was. What has finished is not run again.",
    label: "Resume the run",
    work: async () => {
      await send("POST", `/runs/${part(run.run)}/resume`, undefined, {
        "idempotency-key": newKey(),
      });
      go(runAddress(run.run), { replace: true });
    },
  });
}

async function retry({ run, go }) {
  const key = newKey();
  const started = await confirm({
    title: `Retry ${run.run}?`,
    text: "What failed or never started is run again, as a new run. What has succeeded is left " +
      "as it is.",
    label: "Retry",
    work: () => send("POST", `/runs/${part(run.run)}/retry`, undefined, {
      "idempotency-key": key,
    }),
  });
  if (started) go(runAddress(started.run));
}

/** Takes back a run, or a part of it: a new run. */
export async function takeBack({ run, go, feed }, path, what) {
  const key = newKey();
  const done = [...(feed ? feed.states.deployments.values() : [])]
    .filter((it) => it.status === "succeeded" && (!path || it.path.startsWith(path)));
  const rows = done.slice(0, 12).map(({ deployment: it }) => [
    it.service, it.target, `${it.after || "—"} → ${it.before || "—"}`]);
  const wide = [0, 1].map((at) => Math.max(0, ...rows.map((it) => it[at].length)));
  const shown = rows.map((it) => h("li", h("code.columns",
    `${it[0].padEnd(wide[0])}  ${it[1].padEnd(wide[1])}  ${it[2]}`)));
  const started = await confirm({
    title: `Take back ${what || run.run}?`,
    text: "A new run undoes what was deployed. What a later run has deployed there is left alone.",
    extra: shown.length > 0 && h("ul.plain", shown,
      done.length > 12 && h("li.dim", `and ${done.length - 12} more`)),
    label: "Take back",
    isBad: true,
    work: () => send("POST", `/runs/${part(run.run)}/undo`, { path: path || null }, {
      "idempotency-key": key,
    }),
  });
  if (started) go(runAddress(started.run));
  return started;
}

/** The last lines of a command's log. */
export const tail = (run, node, lines, signal) =>
  get(`/runs/${part(run)}/log?node=${part(node)}&lines=${lines}`, signal);
