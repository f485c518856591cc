// A one-time link: choose a name and a password.

import { get, part, send } from "./api.js";
import { h } from "./dom.js";
import { field, problemBox } from "./parts.js";

const MIN_CHARS = 12;
const TEXTS = {
  "first-admin": ["Make the first account", "It is that of an administrator, who invites others."],
  "new-user": ["Make your account", ""],
  "password-reset": ["Choose a new password", ""],
};

export async function show({ main, title, go }) {
  title("Invitation");
  // The token stands behind `#`, which no server and no log gets to see.
  const token = location.hash.slice(1);
  let link;
  try {
    link = await get(`/invitations/${part(token)}`);
  } catch (problem) {
    main.append(h("h1", "This link does not work"), problemBox(problem),
      h("p", "A link works once, and not for long. Ask an administrator for another one."));
    return;
  }
  const [heading, text] = TEXTS[link.purpose] || TEXTS["new-user"];
  const name = h("input", {
    name: "name", autocomplete: "username", required: true, value: link.name || "",
    readonly: Boolean(link.name),
  });
  const password = h("input", {
    name: "password", type: "password", autocomplete: "new-password", required: true,
    minlength: String(MIN_CHARS),
  });
  const trouble = h("div");
  const button = h("button.main", { type: "submit" }, heading);
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    trouble.replaceChildren();
    try {
      await send("POST", `/invitations/${part(token)}`, {
        name: link.name ? null : name.value, password: password.value,
      });
      document.dispatchEvent(new CustomEvent("user-changed"));
      await go("/runs", { replace: true });
    } catch (problem) {
      button.disabled = false;
      trouble.replaceChildren(problemBox(problem));
    }
  };
  main.append(h("form.narrow", { onsubmit: submit }, h("h1", heading), text && h("p", text),
    field("Name", name, {
      help: link.name ? null : "Runs that you start carry it. Small letters, digits and dashes.",
    }),
    field("Password", password, { help: `At least ${MIN_CHARS} characters.` }), trouble,
    h("div.buttons", button)));
}
