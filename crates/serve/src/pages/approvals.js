// All open questions.

import { get, whenChanged } from "./api.js";
import { fill, h } from "./dom.js";
import { nothing } from "./parts.js";
import { questionCard } from "./questions.js";

export async function show({ main, signal, title }) {
  title("Approvals");
  const place = h("div");
  main.append(h("h1", "Approvals"), place);
  const foreseen = new Map();
  let before = "";
  const load = async () => {
    const all = await get("/questions", signal);
    const now = JSON.stringify(all);
    if (now === before) return;
    before = now;
    const card = (it) => questionCard(it, { signal, foreseen, whenDone: load });
    const mine = all.filter((it) => it.may_answer);
    const others = all.filter((it) => !it.may_answer);
    fill(place,
      !all.length && nothing("No run asks anything. What a run asks is shown here as soon as " +
        "it does."),
      mine.length > 0 && [h("h2", "For you"), mine.map(card)],
      others.length > 0 && [h("h2", "For others"), others.map(card)]);
  };
  await load();
  whenChanged(load, signal);
}
