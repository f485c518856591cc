// API tokens: a list, and a form for a new one.

import { send } from "./api.js";
import { fill, h } from "./dom.js";
import { confirm, nothing, problemBox, showOnce, table, timeText } from "./parts.js";
import { when } from "./words.js";

export const RIGHTS = [
  ["view", "see runs, plans and logs"], ["run", "start, retry, take back"],
  ["approve", "answer approvals"], ["cancel", "cancel runs"],
  ["answer", "decide about failures"], ["outside-window", "deploy outside of windows"],
];

/** The tokens of somebody, or of all. */
export function tokenTable(tokens, load, { hasOwner } = {}) {
  if (!tokens.length) return nothing("There are no tokens.");
  const columns = ["Name", hasOwner && "Of", "Rights", "On", "Made", "Ends", "Used", ""];
  return table("Tokens", columns.filter((it) => it !== undefined && it !== false),
    tokens.map((it) => [
      h("th", { scope: "row" }, it.name), hasOwner && it.user, it.rights.join(", "),
      [it.pipelines && `pipelines ${it.pipelines.join(", ")}`,
        it.targets && `targets ${it.targets.join(", ")}`].filter(Boolean).join(" · ") || "all",
      timeText(it.created_at), it.revoked_at ? h("span.bad", "✗ ended") : when(it.expires_at),
      it.last_used_at ? timeText(it.last_used_at) : h("span.dim", "never"),
      !it.revoked_at && h("button.quiet", {
        type: "button", "data-key": `end ${it.id}`, "aria-label": `End token ${it.name}`,
        onclick: () => confirm({
          title: `End token ${it.name}?`, text: "What uses it is refused from now on.",
          label: "End it", isBad: true,
          work: async () => {
            await send("DELETE", `/tokens/${it.id}`);
            await load();
          },
        }),
      }, "End…"),
    ].filter((cell, at) => at !== 1 || hasOwner)));
}

/** The form for a new token of the caller. */
export function tokenForm(user, load) {
  const trouble = h("div");
  const name = h("input", { id: "token-name", required: true, autocomplete: "off" });
  const days = h("input", { id: "token-days", inputmode: "numeric", value: "90" });
  const pipelines = h("input", { id: "token-pipelines", autocomplete: "off" });
  const targets = h("input", { id: "token-targets", autocomplete: "off" });
  const all = user.is_admin ? [...RIGHTS, ["admin", "everything an administrator may"]] : RIGHTS;
  const boxes = all.map(([right]) => h("input", { type: "checkbox", value: right,
    checked: right === "view" }));
  const patterns = (text) => {
    const found = text.split(/[\s,]+/).filter(Boolean);
    return found.length ? found : null;
  };
  const submit = async (event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      const made = await send("POST", "/tokens", {
        name: name.value, rights: boxes.filter((it) => it.checked).map((it) => it.value),
        pipelines: patterns(pipelines.value), targets: patterns(targets.value),
        days: Number(days.value) || null,
      });
      name.value = "";
      showOnce(`Token ${made.name}`, "It is shown now and never again. Send it as " +
        "Authorization: Bearer …", made.token);
      await load();
    } catch (problem) {
      fill(trouble, problemBox(problem));
    }
  };
  return h("form.short-form", { onsubmit: submit, "aria-label": "A new token" },
    h("h3", "A new token"),
    h("div.field", h("label", { for: "token-name" }, "Name"), name),
    h("fieldset.field", h("legend", "Rights"), all.map(([right, text], at) => (
      h("label.check.block", boxes[at], ` ${right}`, h("span.dim", ` ${text}`))))),
    h("div.field", h("label", { for: "token-pipelines" }, "Only these pipelines"), pipelines,
      h("div.help", "Patterns such as shop.deploy/*; all if it is empty.")),
    h("div.field", h("label", { for: "token-targets" }, "Only these infrastructures"), targets,
      h("div.help", "Patterns such as prod.*; all if it is empty.")),
    h("div.field", h("label", { for: "token-days" }, "Ends after so many days (366 at most)"),
      days),
    trouble, h("div.buttons", h("button.main", { type: "submit" }, "Make the token")));
}
