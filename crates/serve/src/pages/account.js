// The account of who is signed in, with their tokens.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { tokenForm, tokenTable } from "./tokens.js";
import { list } from "./words.js";

export async function show({ main, signal, title, user }) {
  title("Account");
  const place = h("div");
  const load = async () => {
    const all = await get("/tokens", signal);
    fill(place, tokenTable(all.filter((it) => it.user === user.name), load));
  };
  main.append(h("h1", user.name),
    h("dl.facts", h("div", h("dt", "Role"), h("dd", user.is_admin ? "administrator" : "user")),
    h("div", h("dt", "Groups"), h("dd", user.groups.length ? list(user.groups, 20) : "none")),
    h("div", h("dt", "Server"), h("dd", `Lockstep ${user.version}, `,
        h("a", { href: "/api/v1/openapi.json", target: "_blank", rel: "noreferrer" },
          "description of its API")))),
    h("section", h("h2", "Your tokens"), place, tokenForm(user, load)));
  await load();
}
