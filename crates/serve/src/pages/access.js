// Who may do what: users, groups, permissions, tokens. For administrators.

import { get, part, send } from "./api.js";
import { fill, h, say } from "./dom.js";
import { confirm, nothing, problemBox, showOnce, table, timeText } from "./parts.js";
import { RIGHTS, tokenTable } from "./tokens.js";
import { when } from "./words.js";

export async function show({ main, signal, title, user }) {
  title("Access");
  if (!user.is_admin) {
    main.append(h("h1", "Access"), nothing("Only administrators see who may do what."));
    return;
  }
  const places = { users: h("div"), groups: h("div"), grants: h("div"), tokens: h("div") };
  const load = async () => {
    const [users, groups, grants, tokens] = await Promise.all(
      ["/users", "/groups", "/grants", "/tokens"].map((it) => get(it, signal)),
    );
    fill(places.users, userTable(users, load, user));
    fill(places.groups, groupTable(groups, users, load));
    fill(places.grants, grantTable(grants, load));
    fill(places.tokens, tokenTable(tokens, load, { hasOwner: true }));
    fill(known, [...users.map((it) => `user ${it.name}`), ...groups.map((it) => (
      `group ${it.name}`)), "everyone"].map((it) => h("option", { value: it })));
  };
  const known = h("datalist", { id: "known-people" });
  main.append(h("h1", "Access"), known,
    h("section", h("h2", "Users"), places.users,
      oneField("Invite a user", "Name", "Invite", async (name) => {
        const made = await send("POST", "/users", { name });
        showOnce(`Invitation for ${name}`, `It works once, until ${when(made.expires_at)}. ` +
          "Send it to them: it is shown now and never again.", made.url);
        await load();
      })),
    h("section", h("h2", "Groups"), places.groups,
      oneField("Make a group", "Name of the group", "Make", async (name) => {
        await send("POST", "/groups", { name });
        await load();
      })),
    h("section", h("h2", "Permissions"),
      h("p.dim", "Administrators may do everything. Others may do what is permitted to them, to " +
        "their groups or to everyone."), places.grants, grantForm(load)),
    h("section", h("h2", "Tokens"), places.tokens));
  await load();
}

function oneField(title, label, button, work) {
  const trouble = h("div");
  const id = `new-${label.toLowerCase().replaceAll(" ", "-")}`;
  const input = h("input", { id, required: true, autocomplete: "off", spellcheck: "false" });
  const submit = async (event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      await work(input.value.trim());
      input.value = "";
    } catch (problem) {
      fill(trouble, problemBox(problem));
    }
  };
  return h("form.inline", { onsubmit: submit, "aria-label": title },
    h("label", { for: id }, label), input, h("button", { type: "submit" }, button), trouble);
}

function userTable(users, load, self) {
  const change = (name, body, titleText, text) => confirm({
    title: titleText, text, label: "Do it", isBad: Boolean(body.is_disabled || body.is_admin),
    work: async () => {
      await send("PATCH", `/users/${part(name)}`, body);
      await load();
    },
  });
  return table("Users", ["Name", "State", "Groups", "Since", ""], users.map((it) => {
    const quiet = (text, onclick) => h("button.quiet", {
      type: "button", "data-key": `${text} ${it.name}`, "aria-label": `${text} ${it.name}`, onclick,
    }, text);
    return [
      h("th", { scope: "row" }, it.name, it.is_admin && h("span.dim", " administrator")),
      it.is_disabled ? h("span.state.bad", "✗ disabled") : h("span.state.good", "✓ active"),
      it.groups.join(", ") || h("span.dim", "none"), timeText(it.created_at),
      h("div.row", quiet("New link…", () => newLink(it.name)),
        it.name !== self.name && quiet(it.is_admin ? "No administrator…" : "Administrator…",
          () => change(it.name, { is_admin: !it.is_admin }, it.is_admin
            ? `${it.name} is to be no administrator?` : `Make ${it.name} an administrator?`,
          it.is_admin ? "" : "Administrators may do everything.")),
        it.name !== self.name && quiet(it.is_disabled ? "Enable…" : "Disable…",
          () => change(it.name, { is_disabled: !it.is_disabled },
            `${it.is_disabled ? "Enable" : "Disable"} ${it.name}?`,
            it.is_disabled ? "" : "Their sessions and tokens end at once."))),
    ];
  }));
}

