// Questions that a run asks people, and the answers.

import { part, send } from "./api.js";
import { h, say } from "./dom.js";
import { people } from "./node-path.js";
import { commentField, confirm, link, runAddress, timeText } from "./parts.js";
import { whatIf } from "./what-if.js";
import { list } from "./words.js";

const LABELS = {
  yes: "Approve…", no: "Reject…", retry: "Retry…", ignore: "Ignore the failure…",
  rollback: "Roll back…", abort: "Abort…",
};
const MEANS = {
  yes: "The run goes on.",
  no: "The approval fails, and with it what it stands in.",
  retry: "What failed is tried again.",
  ignore: "The run goes on as if it had succeeded.",
  rollback: "What was done is taken back.",
  abort: "The failure stands, and nothing is taken back.",
};

/** A question with its buttons, and what a failure after it would lead to. */
export function questionCard(question, { signal, isOnItsRun, whenDone, foreseen }) {
  const said = question.count > 1
    ? `${question.yes.length} of ${question.count} have said yes` : "";
  const who = question.by.length ? `for ${list(question.by)}` : "for anybody who may approve";
  const isApproval = question.answers.includes("yes");
  // It is worked out once, though the card is drawn anew.
  const key = `${question.run} ${question.question}`;
  if (!foreseen.has(key)) {
    foreseen.set(key, whatIf(question.run, isApproval ? null : question.node, signal));
  }
  const buttons = question.answers.map((answer, at) => h(at === 0 ? "button.main" : "button", {
    type: "button", "data-key": `${key} ${answer}`,
    onclick: () => ask(question, answer, whenDone),
  }, LABELS[answer]));
  return h("section.question", { "aria-label": question.text },
    h("p.headline", h("span.mark.warn", { "aria-hidden": "true" }, "?"), " ",
      h("strong", question.text)),
    h("p.dim", [
      !isOnItsRun && [link(runAddress(question.run), question.run), ` ${question.pipeline}, `,
        `started by ${question.user} · `],
      `${people(question.node)} asks, `, timeText(question.asked_at), ` · ${who}`,
      question.except.length > 0 && ` · not ${list(question.except)}`,
      said && ` · ${said}`,
      question.yes.length > 0 && `: ${list(question.yes)}`,
    ]),
    question.is_stopped && h("p.dim", "The run is stopped: it hears the answer when it goes on."),
    question.may_answer
      ? h("div.buttons", buttons)
      : h("p.callout", "You may not answer: ", question.why_not || "you have no right to", "."),
    h("h3.small", isApproval ? "If a deployment fails afterwards" : "If it fails again"),
    foreseen.get(key));
}

function ask(question, answer, whenDone) {
  return confirm({
    title: `${LABELS[answer].replace("…", "")}: ${question.text}`,
    text: MEANS[answer],
    extra: commentField(),
    label: LABELS[answer].replace("…", ""),
    isBad: ["no", "abort", "rollback"].includes(answer),
    work: async (form) => {
      await send("POST", `/runs/${part(question.run)}/answers`, {
        question: question.question, answer, comment: form.get("comment") || null,
      });
      say("Answered");
      await whenDone();
    },
  });
}
