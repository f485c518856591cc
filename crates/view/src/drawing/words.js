// The words and symbols of the terminal: crates/view/src/style.rs and phrases.rs.

const MARKS = {
  succeeded: ["✓", "good"],
  deployed: ["✓", "good"],
  ignored: ["!", "warn"],
  superseded: ["!", "warn"],
  differs: ["!", "warn"],
  failed: ["✗", "bad"],
  refused: ["✗", "bad"],
  "rollback-failed": ["✗", "bad"],
  cancelled: ["✗", "bad"],
  "rolling-back": ["↶", "warn"],
  "rolled-back": ["↶", "warn"],
  running: ["▸", "note"],
  starting: ["▸", "note"],
  "under-way": ["▸", "note"],
  waiting: ["◦", "wait"],
  queued: ["◦", "wait"],
  asks: ["?", "warn"],
  stopped: ["!", "warn"],
  "broken-off": ["!", "warn"],
  unclear: ["!", "warn"],
  pending: ["·", "dim"],
  skipped: ["·", "dim"],
};

/** The symbol of a status. */
export const symbol = (status) => (MARKS[status] || ["·", "dim"])[0];

/** The tone of a status, which is a class of the style sheet. */
export const tone = (status) => (MARKS[status] || ["·", "dim"])[1];

/** The word of a status, as people say it. */
export function word(status, kind) {
  if (status === "skipped") return "not started";
  if (status === "pending") return "to come";
  if (kind === "deploy" && status === "succeeded") return "deployed";
  if (kind === "deploy" && status === "ignored") return "failed and ignored";
  return String(status).replaceAll("-", " ");
}

/** The order in which states are counted: what needs somebody comes first. */
export const COUNTED = [
  "failed", "rollback-failed", "rolling-back", "rolled-back", "running", "waiting", "queued",
  "succeeded", "ignored", "superseded", "cancelled", "skipped", "pending",
];

/** Whether nothing more happens to it. */
export const isFinal = (status) =>
  !["pending", "queued", "waiting", "running", "rolling-back"].includes(status);

/** Whether a run is not over yet. */
export const isOpen = (status) => ["starting", "running", "queued", "stopped"].includes(status);

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const two = (number) => String(number).padStart(2, "0");

/** `8s`, `1m 02s`, `2h 05m` */
export function elapsed(ms) {
  const left = Math.max(0, ms);
  if (left < MINUTE) return `${Math.floor(left / SECOND)}s`;
  const both = (large, [one, other], small) =>
    `${Math.floor(left / large)}${one} ${two(Math.floor((left % large) / small))}${other}`;
  if (left < HOUR) return both(MINUTE, "ms", SECOND);
  if (left < DAY) return both(HOUR, "hm", MINUTE);
  return both(DAY, "dh", HOUR);
}

/** How long something took: `0.8s`, `12s`, `1m 02s`. */
export function duration(ms) {
  const left = Math.max(0, ms);
  return left < 10 * SECOND ? `${(Math.floor(left / 100) / 10).toFixed(1)}s` : elapsed(left);
}

/** `3 minutes ago`, in short: `3m ago`. */
export function ago(time) {
  const passed = Date.now() - Date.parse(time);
  if (passed < 5 * SECOND) return "just now";
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)}s ago`;
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)}m ago`;
  if (passed < 2 * DAY) return `${Math.floor(passed / HOUR)}h ago`;
  return `${Math.floor(passed / DAY)}d ago`;
}

/** A date and a time of this place: `2026-12-01 05:14:54`. */
export function when(time) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return String(time);
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `1 deployment`, `3 deployments`, `5,000 cells` */
export const count = (number, noun) =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** `a, b and 3 more` */
export function list(names, most = 3, between = "and") {
  if (names.length <= 1) return names.join("");
  if (names.length > most) {
    const shown = names.slice(0, most - 1).join(", ");
    return `${shown} ${between} ${names.length - most + 1} more`;
  }
  return `${names.slice(0, -1).join(", ")} ${between} ${names.at(-1)}`;
}

/** `— → v1`; nothing where neither is known. */
export function versions(before, after) {
  if (!before && !after) return "";
  return `${before || "—"} → ${after || "—"}`;
}

/** What a node waits for; `since` is when that was said. */
export function waitText(waiting, since) {
  const passed = since ? Date.now() - Date.parse(since) : 0;
  const left = (after) => elapsed(Math.max(0, after - passed));
  switch (waiting.for) {
    case "barrier":
      return `waits for barrier ${waiting.name}: ${waiting.arrived} of ` +
        `${waiting.expected} arrived`;
    case "queue":
      return `waits in queue ${waiting.name}${behind(waiting, passed)}`;
    case "lock": {
      const many = waiting.names.length === 1 ? "" : "s";
      return `waits for the lock${many} of ${list(waiting.names)}${behind(waiting, passed)}`;
    }
    case "retry":
      return `retry ${waiting.attempt - 1} of ${waiting.of - 1} in ${left(waiting.after_ms)}`;
    case "time":
      return `waits: ${left(waiting.after_ms)} left`;
    case "approval": {
      const asks = (waiting.choices || []).includes("retry");
      const many = (waiting.count || 1) > 1;
      const yes = many ? ` (${(waiting.yes || []).length} of ${waiting.count})` : "";
      const limit = waiting.within_ms ? `, ${left(waiting.within_ms)} left` : "";
      const what = asks ? "asks what to do" : "waits for approval";
      return `${what}${yes}${limit}: ${waiting.question}`;
    }
    default:
      return "waits";
  }
}

function behind(waiting, passed) {
  const ahead = waiting.ahead ? `, ${waiting.ahead} before it` : "";
  const holder = (waiting.holders || [])[0];
  if (!holder) return ahead;
  return `, held by ${holder.run} (${holder.node}) for ` +
    `${elapsed(holder.held_ms + passed)}${ahead}`;
}

/** The failure as one line: `timeout: …`, `exit code 3`. */
export function failureText(failure) {
  const isSaid = failure.message.startsWith(`${failure.class} `);
  return isSaid ? failure.message : `${failure.class}: ${failure.message}`;
}