async function newLink(name) {
  const made = await confirm({
    title: `A new link for ${name}?`,
    text: "With the link they choose a new password.",
    label: "Make the link",
    work: () => send("POST", `/users/${part(name)}/password-link`),
  });
  if (made) {
    showOnce(`Link for ${name}`, `It works once, until ${when(made.expires_at)}. It is shown ` +
      "now and never again.", made.url);
  }
}

function groupTable(groups, users, load) {
  if (!groups.length) return nothing("There are no groups.");
  const act = async (work) => {
    try {
      await work();
      await load();
    } catch (problem) {
      say(problem.message);
    }
  };
  return table("Groups", ["Group", "Members", "Put in", ""], groups.map((it) => {
    const others = users.filter((user) => !it.members.includes(user.name));
    const member = (name) => h("li", name, " ", h("button.quiet", {
      type: "button", "aria-label": `Take ${name} out of ${it.name}`,
      "data-key": `${it.name} ${name}`,
      onclick: () => act(() => send("DELETE",
        `/groups/${part(it.name)}/members/${part(name)}`)),
    }, "take out"));
    const select = h("select", {
      "aria-label": `Put somebody into ${it.name}`, "data-key": `into ${it.name}`,
      onchange: () => select.value && act(() => send("PUT",
        `/groups/${part(it.name)}/members/${part(select.value)}`)),
    }, h("option", { value: "" }, "choose…"),
    others.map((user) => h("option", { value: user.name }, user.name)));
    return [
      h("th", { scope: "row" }, it.name),
      it.members.length ? h("ul.plain.inline-list", it.members.map(member))
        : h("span.dim", "nobody"),
      others.length ? select : "",
      h("button.quiet", {
        type: "button", "aria-label": `Remove group ${it.name}`, "data-key": `remove ${it.name}`,
        onclick: () => confirm({
          title: `Remove group ${it.name}?`, text: "What was permitted to it is removed, too.",
          label: "Remove it", isBad: true,
          work: async () => {
            await send("DELETE", `/groups/${part(it.name)}`);
            await load();
          },
        }),
      }, "Remove…"),
    ];
  }));
}

function grantTable(grants, load) {
  if (!grants.length) return nothing("Nothing is permitted to anybody but administrators.");
  return table("Permissions", ["Who", "May", "On", ""], grants.map((it) => [
    h("th", { scope: "row" }, it.who), it.right, h("code", it.on),
    h("button.quiet", {
      type: "button", "data-key": `grant ${it.id}`,
      "aria-label": `Take away: ${it.who} may ${it.right} on ${it.on}`,
      onclick: () => confirm({
        title: "Take this permission away?", text: `${it.who} may ${it.right} on ${it.on}`,
        label: "Take it away", isBad: true,
        work: async () => {
          await send("DELETE", `/grants/${it.id}`);
          await load();
        },
      }),
    }, "Take away…"),
  ]));
}

function grantForm(load) {
  const trouble = h("div");
  const who = h("input", { id: "grant-who", list: "known-people", required: true });
  const right = h("select", { id: "grant-right" }, RIGHTS.map(([name, text]) => (
    h("option", { value: name }, `${name}: ${text}`))));
  const kind = h("select", { id: "grant-kind" }, h("option", "targets"), h("option", "pipelines"));
  const pattern = h("input", { id: "grant-on", required: true, value: "*", spellcheck: "false" });
  const submit = async (event) => {
    event.preventDefault();
    trouble.replaceChildren();
    try {
      await send("POST", "/grants", {
        who: who.value.trim(), right: right.value, on: `${kind.value} ${pattern.value.trim()}`,
      });
      say("Permitted");
      await load();
    } catch (problem) {
      fill(trouble, problemBox(problem));
    }
  };
  return h("form.inline", { onsubmit: submit, "aria-label": "Permit something" },
    h("label", { for: "grant-who" }, "Who"), who, h("label", { for: "grant-right" }, "may"), right,
    h("label", { for: "grant-kind" }, "on"), kind,
    h("label.unseen", { for: "grant-on" }, "Pattern"), pattern,
    h("button", { type: "submit" }, "Permit"), trouble,
    h("p.help", "Who: user ada, group ops, trigger NAME or everyone. A pattern such as prod.* or " +
      "shop.deploy/*. To start a run somebody needs run on its pipeline and on all of its " +
      "infrastructures."));
}

