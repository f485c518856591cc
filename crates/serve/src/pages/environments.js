// What is where now: a table for each environment, services down, infrastructures across.

import { get, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { command, link, nothing, runAddress, table, timeText } from "./parts.js";
import { takeBack } from "./run-actions.js";
import { symbol, tone, word } from "./words.js";

export async function show({ main, signal, title, go }) {
  title("Environments");
  const place = h("div");
  main.append(h("div.title-row", h("h1", "Environments"), command("lockstep ledger")), place);
  let before = "";
  const load = async () => {
    const all = await get("/environments", signal);
    const now = JSON.stringify(all);
    if (now === before) return;
    before = now;
    fill(place, !all.length && nothing("There are no infrastructures that you may see."),
      all.map((it) => environment(it, go)));
  };
  await load();
  whenChanged(load, signal);
}

function environment(it, go) {
  const differing = it.services.filter((service) => service.differs).length;
  const heading = h("h2", it.environment, " ", differing > 0 && h("span.state.warn",
    h("span.mark", { "aria-hidden": "true" }, "! "),
    `${differing} of ${it.services.length} differ`));
  if (!it.services.length) {
    return h("section", heading, nothing(`Nothing has been deployed to ` +
      `${it.infrastructures.join(", ")}.`));
  }
  const rows = it.services.map((service) => {
    const places = new Map(service.places.map((at) => [at.infrastructure, at]));
    return [h("th", { scope: "row" }, service.service, service.differs &&
      h("div.state.warn", h("span.mark", { "aria-hidden": "true" }, "! "), "differs")),
    ...it.infrastructures.map((name) => cell(service, places.get(name), go))];
  });
  return h("section.compact", heading, table(`What is in ${it.environment}`,
    ["Service", ...it.infrastructures], rows));
}

function cell(service, at, go) {
  if (!at) return h("td.dim", "—");
  const name = `${service.service} of ${at.infrastructure}`;
  return h("td", h("div.place",
    h("div", h("span.mark", { class: tone(at.state), "aria-hidden": "true" }, symbol(at.state)),
      " ",
      h("strong.version", { class: service.differs ? "warn" : null }, at.version || "—"),
      at.state === "deployed" ? h("span.unseen", " deployed")
        : [" ", h("span", { class: tone(at.state) }, word(at.state))]),
    h("div.dim", at.before && `was ${at.before} · `, timeText(at.since),
      at.user && ` by ${at.user}`),
    at.run && h("div.row", link(`${runAddress(at.run)}?node=${encodeURIComponent(at.node)}`,
      h("code", at.run)), at.state === "deployed" && at.may_undo && h("button.quiet", {
      type: "button", "data-key": `${at.infrastructure} ${service.service}`,
      "aria-label": `Take back ${name}`,
      onclick: () => takeBack({ run: { run: at.run }, go }, at.node, name),
    }, "Take back…"))));
}

