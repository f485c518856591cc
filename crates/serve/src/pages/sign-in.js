// Signing in with a name and a password.

import { send } from "./api.js";
import { h } from "./dom.js";
import { field, problemBox } from "./parts.js";

export async function show({ main, query, title, go }) {
  title("Sign in");
  const name = h("input", { name: "name", autocomplete: "username", required: true });
  const password = h("input", {
    name: "password", type: "password", autocomplete: "current-password", required: true,
  });
  const trouble = h("div");
  const button = h("button.main", { type: "submit" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    trouble.replaceChildren();
    try {
      await send("POST", "/session", { name: name.value, password: password.value });
      document.dispatchEvent(new CustomEvent("user-changed"));
      await go(ownAddress(query.get("back")));
    } catch (problem) {
      button.disabled = false;
      password.value = "";
      trouble.replaceChildren(problemBox(problem));
      password.focus();
    }
  };
  main.append(h("form.narrow", { onsubmit: submit }, h("h1", "Sign in"), field("Name", name),
    field("Password", password), trouble, h("div.buttons", button)));
}

/** Only a page of this server: a link from elsewhere must not lead on to another site. */
function ownAddress(address) {
  if (!address || !address.startsWith("/")) return "/runs";
  const to = new URL(address, location.origin);
  return to.origin === location.origin ? to.pathname + to.search + to.hash : "/runs";
}
