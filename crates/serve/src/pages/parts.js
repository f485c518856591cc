// Parts that several pages show.

import { h, newId, say } from "./dom.js";
import { Problem } from "./api.js";
import { ago, symbol, tone, when, word } from "./words.js";

/** The symbol, the colour and the word of a status. */
export function badge(status, kind) {
  return h(`span.state.${tone(status)}`, h("span.mark", { "aria-hidden": "true" },
    symbol(status)), " ", word(status, kind));
}

/** A time as it passes: `3m ago`, with the whole of it as a title. */
export function timeText(time) {
  if (!time) return "";
  return h("time", { datetime: time, title: when(time) }, ago(time));
}

/** What the server has refused, with the mistakes as the command line shows them. */
export function problemBox(problem) {
  const isKnown = problem instanceof Problem;
  const mistakes = isKnown ? problem.diagnostics : [];
  const text = isKnown && problem.detail && !mistakes.length ? h("p", problem.detail) : null;
  return h("div.problem", { role: "alert" },
    h("p.headline", h("span.mark.bad", { "aria-hidden": "true" }, "✗"), " ",
      isKnown ? problem.title : "This page has a fault"),
    isKnown ? text : h("p", String(problem)),
    mistakes.map(mistake));
}

/** A mistake with the lines that it is about, as the command line shows it. */
export const mistake = (it) => h("pre", { tabindex: "0", "aria-label": it.message },
  it.text.trim().replace(/\n\n\d+ errors?$/, ""));

/** A command that can be copied. */
export function command(text) {
  const copy = h("button.quiet", {
    type: "button",
    title: "Copy this command",
    "aria-label": `Copy: ${text}`,
    onclick: () => copyText(text, copy),
  }, "Copy");
  return h("span.command", h("code", text), copy);
}

/** Copies a text, and says so. */
export async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied");
  } catch {
    // Without TLS there may be no clipboard.
    button.textContent = "Select and copy it";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
}

/** A link that turns into a page without loading anew. */
export const link = (address, ...text) => h("a", { href: address }, text);

/** The address of a run's page, or of one of its parts. */
export const runAddress = (run, part = "") =>
  `/runs/${encodeURIComponent(run)}${part ? `/${part}` : ""}`;

/** The address of a command's log. */
export const logAddress = (run, node, line) =>
  `${runAddress(run, "console")}?node=${encodeURIComponent(node)}${line ? `#L${line}` : ""}`;

/** What stands where a list is empty. */
export const nothing = (text, ...more) => h("p.nothing", text, more);

/** What `work` of a dialog gives so that the dialog stays, with what was shown in it. */
export const STAY = Symbol("stay");

/**
 * Asks before something is done. `work` does it and may fail: then the reason is shown, and the
 * dialog stays. Answers with what `work` gives, or with nothing.
 */
export function confirm({ title, text, extra, label, isBad, work }) {
  return new Promise((done) => {
    const id = newId("dialog");
    const trouble = h("div");
    const go = h(isBad ? "button.danger" : "button.main", { type: "submit" }, label);
    let result;
    const submit = async (event) => {
      event.preventDefault();
      go.disabled = true;
      trouble.replaceChildren();
      try {
        result = (await work(new FormData(form))) ?? true;
        if (result === STAY) go.disabled = false;
        else dialog.close();
      } catch (problem) {
        go.disabled = false;
        trouble.replaceChildren(problemBox(problem));
      }
    };
    const form = h("form", { onsubmit: submit },
      h("h2", { id }, title), text && h("p", text), extra, trouble,
      h("div.buttons", go, h("button", { type: "button", onclick: () => dialog.close() },
        "Leave it")));
    const dialog = h("dialog", { "aria-labelledby": id }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A field with its label and what is to be said about it. */
export function field(label, input, { help, error } = {}) {
  const id = input.id || newId("field");
  input.id = id;
  const helpId = help ? `${id}-help` : null;
  const said = [helpId, error ? `${id}-error` : null].filter(Boolean).join(" ");
  if (said) input.setAttribute("aria-describedby", said);
  return h("div.field", h("label", { for: id }, label),
    help && h("div.help", { id: helpId }, help), input,
    error && h("div.error", { id: `${id}-error` }, error));
}

/** A comment that can be given with an answer. */
export const commentField = () =>
  field("Reason (kept with it)", h("input", { name: "comment", maxlength: "500" }));

/**
 * A table: names of columns, rows of cells. It scrolls by itself where there is no room. The roles
 * are said, since a row that the style sheet draws as a block would lose its own.
 */
export function table(label, columns, rows) {
  const head = columns.map((name) => (name
    ? h("th", { scope: "col", role: "columnheader" }, name)
    : h("td", { role: "cell" })));
  const cellOf = (cell) => {
    const isCell = cell instanceof Node && /^T[HD]$/.test(cell.tagName);
    const element = isCell ? cell : h("td", cell);
    element.setAttribute("role", element.tagName === "TH" ? "rowheader" : "cell");
    return element;
  };
  return h("div.scroll", { role: "region", "aria-label": label, tabindex: "0" },
    h("table", { role: "table", "aria-label": label },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)),
      h("tbody", { role: "rowgroup" }, rows.map((cells) => (
        h("tr", { role: "row" }, cells.map(cellOf)))))));
}

/** A dialog with something that is shown once. */
export function showOnce(title, text, secret) {
  const id = newId("dialog");
  const copy = h("button.main", { type: "button", onclick: () => copyText(secret, copy) }, "Copy");
  const dialog = h("dialog", { "aria-labelledby": id }, h("h2", { id }, title), h("p", text),
    h("p", h("code.secret", secret)),
    h("div.buttons", copy, h("button", { type: "button", onclick: () => dialog.close() },
      "I have it")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
